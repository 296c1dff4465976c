"""The input: what it is, how loud it is, and its last seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical

from workbench import events
from workbench.tui.widgets.input_line import InputLine, banner, off
from workbench.tui.widgets.meter import LevelMeter
from workbench.tui.widgets.waveform import SECONDS, Marks, Waveform

if TYPE_CHECKING:
    from workbench.audio.levels import Meter
    from workbench.live import LiveStatus


class InputPanel(Vertical):
    DEFAULT_CSS = "InputPanel { height: auto; }"

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._measured = meter
        self._marks = Marks()

    def compose(self) -> ComposeResult:
        yield InputLine(id="input")
        yield LevelMeter()
        yield Waveform(self._measured.waveform)

    def take(self, event: events.Event) -> None:
        """Mark what an event tells of the timeline."""
        self._marks.take(event)

    def begin(self) -> None:
        """Another timeline begins."""
        self._marks = Marks()
        self._measured.reset()

    def show_input(self, status: LiveStatus, label: str, *, listening: bool, all_of_it: bool) -> None:
        """`label`, `listening`: as of `InputLine`. Without `all_of_it`, what is read at leisure stays as it was."""
        self._marks.forget(status.captured - 2 * SECONDS)
        line, meter, waveform = self.query_one(InputLine), self.query_one(LevelMeter), self.query_one(Waveform)
        line.show_input(status, label, listening=listening, speaking=self._marks.speaking)
        rest, wrong = off(status, listening=listening), banner(status, meter.size.width)
        meter.show_levels(self._measured.read(), wrong, off=rest, numbers=all_of_it)
        if all_of_it and waveform.display:
            waveform.show_until(status.captured, self._marks)
