from __future__ import annotations

import numpy as np
import pytest

from tests.tui.widgets.looks import shown
from workbench.audio.levels import Levels, Meter
from workbench.tui.widgets.meter import LevelMeter


def levels(peak: float, *, hold: float | None = None, top: float | None = None, clips: int = 0) -> Levels:
    held = peak if hold is None else hold
    return Levels(peak_db=peak, rms_db=peak - 3, hold_db=held, max_db=held if top is None else top, clips=clips)


def bar(peak: float, hold: float | None = None, width: int = 84) -> str:
    """The bar of 60 cells: one for each decibel."""
    with shown(LevelMeter(), (width, 2), lambda meter: meter.show_levels(levels(peak, hold=hold))) as meter:
        return meter.plain[1][: width - 24]


def test_the_bar_is_as_long_as_the_level_on_a_scale_from_minus_60_to_0() -> None:
    for decibels in (-60, -40, -18, -6, 0):
        cells = bar(decibels, hold=-60)
        assert sum(cells.count(glyph) for glyph in "▒▓█") == 60 + decibels
        assert len(cells) == 60


def test_each_zone_has_a_glyph_of_its_own() -> None:
    assert bar(-1, hold=-60) == "▒" * 42 + "▓" * 12 + "█" * 5 + "·"


def test_the_held_peak_is_marked() -> None:
    assert bar(-30, hold=-12).index("┃") == 48
    assert bar(-30, hold=0).index("┃") == 59


def test_a_sine_of_minus_18_reads_so() -> None:
    meter = Meter()
    time = np.arange(48_000) / 16_000
    meter.add((10 ** (-18 / 20) * np.sin(2 * np.pi * 997 * time)).astype(np.float32), 16_000)
    with shown(LevelMeter(), (80, 2), lambda shows: shows.show_levels(meter.read())) as shows:
        assert "max -18.0" in shows.plain[0]
        assert "peak -18.0   rms -21.0" in shows.plain[1]
        assert "CLIP 0" in shows.plain[0]


@pytest.mark.parametrize("width", [40, 60, 78, 157])
def test_the_scale_says_where_it_begins_and_ends(width: int) -> None:
    with shown(LevelMeter(), (width, 2), lambda meter: meter.show_levels(levels(-20))) as meter:
        scale = meter.plain[0][: width - 24]
        assert scale.startswith("-60")
        assert scale.endswith("0")
        assert [len(line) for line in meter.plain] == [width, width]


def test_a_clip_is_told_by_a_sign_and_its_number() -> None:
    with shown(LevelMeter(), (80, 2), lambda meter: meter.show_levels(levels(-3, clips=2))) as meter:
        assert "! CLIP 2" in meter.plain[0]


def test_silence_has_no_level() -> None:
    with shown(LevelMeter(), (80, 2), lambda meter: meter.show_levels(Meter().read())) as meter:
        assert "-∞" in meter.plain[1]


def one_line() -> LevelMeter:
    meter = LevelMeter()
    meter.styles.height = 1
    return meter


def test_at_rest_it_says_so_in_place_of_a_level() -> None:
    off = (("off", "mark"),)
    with shown(LevelMeter(), (80, 2), lambda meter: meter.show_levels(levels(-20, clips=1), off=off)) as meter:
        assert meter.plain[1] == "off"
        assert "CLIP 1" in meter.plain[0]


def test_numbers_stay_while_only_the_bar_is_drawn_anew() -> None:
    def show(meter: LevelMeter) -> None:
        meter.show_levels(levels(-20))
        meter.show_levels(levels(-10), numbers=False)

    with shown(LevelMeter(), (84, 2), show) as meter:
        assert meter.plain[1].count("▒") + meter.plain[1].count("▓") == 50
        assert "peak -20.0" in meter.plain[1]


def test_in_one_line_the_bar_is_left_or_what_is_wrong() -> None:
    with shown(one_line(), (60, 1), lambda meter: meter.show_levels(levels(-20))) as meter:
        assert len(meter.plain) == 1
        assert "peak" in meter.plain[0]
    banner = (("NO SIGNAL", "bad"),)
    with shown(one_line(), (60, 1), lambda meter: meter.show_levels(levels(-20), banner)) as meter:
        assert meter.plain == ["NO SIGNAL"]
