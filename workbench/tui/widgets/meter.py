"""The level of the input in dBFS: now, its peak of the last 2 s, its maximum, and how often it clipped."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from workbench.audio.levels import FLOOR_DB, Levels
from workbench.tui.texts import _
from workbench.tui.widgets.panel import Line, Panel, fit, joined

LOWEST_DB = -60.0
LOUD_DB = -18.0
TOO_LOUD_DB = -6.0
_MARKS_DB = (-60, 0, -18, -6, -36, -12, -24, -48)
"""The first ones first, where there is not room for all."""
_NUMBERS = 24
"""Cells for the numbers at the right."""
_HELD = "┃"


class LevelMeter(Vertical):
    """Two lines: a scale with the maximum and the clips, and a bar with the peak and the RMS.

    In a height of 1 the bar is left. The terminal is written to from the first cell of a widget that changes: bar and
    numbers are two, so that each costs its own bytes alone.
    """

    DEFAULT_CSS = f"""
    LevelMeter {{ height: 2; }}
    LevelMeter Horizontal {{ height: 1; }}
    LevelMeter .numbers {{ width: {_NUMBERS}; }}
    """

    def __init__(self) -> None:
        super().__init__()
        self._scale, self._bar, self._numbers = Panel(), Panel(), Panel(classes="numbers")
        self._below = Horizontal(self._bar, self._numbers)

    def compose(self) -> ComposeResult:
        yield self._scale
        yield self._below

    @property
    def plain(self) -> list[str]:
        """What is shown, without styles."""
        lines = {self._scale: self._scale.plain, self._below: ["".join(self._bar.plain + self._numbers.plain)]}
        return [line for part, shown in lines.items() if part.styles.display != "none" for line in shown]

    def show_levels(
        self, levels: Levels, banner: Line | None = None, *, off: Line | None = None, numbers: bool = True
    ) -> None:
        """Show levels. `off`: what stands in place of the bar where nothing is measured.

        A banner takes the place of the scale, or, where there is but one line, of the bar. Without `numbers` those of
        before stay: they need not change as often as the bar.
        """
        is_short, width = self.size.height == 1, self.size.width
        self._scale.display = bool(banner) or not is_short
        self._below.display = not (banner and is_short)
        self._scale.show([banner or _scale(levels, width)])
        self._bar.show([off or _bar(levels, max(0, width - _NUMBERS))])
        if numbers or off:
            self._numbers.show([() if off else _peak_and_rms(levels)])


def _scale(levels: Levels, width: int) -> Line:
    cells = max(0, width - _NUMBERS)
    scale = [" "] * cells
    for mark in _MARKS_DB:
        text = str(mark)
        place = min(_place(mark, cells), cells) - (
            len(text) if mark == 0 else len(text) // 2 if mark > LOWEST_DB else 0
        )
        if place >= 0 and all(char == " " for char in scale[max(0, place - 1) : place + len(text) + 1]):
            scale[place : place + len(text)] = text
    clips = _("CLIP {count}", count=levels.clips)
    return (
        ("".join(scale[:cells]), "dim"),
        (" " + fit(_("max {level}", level=_number(levels.max_db)), _NUMBERS // 2 - 1), _zone(levels.max_db)),
        (fit(("! " if levels.clips else "  ") + clips, _NUMBERS // 2), "bad" if levels.clips else "dim"),
    )


def _bar(levels: Levels, cells: int) -> Line:
    loud, too_loud, peak = (_place(level, cells) for level in (LOUD_DB, TOO_LOUD_DB, levels.peak_db))
    bar = [("▒", "good")] * loud + [("▓", "warn")] * (too_loud - loud) + [("█", "bad")] * (cells - too_loud)
    bar[peak:] = [("·", "dim")] * (cells - peak)
    if levels.hold_db > LOWEST_DB and cells:
        held = min(_place(levels.hold_db, cells), cells - 1)
        bar[held] = (_HELD, _zone(levels.hold_db))
    return joined(bar)


def _peak_and_rms(levels: Levels) -> Line:
    return (
        (" " + fit(_("peak {level}", level=_number(levels.peak_db)), _NUMBERS // 2 - 1), _zone(levels.peak_db)),
        (fit("  " + _("rms {level}", level=_number(levels.rms_db)), _NUMBERS // 2), ""),
    )


def _place(level: float, cells: int) -> int:
    """The number of cells that a level fills."""
    share = (level - LOWEST_DB) / -LOWEST_DB
    return round(min(max(share, 0.0), 1.0) * cells)


def _zone(level: float) -> str:
    return "bad" if level > TOO_LOUD_DB else "warn" if level > LOUD_DB else "good" if level > LOWEST_DB else "dim"


def _number(level: float) -> str:
    return "  -∞ " if level <= FLOOR_DB else f"{level:5.1f}"
