from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.speech.packer import Packer
from workbench.types import AudioChunk, SpeechSegment, Window

RATE = 100


def segment(id: int, duration: float, *, start: float | None = None, is_final: bool = True) -> SpeechSegment:
    samples = np.full(round(duration * RATE), id, np.float32)
    return SpeechSegment(
        id=id, audio=AudioChunk(samples, RATE, id * 60.0 if start is None else start), is_final=is_final
    )


def pack(packer: Packer, *durations: float) -> list[Window]:
    windows = [window for id, duration in enumerate(durations) for window in packer.process(segment(id, duration))]
    return [*windows, *packer.flush()]


def ids(windows: list[Window]) -> list[list[int]]:
    return [[s.id for s in window.segments] for window in windows]


def test_segments_are_joined_until_the_next_does_not_fit() -> None:
    assert ids(pack(Packer(30.0, 0.5), 10.0, 10.0, 8.0, 2.0, 20.0)) == [[0, 1, 2], [3, 4]]


def test_the_pause_between_segments_counts() -> None:
    assert ids(pack(Packer(30.0, 0.5), 15.0, 15.0)) == [[0], [1]]
    assert ids(pack(Packer(30.5, 0.5), 15.0, 15.0)) == [[0, 1]]


def test_a_full_window_leaves_at_once() -> None:
    assert ids(list(Packer(30.0).process(segment(0, 30.0)))) == [[0]]


def test_without_a_limit_each_segment_is_a_window_at_once() -> None:
    packer = Packer(0.0)
    assert ids(list(packer.process(segment(0, 1.0)))) == [[0]]
    assert ids(list(packer.process(segment(1, 0.1)))) == [[1]]
    assert list(packer.flush()) == []


def test_a_growing_segment_is_a_window_at_once_and_holds_nothing_up() -> None:
    packer = Packer(30.0)
    assert list(packer.process(segment(0, 2.0))) == []
    assert ids(list(packer.process(segment(1, 1.0, is_final=False)))) == [[1]]
    assert list(packer.process(segment(1, 3.0))) == []
    assert ids(list(packer.flush())) == [[0, 1]]


def test_a_window_says_where_its_segments_were() -> None:
    (window,) = pack(Packer(30.0, 0.5), 2.0, 3.0)
    assert window.duration == 5.5
    found, time = window.locate(3.5)
    assert found.id == 1
    assert time == pytest.approx(61.0)


@pytest.mark.parametrize("limit_s", [0.0, 30.0])
@pytest.mark.parametrize("is_final", [True, False])
def test_a_segment_without_audio_is_in_no_window(limit_s: float, is_final: bool) -> None:
    packer = Packer(limit_s)
    assert list(packer.process(segment(0, 0.0, is_final=is_final))) == []
    assert list(packer.flush()) == []


@given(
    st.lists(st.integers(1, 3500).map(lambda n: n / RATE), max_size=40),
    st.sampled_from([0.0, 5.0, 30.0]),
    st.sampled_from([0.0, 0.3]),
)
def test_every_segment_is_in_one_window_in_order_and_no_window_is_too_long(
    durations: list[float], limit_s: float, pause_s: float
) -> None:
    windows = pack(Packer(limit_s, pause_s), *durations)
    assert [id for window in ids(windows) for id in window] == list(range(len(durations)))
    for window in windows:
        assert len(window.segments) == 1 or window.duration <= limit_s + 1e-9
    for one, next_one in pairwise(windows):
        assert one.duration + pause_s + next_one.segments[0].audio.duration > limit_s - 1e-9 or one.duration >= limit_s
