"""The last seconds of the input, and under them where the voice activity detection heard speech."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench import events
from workbench.tui.widgets.panel import Line, Panel, joined

SECONDS = 12.0
LOWEST_DB = -54.0
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_ROWS = 2


@dataclass(frozen=True, slots=True)
class _Span:
    """Seconds on the timeline."""

    start: float
    end: float = math.inf
    """Infinite: it goes on."""


class Marks:
    """Where there was speech, and where the device was lost, of the last seconds of a timeline."""

    def __init__(self) -> None:
        self._speech: list[_Span] = []
        self._gaps: list[_Span] = []

    @property
    def speaking(self) -> bool:
        return bool(self._speech) and self._speech[-1].end == math.inf

    def take(self, event: events.Event) -> None:
        match event:
            case events.SpeechStarted(start=start):
                self._speech.append(_Span(start))
            case events.SpeechEnded(start=start, end=end):
                self._speech = [*_ended(self._speech), _Span(start, end)]
            case events.DeviceLost(position=start):
                self._gaps.append(_Span(start))
            case events.DeviceReturned(start=start, end=end):
                self._gaps = [*_ended(self._gaps), _Span(start, end)]
            case events.Done():
                self._speech, self._gaps = _ended(self._speech), _ended(self._gaps)

    def forget(self, before: float) -> None:
        """Drop what ended before a time."""
        self._speech = [span for span in self._speech if span.end >= before]
        self._gaps = [span for span in self._gaps if span.end >= before]

    def at(self, time: float) -> str:
        """What there is to tell of a time: "speech", "gap", "quiet", or "before" the timeline began."""
        if time < 0:
            return "before"
        if any(span.start <= time < span.end for span in self._gaps):
            return "gap"
        return "speech" if any(span.start <= time < span.end for span in self._speech) else "quiet"


def _ended(spans: list[_Span]) -> list[_Span]:
    return [span for span in spans if span.end < math.inf]


_GLYPHS = {"speech": ("━", "good"), "gap": ("x", "bad"), "quiet": ("·", "dim"), "before": (" ", "")}


class Waveform(Panel):
    """Three lines: peaks in decibels, two lines high, and the marks."""

    DEFAULT_CSS = "Waveform { height: 3; }"

    def __init__(self, waveform: Callable[[int, float], npt.NDArray[np.float32]]) -> None:
        """`waveform(columns, seconds)` gives the peak [0, 1] of each column, as `audio.levels.Meter` does."""
        super().__init__()
        self._waveform = waveform

    def show_until(self, captured: float, marks: Marks) -> None:
        """Show the `SECONDS` before `captured`, seconds on the timeline."""
        columns = self.size.width
        if columns:
            step = SECONDS / columns
            newest = math.floor(captured / step)
            times = [(newest - columns + 1 + column + 0.5) * step for column in range(columns)]
            self.show([*_drawn(self._waveform(columns, SECONDS)), joined([_GLYPHS[marks.at(time)] for time in times])])


def _drawn(peaks: npt.NDArray[np.float32]) -> Sequence[Line]:
    decibels = 20 * np.log10(np.maximum(peaks, 1e-6))
    eighths = np.clip(np.rint((1 - decibels / LOWEST_DB) * 8 * _ROWS), 0, 8 * _ROWS).astype(int).tolist()
    rows = range(_ROWS - 1, -1, -1)
    return [(("".join(_EIGHTHS[min(8, max(0, height - 8 * row))] for height in eighths), "wave"),) for row in rows]
