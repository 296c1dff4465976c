"""Frames to mono without holes, whatever their timestamps say."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.audio.timeline import Timeline, mix, place
from workbench.types import Samples

RATE = 16_000


def frame(seconds: float | None, value: float = 0.5, count: int = 1600, rate: int = RATE) -> av.AudioFrame:
    made = av.AudioFrame.from_ndarray(np.full((1, count), value, np.float32), format="fltp", layout="mono")
    made.rate, made.time_base = rate, Fraction(1, 1_000_000)
    made.pts = None if seconds is None else round(seconds * 1_000_000)
    return made


def placed(frames: list[av.AudioFrame], timeline: Timeline) -> Samples:
    return np.concatenate([samples for samples, _ in place(frames, timeline)])


def test_a_hole_is_filled_with_silence() -> None:
    timeline = Timeline(0.0, 10.0)
    samples = placed([frame(0.0), frame(0.3)], timeline)
    assert samples.tolist() == [0.5] * 1600 + [0.0] * 3200 + [0.5] * 1600
    assert list(timeline.warnings(None)) == ["1 gap(s) filled with silence, the first at 0.1 s"]


def test_what_overlaps_is_dropped() -> None:
    samples = placed([frame(0.0, 0.1), frame(0.05, 0.2), frame(0.15, 0.3)], Timeline(0.0, 10.0))
    assert np.allclose(samples, [0.1] * 1600 + [0.2] * 800 + [0.3] * 1600)


def test_rounded_timestamps_are_no_holes() -> None:
    timeline = Timeline(0.0, 10.0)
    samples = placed([frame(0.0), frame(0.119), frame(0.181), frame(None)], timeline)
    assert len(samples) == 4 * 1600
    assert list(timeline.warnings(None)) == []


def test_a_slow_drift_is_followed_before_it_can_be_heard() -> None:
    frames = [frame(i * 0.101) for i in range(1000)]  # a clock that is 1 % off
    assert len(placed(frames, Timeline(0.0, 200.0))) == pytest.approx(101.0 * RATE, abs=0.03 * RATE)


def test_the_timeline_starts_where_the_presentation_starts() -> None:
    assert placed([frame(5.25)], Timeline(5.0, 10.0)).tolist() == [0.0] * 4000 + [0.5] * 1600


def test_a_timestamp_hours_past_the_end_is_ignored_and_so_is_the_way_back() -> None:
    timeline = Timeline(0.0, 10.0)
    assert len(placed([frame(0.0), frame(5 * 3600.0), frame(0.2), frame(0.3)], timeline)) == 4 * 1600
    assert list(timeline.warnings(None)) == ["2 impossible timestamp(s) ignored, the first at 0.1 s"]


def test_timestamps_that_start_anew_lose_nothing() -> None:
    assert len(placed([frame(100.0), frame(0.0), frame(0.1)], Timeline(100.0, None))) == 3 * 1600


def test_silence_that_a_file_asks_for_comes_in_small_pieces_and_ends() -> None:
    def lying() -> Iterator[av.AudioFrame]:
        for i in range(1000):
            yield frame(i * 3000.0)

    total = longest = 0
    for samples, _ in place(lying(), Timeline(0.0, None)):
        total += len(samples)
        longest = max(longest, len(samples))
    assert longest <= 2**17 + 1600
    assert total / RATE <= 12 * 3600 + 1000


@given(st.lists(st.floats(-1e7, 1e7), min_size=1, max_size=20), st.one_of(st.none(), st.floats(0.1, 20)))
def test_whatever_timestamps_say_no_block_is_large_and_the_count_is_right(
    times: list[float], end: float | None
) -> None:
    timeline = Timeline(times[0], end)
    blocks = []
    for samples, _ in place([frame(t, count=160) for t in times], timeline):
        assert len(samples) <= RATE
        blocks.append(len(samples))
        if sum(blocks) > 120 * RATE:
            return
    assert sum(blocks) / RATE == pytest.approx(timeline.position, abs=1e-6)


def test_a_change_of_rate_and_layout_in_the_middle_is_followed() -> None:
    stereo = av.AudioFrame.from_ndarray(np.full((1, 1600), 16384, np.int16), format="s16", layout="stereo")
    stereo.rate, stereo.time_base, stereo.pts = 8000, Fraction(1, 8000), 800
    blocks = list(place([frame(0.0), stereo], Timeline(0.0, 1.0)))
    assert [(len(samples), rate) for samples, rate in blocks] == [(1600, 16_000), (800, 8_000)]
    assert blocks[1][0][0] == 0.5


@pytest.mark.parametrize(
    ("form", "dtype", "full", "zero"),
    [
        ("u8", np.uint8, 127, 128),
        ("s16", np.int16, 32767, 0),
        ("s32p", np.int32, 2**31 - 1, 0),
        ("dbl", np.float64, 1, 0),
    ],
)
def test_every_sample_format_keeps_its_scale(form: str, dtype: type, full: int, zero: int) -> None:
    values: npt.NDArray[Any] = np.array([[zero, zero + full, zero - full]], dtype)
    made = av.AudioFrame.from_ndarray(values, format=form, layout="mono")
    made.rate = RATE
    assert placed([made], Timeline(0.0, None)) == pytest.approx([0.0, 1.0, -1.0], abs=0.01)


@given(st.integers(1, 64), st.booleans())
def test_no_mix_leaves_the_range(channels: int, has_centre: bool) -> None:
    names = ["FC" if has_centre and i == 0 else f"C{i}" for i in range(channels)]
    loud = mix(np.ones((channels, 4), np.float32), names)
    assert np.allclose(loud, 1.0)
    assert np.abs(mix(np.full((channels, 4), 3e38, np.float32), names)).max() <= 1.0
