"""The level of the input in dBFS: now, its peak of the last 2 s, its maximum, and how often it clipped."""

from __future__ import annotations

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


class LevelMeter(Panel):
    """Two lines: a scale with the maximum and the clips, and a bar with the peak and the RMS."""

    DEFAULT_CSS = "LevelMeter { height: 2; }"

    def show_levels(self, levels: Levels, banner: Line | None = None, *, height: int = 2) -> None:
        """Show levels; a banner takes the place of the scale. In a height of 1 only the bar is left, or the banner."""
        lines = [banner or _scale(levels, self.size.width), _bar(levels, self.size.width)]
        self.show(lines if height > 1 else [lines[0] if banner else lines[1]])


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


def _bar(levels: Levels, width: int) -> Line:
    cells = max(0, width - _NUMBERS)
    loud, too_loud, peak = (_place(level, cells) for level in (LOUD_DB, TOO_LOUD_DB, levels.peak_db))
    bar = [("▒", "good")] * loud + [("▓", "warn")] * (too_loud - loud) + [("█", "bad")] * (cells - too_loud)
    bar[peak:] = [("·", "dim")] * (cells - peak)
    if levels.hold_db > LOWEST_DB and cells:
        held = min(_place(levels.hold_db, cells), cells - 1)
        bar[held] = (_HELD, _zone(levels.hold_db))
    return (
        *joined(bar),
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
