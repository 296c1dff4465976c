"""Audio in chunks of any size is judged in frames of one length, each with what was remembered of those before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.engines import Settings
from workbench.framing import Framed, FrameDetector
from workbench.testing import run
from workbench.types import Activity, AudioChunk, Samples

FRAMES = {16_000: 8, 8_000: 4}
FRAME_S = 0.0005


class Fading(FrameDetector[int]):
    """The peak of a frame, shared by as many as were heard with it: that tells its place in the stream too."""

    name = "fading"
    sample_rates: Sequence[int] = tuple(FRAMES)

    def __init__(self) -> None:
        self.calls: list[tuple[int, ...]] = []

    def frame(self, sample_rate: int) -> int:
        return FRAMES[sample_rate]

    def judge(
        self, samples: Samples, sample_rate: int, memories: Sequence[int | None]
    ) -> tuple[Samples, Sequence[int]]:
        peaks = np.abs(samples.reshape(len(samples), -1, FRAMES[sample_rate])).max(axis=2)
        self.calls.append((sample_rate, *peaks.shape))
        heard = [memory or 0 for memory in memories]
        places = np.array(heard)[:, None] + np.arange(1, 1 + peaks.shape[1])
        return (peaks / places).astype(np.float32), [before + peaks.shape[1] for before in heard]


class Choosy(Fading):
    """Cannot judge what is as loud as can be."""

    def judge(
        self, samples: Samples, sample_rate: int, memories: Sequence[int | None]
    ) -> tuple[Samples, Sequence[int]]:
        if np.any(samples == 1.0):
            raise RuntimeError("too loud")
        return super().judge(samples, sample_rate, memories)


def noise(count: int, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).uniform(0.1, 0.9, count).astype(np.float32)


def expected(samples: Samples, rate: int = 16_000, *, is_whole: bool = True) -> list[float]:
    """Frame by frame; an incomplete last one only of what is whole."""
    cuts = range(0, len(samples) if is_whole else len(samples) // FRAMES[rate] * FRAMES[rate], FRAMES[rate])
    peaks = [samples[cut : cut + FRAMES[rate]].max() for cut in cuts]
    return [float(np.float32(peak / place)) for place, peak in enumerate(peaks, 1)]


def told(activities: Sequence[Activity]) -> list[float]:
    return [float(one) for activity in activities for one in activity.probabilities]


def chunked(samples: Samples, sizes: Sequence[int], rate: int = 16_000, start: float = 0.0) -> list[AudioChunk]:
    ends = [*(end for end in np.cumsum(sizes).tolist() if end < len(samples)), len(samples)]
    cuts = zip([0, *ends], ends, strict=False)
    return [AudioChunk(samples[first:end], rate, start + first / rate) for first, end in cuts]


sizes = st.lists(st.integers(0, 30), max_size=20)
rates = st.sampled_from(list(FRAMES))


@given(length=st.integers(0, 200), sizes=sizes, rate=rates)
def test_chunks_of_any_size_give_the_frames_of_the_whole_where_they_were(
    length: int, sizes: list[int], rate: int
) -> None:
    samples = noise(length)
    activities = run(Fading(), chunked(samples, sizes, rate, 100.0))
    assert told(activities) == pytest.approx(expected(samples, rate))
    heard = 0
    for activity in activities:
        assert activity.start == pytest.approx(100.0 + heard * FRAME_S, abs=1e-9)
        assert activity.frame_s == FRAME_S
        heard += len(activity.probabilities)


@given(
    streams=st.lists(st.tuples(st.integers(0, 100), rates, sizes), min_size=1, max_size=8),
    chance=st.randoms(use_true_random=False),
)
def test_streams_of_any_rates_and_lengths_do_not_hear_each_other(
    streams: list[tuple[int, int, list[int]]], chance: Any
) -> None:
    engine = Fading()
    audio = [noise(length, seed) for seed, (length, _, _) in enumerate(streams)]
    waiting = [chunked(own, sizes, rate) for own, (_, rate, sizes) in zip(audio, streams, strict=True)]
    states = [engine.open(Settings()) for _ in streams]
    found: list[list[Activity]] = [[] for _ in streams]
    while ready := [at for at, chunks in enumerate(waiting) if chunks]:
        places = chance.sample(ready, chance.randint(1, len(ready)))
        results = engine.process_batch([(waiting[at].pop(0), states[at]) for at in places])
        for at, result in zip(places, results, strict=True):
            found[at] += result
    for own, (_, rate, _), state, activities in zip(audio, streams, states, found, strict=True):
        assert told(activities) == pytest.approx(expected(own, rate, is_whole=False))
        activities += engine.flush(state)
        assert told(activities) == pytest.approx(expected(own, rate))


def test_streams_that_complete_as_many_frames_at_one_rate_are_judged_in_one_call() -> None:
    engine = Fading()
    kinds = [(16_000, 8), (8_000, 4), (16_000, 15), (16_000, 16), (8_000, 7), (16_000, 7)]
    work = [(AudioChunk(noise(count), rate, 0.0), engine.open(Settings())) for rate, count in kinds]
    results = engine.process_batch(work)
    assert engine.calls == [(16_000, 2, 1), (8_000, 2, 1), (16_000, 1, 2)]
    assert [len(told(list(result))) for result in results] == [1, 1, 1, 2, 1, 0]


def test_what_completes_no_frame_is_kept_and_given_filled_up_with_silence_at_the_end() -> None:
    engine, samples = Fading(), noise(11)
    state = engine.open(Settings())
    assert list(engine.flush(state)) == []
    assert list(engine.process(AudioChunk(samples[:5], 16_000, 3.0), state)) == []
    assert engine.calls == []
    (first,) = engine.process(AudioChunk(samples[5:], 16_000, 3.0 + 5 / 16_000), state)
    (last,) = engine.flush(state)
    assert [first.start, last.start] == pytest.approx([3.0, 3.0 + FRAME_S])
    assert told([first, last]) == pytest.approx(expected(samples))
    assert list(engine.flush(state)) == []
    assert state.memory == 2


def test_frames_after_a_flush_begin_with_the_next_chunk_and_go_on_with_the_memory() -> None:
    engine, samples = Fading(), noise(21)
    state = engine.open(Settings())
    list(engine.process(AudioChunk(samples[:5], 16_000, 0.0), state))
    list(engine.flush(state))
    (next_,) = engine.process(AudioChunk(samples[5:], 16_000, 0.25), state)
    assert next_.start == 0.25
    assert told([next_]) == pytest.approx([samples[5:13].max() / 2, samples[13:].max() / 3])


def test_frames_after_a_hole_begin_with_what_comes_after_it() -> None:
    engine, samples = Fading(), noise(40)
    state = engine.open(Settings())
    parts = [(0, 11, 0.0), (11, 18, 1.0), (18, 40, 2.0)]
    found = [
        activity
        for first, end, start in parts
        for activity in engine.process(AudioChunk(samples[first:end], 16_000, start), state)
    ]
    assert [activity.start for activity in found] == [0.0, 2.0]
    assert told(found) == pytest.approx([samples[:8].max(), samples[18:26].max() / 2, samples[26:34].max() / 3])
    (last,) = engine.flush(state)
    assert last.start == pytest.approx(2.0 + 2 * FRAME_S)


def test_a_start_that_is_off_by_less_than_half_a_frame_makes_no_hole() -> None:
    engine, samples = Fading(), noise(40)
    state = engine.open(Settings())
    found = [*engine.process(AudioChunk(samples[:11], 16_000, 0.0), state)]
    found += engine.process(AudioChunk(samples[11:], 16_000, 14 / 16_000), state)
    assert told(found) == pytest.approx(expected(samples))


def test_frames_after_a_chunk_that_failed_lie_where_their_audio_is() -> None:
    engine = Choosy()
    state = engine.open(Settings())
    list(engine.process(AudioChunk(noise(3), 16_000, 0.0), state))
    with pytest.raises(RuntimeError, match="too loud"):
        engine.process(AudioChunk(np.ones(800, np.float32), 16_000, 3 / 16_000), state)
    (activity,) = engine.process(AudioChunk(noise(16), 16_000, 803 / 16_000), state)
    assert activity.start == 803 / 16_000
    assert len(activity.probabilities) == 2


def wrong_shape(probabilities: Samples, memories: Sequence[int]) -> tuple[Samples, Sequence[int]]:
    return probabilities[:, 1:], memories


def one_memory_less(probabilities: Samples, memories: Sequence[int]) -> tuple[Samples, Sequence[int]]:
    return probabilities, memories[1:]


@pytest.mark.parametrize("spoil", [wrong_shape, one_memory_less])
def test_a_judge_that_gives_too_little_is_told_and_changes_no_stream(spoil: Callable[..., Any]) -> None:
    class Spoilt(Fading):
        def judge(
            self, samples: Samples, sample_rate: int, memories: Sequence[int | None]
        ) -> tuple[Samples, Sequence[int]]:
            probabilities, after = super().judge(samples, sample_rate, memories)
            return spoil(probabilities, after) if probabilities.shape[1] > 1 else (probabilities, after)

    refuses(Spoilt(), AudioChunk(noise(16), 16_000, 13 / 16_000), TypeError, "fading gave probabilities of shape")


def test_a_judge_that_raises_changes_no_stream() -> None:
    refuses(Choosy(), AudioChunk(np.ones(16, np.float32), 16_000, 13 / 16_000), RuntimeError, "too loud")


def test_a_rate_that_the_detector_does_not_take_changes_no_stream() -> None:
    refuses(
        Fading(),
        AudioChunk(noise(16), 44_100, 13 / 16_000),
        ValueError,
        "fading takes 8000 or 16000 Hz audio, not 44100",
    )


def test_a_rate_that_changes_within_a_stream_changes_no_stream() -> None:
    refuses(Fading(), AudioChunk(noise(16), 8_000, 13 / 16_000), ValueError, "16000 Hz audio cannot go on at 8000 Hz")


def refuses(engine: Fading, bad: AudioChunk, error: type[Exception], message: str) -> None:
    """Between others, `bad` fails all; then each goes on as if it had not come."""
    heard = [AudioChunk(noise(length, seed), 16_000, 0.0) for seed, length in enumerate((12, 11, 13, 3))]
    states: list[Framed[int]] = [engine.open(Settings()) for _ in (*heard, "one that begins")]
    engine.process_batch(list(zip(heard, states, strict=False)))
    before = [copy(state) for state in states]
    others = [
        AudioChunk(noise(length), 16_000, before / 16_000) for length, before in ((8, 12), (0, 11), (4, 3), (9, 0))
    ]
    with pytest.raises(error, match=message):
        engine.process_batch(list(zip([*others[:2], bad, *others[2:]], states, strict=True)))
    assert states == before
    whole = np.concatenate([heard[0].samples, others[0].samples])
    assert told(list(engine.process(others[0], states[0]))) == pytest.approx(expected(whole, is_whole=False)[1:])
