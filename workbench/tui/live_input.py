"""The input of the Live screen: which one it is, and what is begun with it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from textual.worker import Worker

from workbench.live import LivePhase, Source
from workbench.threads import to_thread
from workbench.tui.failures import noticed
from workbench.tui.finishing import finish, tell_end
from workbench.tui.interrupted import Answer
from workbench.tui.screens.device import Chosen, default_label
from workbench.tui.texts import _

if TYPE_CHECKING:
    from workbench.recording import Recording
    from workbench.tui.frame import Frame

_ABOUT: Final = "input"


class LiveInput:
    """One thing is opened at a time: a recording, or a look at the level alone."""

    def __init__(self, screen: Frame, changed: Callable[[], None]) -> None:
        """`changed` is called after each change of what is captured."""
        self.source = Source(device=screen.workbench.choices.device)
        self.label = ""
        """Of the source, for when nothing is captured."""
        self.is_tested = False
        """Its level is looked at, and nothing is recorded."""
        self._screen, self._workbench = screen, screen.workbench
        self._changed = changed
        self._opening: Worker[None] | None = None

    async def find_label(self) -> None:
        self.label = await to_thread(default_label, self.source.device)

    def use(self, chosen: Chosen | None) -> None:
        """Take this one from now on. None: the one before stays."""
        if chosen is None:
            return
        self.source, self.label = chosen.source, chosen.label
        if chosen.source.path is None:
            self._workbench.choose(device=chosen.source.device)
        if self._workbench.live.phase is not LivePhase.IDLE or self.is_tested:
            self._workbench.live.use(chosen.source)
        self._changed()

    def record(self) -> None:
        self._open(self._record())

    def go_on(self, recording: Recording, answer: Answer) -> None:
        """With a session that was interrupted."""
        self._open(self._finish(recording) if answer == "finish" else self._record(recording))

    def test(self) -> None:
        """Look at the level, or cease to."""
        self._open(self._test())

    def _open(self, opening: Coroutine[Any, Any, None]) -> None:
        if self._opening is not None and not self._opening.is_finished:
            opening.close()
            self._workbench.notice(_("The input is being opened."))
        else:
            self._opening = self._screen.run_worker(opening, group="record")

    async def _record(self, recording: Recording | None = None) -> None:
        self.is_tested = False
        with noticed(self._workbench, _("d chooses another device."), about=_ABOUT):
            told = await to_thread(recording.told) if recording else []
            await self._workbench.live.start(self.source, recording)
            self._workbench.settle(_ABOUT)
            self._workbench.begun.publish(told)
            self._await_end()
        self._changed()

    async def _finish(self, recording: Recording) -> None:
        with noticed(self._workbench):
            await finish(self._workbench, recording)
            self._await_end()
        self._changed()

    async def _test(self) -> None:
        if self.is_tested:
            self.is_tested = False
            await self._workbench.live.unlisten()
        else:
            with noticed(self._workbench, _("d chooses another device."), about=_ABOUT):
                await self._workbench.live.listen(self.source)
                self._workbench.settle(_ABOUT)
                self.is_tested = True
        self._changed()

    def _await_end(self) -> None:
        self._screen.run_worker(tell_end(self._workbench), group="session")
