from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.audio.recent import RecentAudio
from workbench.types import AudioChunk, Samples

RATE = 16_000


def ramp(count: int) -> Samples:
    return np.arange(count, dtype=np.float32)


def recorded(sizes: list[int], start: float = 0.0) -> tuple[RecentAudio, Samples]:
    recent, samples, position = RecentAudio(RATE), ramp(sum(sizes)), 0
    for size in sizes:
        recent.append(AudioChunk(samples[position : position + size], RATE, start + position / RATE))
        position += size
    return recent, samples


@given(st.lists(st.integers(0, 700), max_size=20), st.sampled_from([0.0, 123.4567]), st.data())
def test_a_cut_holds_exactly_the_samples_asked_for(sizes: list[int], start: float, data: st.DataObject) -> None:
    recent, samples = recorded(sizes, start)
    total, forgotten = len(samples), 0
    assert recent.end == pytest.approx(start + total / RATE if sizes else 0.0)
    if not sizes:
        return
    for _ in range(data.draw(st.integers(1, 5))):
        first, last = sorted(data.draw(st.tuples(st.integers(-50, total + 50), st.integers(-50, total + 50))))
        cut = recent.cut(start + first / RATE, start + last / RATE)
        a = min(max(first, forgotten), total)
        b = min(max(last, a), total)
        assert np.array_equal(cut.samples, samples[a:b])
        assert cut.start == pytest.approx(start + a / RATE, abs=1e-9)
        before = data.draw(st.integers(0, total + 50))
        recent.forget(start + before / RATE)
        forgotten = max(forgotten, min(before, total))


def test_forgotten_audio_is_freed() -> None:
    recent = RecentAudio(RATE)
    for second in range(200):
        recent.append(AudioChunk(np.zeros(RATE, np.float32), RATE, float(second)))
        recent.forget(second - 2.0)
        assert sum(len(part) for _, part in recent._parts) <= 5 * RATE


def test_most_of_a_long_chunk_that_is_forgotten_is_freed() -> None:
    recent, samples = recorded([1_000_000])
    recent.forget(900_000 / RATE)
    assert sum(len(part) for _, part in recent._parts) == 100_000
    assert np.array_equal(recent.cut(0.0, 1e6).samples, samples[900_000:])


def test_a_cut_is_a_copy() -> None:
    recent, _ = recorded([100])
    recent.cut(0.0, 1.0).samples[:] = -1.0
    assert np.array_equal(recent.cut(0.0, 1.0).samples, ramp(100))


def test_a_hole_is_heard_as_silence() -> None:
    recent = RecentAudio(RATE)
    recent.append(AudioChunk(np.ones(16, np.float32), RATE, 1.0))
    recent.append(AudioChunk(np.ones(16, np.float32), RATE, 1.002))
    assert recent.cut(0.0, 2.0).samples.tolist() == [1.0] * 16 + [0.0] * 16 + [1.0] * 16


def test_audio_out_of_order_is_refused() -> None:
    recent, _ = recorded([1600])
    with pytest.raises(ValueError, match="comes after"):
        recent.append(AudioChunk(ramp(10), RATE, 0.05))


def test_audio_at_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="8000 Hz"):
        RecentAudio(RATE).append(AudioChunk(ramp(10), 8000, 0.0))
