from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.audio.levels import FLOOR_DB, Meter
from workbench.types import Samples


def sine(decibels: float, seconds: float, sample_rate: int = 16_000, frequency: float = 997.0) -> Samples:
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return (10 ** (decibels / 20) * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def measured(samples: Samples, sample_rate: int = 16_000, size: int = 512) -> Meter:
    meter = Meter()
    for start in range(0, len(samples), size):
        meter.add(samples[start : start + size], sample_rate)
    return meter


@pytest.mark.parametrize("sample_rate", [8_000, 11_025, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("decibels", [-60.0, -18.0, -6.0, 0.0])
def test_a_sine_reads_its_level_at_any_rate(decibels: float, sample_rate: int) -> None:
    levels = measured(sine(decibels, 3.0, sample_rate), sample_rate).read()
    for read in (levels.peak_db, levels.hold_db, levels.max_db):
        assert read == pytest.approx(decibels, abs=0.2)
    assert levels.rms_db == pytest.approx(decibels - 3.01, abs=0.2)


def test_silence_and_nothing_at_all_read_the_floor() -> None:
    for meter in (Meter(), measured(np.zeros(16_000, np.float32))):
        levels = meter.read()
        assert (levels.peak_db, levels.rms_db, levels.hold_db, levels.max_db) == (FLOOR_DB,) * 4


def test_the_peak_falls_at_once_is_held_for_two_seconds_and_stays_as_the_maximum() -> None:
    meter = measured(sine(-6.0, 0.5))
    meter.add(sine(-40.0, 1.8), 16_000)
    levels = meter.read()
    assert levels.peak_db == pytest.approx(-40.0, abs=0.2)
    assert levels.hold_db == pytest.approx(-6.0, abs=0.2)
    meter.add(sine(-40.0, 0.3), 16_000)
    levels = meter.read()
    assert levels.hold_db == pytest.approx(-40.0, abs=0.2)
    assert levels.max_db == pytest.approx(-6.0, abs=0.2)


def test_a_reset_forgets_the_maximum_and_the_clips_only() -> None:
    meter = measured(np.ones(1600, np.float32))
    meter.reset()
    levels = meter.read()
    assert (levels.clips, levels.max_db) == (0, FLOOR_DB)
    assert levels.hold_db == pytest.approx(0.0)


def test_three_samples_in_a_row_at_full_scale_are_a_clip() -> None:
    two, three = np.array([0, 1, -1, 0], np.float32), np.array([0, 1, 1, -1, 0], np.float32)
    assert measured(two).read().clips == 0
    assert measured(three).read().clips == 1
    assert measured(three * np.float32(32767 / 32768)).read().clips == 1
    assert measured(three * np.float32(0.999)).read().clips == 0


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 7))
def test_a_clip_counts_once_however_the_audio_is_cut(full: list[bool], size: int) -> None:
    runs = "".join("x" if one else " " for one in full).split()
    samples = np.array(full, np.float32)
    assert measured(samples, size=size).read().clips == sum(len(run) >= 3 for run in runs)


def test_a_waveform_shows_when_it_was_loud_newest_last() -> None:
    meter = measured(np.concatenate((sine(-6.0, 1.0), np.zeros(48_000, np.float32))))
    columns = meter.waveform(40, 4.0)
    assert columns.shape == (40,)
    assert columns[:10] == pytest.approx(0.5, abs=0.02)
    assert not columns[10:].any()


@given(st.integers(1, 200), st.floats(0.5, 40.0), st.integers(0, 5_000))
def test_a_waveform_is_as_long_as_asked_for_and_empty_where_nothing_was(
    columns: int, seconds: float, milliseconds: int
) -> None:
    shown = measured(np.ones(milliseconds * 16, np.float32)).waveform(columns, seconds)
    assert shown.shape == (columns,)
    assert set(shown.tolist()) <= {0.0, 1.0}
    assert bool(shown.any()) == (milliseconds >= 10)
    assert list(shown) == sorted(shown)


def test_a_column_keeps_its_height_as_it_moves() -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, 16_000 * 20).astype(np.float32)
    noise *= np.repeat(np.random.default_rng(2).uniform(0, 1, 400), 800).astype(np.float32)
    meter, shown = Meter(), np.zeros(78, np.float32)
    for start in range(0, len(noise), 4_000):
        meter.add(noise[start : start + 4_000], 16_000)
        now = meter.waveform(78, 12.0)
        assert any(np.array_equal(now[: 77 - moved], shown[moved:77]) for moved in (1, 2))
        shown = now


def test_memory_stays_the_same_over_hours() -> None:
    meter, second = Meter(), np.full(16_000, 0.5, np.float32)
    for _ in range(3600):
        meter.add(second, 16_000)
    assert len(meter._peaks) == len(meter._powers) == 3_000
    assert meter.waveform(10, 30.0) == pytest.approx(0.5)
    assert meter.read().hold_db == pytest.approx(-6.02, abs=0.01)
