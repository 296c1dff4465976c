"""What was said in a file: as it comes while the file is worked on, and as it is stored afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.worker import Worker

from workbench import events
from workbench.errors import WorkbenchError
from workbench.jobs.checkpoint import State
from workbench.jobs.partial import told
from workbench.jobs.store import JobStore
from workbench.threads import to_thread
from workbench.tui.texts import _
from workbench.tui.widgets.captions import CaptionView
from workbench.tui.widgets.panel import harmless

if TYPE_CHECKING:
    from workbench.jobs.queue import Entry


class JobText(CaptionView):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "screen.back", "Back to the list", show=False, id="jobs.back"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._entry: Entry | None = None
        self._told: Sequence[events.Event] | None = None
        """What the file says now, of which so many are shown:"""
        self._count = 0
        self._stored = ("", 0.0)
        """(name, position) of the job of which all is shown, or being read."""
        self._reading: Worker[None] | None = None

    def show_file(self, entry: Entry | None, told: Sequence[events.Event] | None) -> None:
        """`told`: what was said so far, which grows, while the file is worked on; None: what is stored counts."""
        if (entry and entry.number) != (self._entry and self._entry.number):
            self._told, self._stored = None, ("", 0.0)
            self.restore(())
            self.border_title = Content(harmless(entry.request.targets.path.name) if entry else "")
        self._entry = entry
        if entry is not None:
            if told is not None and told is not self._told:
                self._told, self._count = told, len(told)
                self.restore(told, self._target_language)
            elif self._told is not None:
                self._take_rest(self._told)
            stored = (entry.name, entry.position)
            if told is not None or self._told is not None:
                self._stored, self._told = stored, told
            elif entry.name and stored != self._stored:
                self._stored = stored
                self._read()
        self._explain()

    @property
    def _target_language(self) -> str | None:
        return self._entry.request.settings.target_language if self._entry else None

    def _take_rest(self, told: Sequence[events.Event]) -> None:
        for event in told[self._count :]:
            self.take(event, self._target_language)
        self._count = len(told)

    def _read(self) -> None:
        """Unless something is being read: then that goes on with what is wanted now."""
        if self._reading is None or self._reading.is_finished:
            self._reading = self.run_worker(self._read_stored(), group="stored")

    async def _read_stored(self) -> None:
        read = None
        while self._told is None and self._stored not in (read, ("", 0.0)):
            read = self._stored
            try:
                found = await to_thread(_stored, read[0])
            except WorkbenchError:  # it was cleaned up, or is damaged: there is no text then
                found = []
            if self._told is None and self._stored == read:
                self.restore(found, self._target_language)
        self.call_later(self._explain)

    def _explain(self) -> None:
        """Say why there is no text."""
        is_reading = self._reading is not None and not self._reading.is_finished
        said = ""
        if self._entry is not None and not self.captions and not is_reading:
            words = {State.FINISHED: _("nothing was said"), State.FAILED: _("nothing was recognized")}
            said = words.get(self._entry.state, _("what is said appears here"))
        if said != (self.border_subtitle or ""):
            self.border_subtitle = said


def _stored(name: str) -> list[events.Event]:
    """What was said in the file of that job. Blocks. Raises `WorkbenchError`."""
    return list(told(JobStore().info(name).results()))
