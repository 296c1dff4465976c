"""The interactive workbench. It only observes and commands a live session; nothing of that is known here."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

from textual import work
from textual.binding import Binding, BindingType, Keymap
from textual.screen import Screen
from textual.signal import Signal

from workbench.threads import to_thread
from workbench.tui.choices import Choices
from workbench.tui.frame import Frame
from workbench.tui.screens.starting import StartingScreen
from workbench.tui.shell import COMMON, Shell
from workbench.tui.texts import _
from workbench.tui.widgets.top_bar import TABS, Tab

if TYPE_CHECKING:
    from workbench.events import Event
    from workbench.live import Live
    from workbench.tui.job_desk import JobDesk
    from workbench.tui.screens.ask import Ask

OpenLive: TypeAlias = Callable[[], Awaitable["Live"]]
"""Makes the live session, after the first paint: it takes plugins, hardware and a profile. It is not entered yet."""


class WorkbenchApp(Shell):
    TITLE = "workbench"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(tab.key, f"show('{tab.mode}')", tab.label, show=False, id=f"app.{tab.mode}") for tab in TABS),
        Binding("5", "reserved", "Bench", show=False, id="app.bench"),
        *COMMON,
    ]
    tabs = TABS

    def __init__(self, open_live: OpenLive, choices: Choices, *, keys: Keymap | None = None) -> None:
        """`keys`: other keys than the usual ones, by the id of their binding."""
        super().__init__(choices, keys=keys)
        self.begun: Signal[list[Event]] = Signal(self, "begun")
        """A session begins, or goes on after these events."""
        self._open_live = open_live
        self._live: Live | None = None
        self._desk: JobDesk | None = None
        self._leave: Ask | None = None
        """The question whether to leave."""
        for tab in TABS:
            self.add_mode(tab.mode, partial(_screen_of, tab))

    # the live session

    @property
    def is_open(self) -> bool:
        """There is a live session."""
        return self._live is not None

    @property
    def live(self) -> Live:
        assert self._live is not None, "screens are shown when there is a live session"
        return self._live

    @property
    def desk(self) -> JobDesk:
        """The queue of files."""
        assert self._desk is not None, "screens are shown when there is a live session"
        return self._desk

    def get_default_screen(self) -> Screen[Any]:
        return StartingScreen()

    async def work_on(self) -> None:
        """Hold the live session, and the queue of files."""
        live = await self._open_live()
        if self._exit:
            return
        async with live:
            await to_thread(import_module, "workbench.tui.job_desk")  # it takes a while, and keys go first
            from workbench.tui.job_desk import JobDesk

            self._live, self._desk = live, JobDesk(self)
            live.observe(self._tell)
            await self._opened()
            await self.desk.work(self._leaving)

    async def _opened(self) -> None:
        from workbench.tui import interrupted

        self.live.change()  # loads the engines of the profile
        if self.choices.welcomed:
            self._show_first()
        else:
            from workbench.tui.screens.welcome import WelcomeScreen

            self.push_screen(WelcomeScreen(), lambda _: self._welcomed())
        await self.check_keys()
        await interrupted.tell(self)
        gc.freeze()

    def _welcomed(self) -> None:
        self.choose(welcomed=True)
        self._show_first()

    def _show_first(self) -> None:
        self.switch_mode(self.choices.screen if self.choices.screen in self._modes else "live")

    def _tell(self, event: Event) -> None:
        from workbench.tui.live_notices import notice_of

        if notice := notice_of(event):
            self.take(notice)

    # screens

    def action_show(self, mode: str) -> None:
        if self._live is None:
            self.choices = replace(self.choices, screen=mode)  # is shown in a moment
        else:
            self.switch_mode(mode)
            self.choose(screen=mode)

    def action_reserved(self) -> None:
        self.notice(_("There is no screen to compare engines."), _("4 Plugins shows how fast each one is."))

    # leaving

    async def action_quit(self) -> None:
        is_live = self._live is not None and self._live.phase.value != "idle"
        files = self._desk.unfinished if self._desk else 0
        from workbench.tui.screens.ask import Ask

        is_asked = self._leave is not None and self._leave.is_current  # Ctrl-C once more means it
        if is_asked or (not is_live and not files):
            self.exit(0)
            return
        said, answers = [], {}
        if is_live:
            said.append(_("A live session is running."))
            answers = {
                "s": _("stop, work off what was said, and quit"),
                "q": _("quit now: the audio is kept, and can be worked off later"),
            }
        if files:
            said.append(
                _("Files that are not done: {count}. They go on when the workbench is next opened.", count=files)
            )
            answers.setdefault("q", _("quit"))
        self._leave = Ask("\n".join(said), answers)
        self.push_screen(self._leave, self._quit_as_answered)

    def _quit_as_answered(self, answer: str | None) -> None:
        if answer == "q":
            self.exit(0)
        elif answer == "s":
            self.live.stop()
            self._quit_when_finished()

    @work
    async def _quit_when_finished(self) -> None:
        await self.live.finished()
        self.exit(0)


def _screen_of(tab: Tab) -> Frame:
    """Import the screen of `tab`, and make it."""
    module, _colon, name = tab.screen.partition(":")
    screen = cast(Frame, getattr(import_module(module), name)())
    gc.freeze()  # what was imported stays: to look through it for garbage stops keys and audio for 0.1 s and more
    return screen
