"""Where speech is likely is told by the detector, by what is known, or by a simpler detector when one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import fakes
from workbench import events
from workbench.builtin.energy import EnergyDetector
from workbench.builtin.fixed import FixedDetector
from workbench.engines import Settings, StageKind
from workbench.errors import StageError
from workbench.listening import Listener
from workbench.pool import Pool
from workbench.speech.cache import joined
from workbench.speech.segmenter import Segmenter, SegmenterOptions
from workbench.types import Activity, AudioChunk, Samples

RATE = 16_000


class Ear(fakes.Loudness):
    """Fails from a second of the audio on, or at its end."""

    name = "ear"

    def __init__(self, fails_from: float = np.inf, *, fails_at_end: bool = False, gives: Any = None) -> None:
        super().__init__()
        self.heard: list[float] = []
        self._fails_from, self._fails_at_end, self._gives = fails_from, fails_at_end, gives

    def process_batch(self, work: Sequence[tuple[AudioChunk, list[Any]]]) -> Sequence[Iterable[Activity]]:
        for chunk, _ in work:
            self.heard.append(chunk.start)
            if chunk.start >= self._fails_from:
                if self._gives is not None:
                    return [self._gives]
                raise ValueError("no ears")
        return super().process_batch(work)

    def flush(self, state: list[Any]) -> Iterable[Activity]:
        if self._fails_at_end:
            raise ValueError("no last word")
        return []


def words(seconds: int) -> Samples:
    """Noise and silence in turns of half a second."""
    chance = np.random.default_rng(1)
    halves = [np.zeros(RATE // 2, np.float32), chance.uniform(-0.5, 0.5, RATE // 2).astype(np.float32)]
    return np.concatenate(halves * seconds)


def listened(
    detector: Any,
    samples: Samples,
    *,
    chunk_s: float = 1.0,
    known: Activity | None = None,
    has_spares: bool = True,
    check: Callable[[Listener], None] = lambda listener: None,
) -> tuple[list[Activity], list[events.Event]]:
    """All that is told, and all that is emitted."""
    told: list[Activity] = []
    seen: list[events.Event] = []

    async def listen() -> None:
        pool: Pool[Any, Any] = Pool(lambda: detector)
        await pool.start()
        try:
            async with Listener(pool, Settings(), seen.append, known=known, has_spares=has_spares) as listener:
                size = round(chunk_s * RATE)
                for first in range(0, len(samples), size):
                    chunk = AudioChunk(samples[first : first + size], RATE, first / RATE)
                    found = await listener.process(chunk)
                    assert all(one.end - one.frame_s <= chunk.end for one in found), "nothing before it was heard"
                    told.extend(found)
                told.extend(await listener.flush())
                check(listener)
        finally:
            await pool.close()

    fakes.run(listen)
    return told, seen


def test_a_detector_that_works_is_the_only_one() -> None:
    def check(listener: Listener) -> None:
        assert (listener.name, listener.is_spare) == ("ear", False)

    told, seen = listened(Ear(), words(3), check=check)
    assert seen == []
    activity = joined(told)
    assert activity is not None
    assert activity.end == pytest.approx(3.0, abs=0.032)


@given(
    probabilities=st.lists(st.floats(0, 1, width=32), max_size=200),
    frame_s=st.sampled_from([0.01, 0.032, 0.1, 1 / 3]),
    chunk_s=st.sampled_from([0.05, 0.3, 1.0, 10.0]),
)
def test_what_is_known_is_told_as_it_was_and_nobody_is_asked(
    probabilities: list[float], frame_s: float, chunk_s: float
) -> None:
    known = Activity(0.0, frame_s, np.array(probabilities, np.float32))
    ear = Ear(0.0)
    told, _ = listened(ear, words(3), chunk_s=chunk_s, known=known)
    assert ear.heard == []
    assert [float(p) for activity in told for p in activity.probabilities] == known.probabilities.tolist()
    assert all(second.start == pytest.approx(first.end) for first, second in pairwise(told))
    assert all(len(activity.probabilities) for activity in told)


def activity(start: float, probabilities: Any, frame_s: float = 0.1) -> Activity:
    return Activity(start, frame_s, np.array(probabilities, np.float32))


NO_ACTIVITY = {
    "raises": None,
    "no activity": ["speech"],
    "not a number": [activity(2.0, [np.nan])],
    "infinite": [activity(2.0, [np.inf])],
    "below 0": [activity(2.0, [-3.5])],
    "above 1": [activity(2.0, [0.2, 7.0])],
    "no time": [activity(np.nan, [0.5])],
    "frames of no length": [activity(2.0, [0.5], 0.0)],
    "frames back in time": [activity(2.0, [0.5], -0.1)],
    "frames without end": [activity(2.0, [0.5], np.inf)],
    "a column": [activity(2.0, [[0.5], [0.6]])],
    "one number": [activity(2.0, 0.5)],
    "half of it": [activity(2.0, [0.5]), "speech"],
}


@pytest.mark.parametrize("gives", NO_ACTIVITY.values(), ids=NO_ACTIVITY)
def test_loudness_takes_over_from_a_detector_that_fails_and_who_listens_is_told(gives: Any) -> None:
    def check(listener: Listener) -> None:
        assert (listener.name, listener.is_spare) == ("energy", True)

    ear = Ear(2.0, gives=gives)
    told, seen = listened(ear, words(5), check=check)
    assert ear.heard == [0.0, 1.0, 2.0], "it is asked no more"
    (error,) = [event for event in seen if isinstance(event, events.Error)]
    assert (error.stage, error.message.split(":")[0]) == (StageKind.VAD, "vad engine 'ear' failed at 0")
    assert error.hint.startswith("From there on speech is found by the detector 'energy'.")
    late = [activity for activity in told if activity.start > 1.9]
    assert late[0].start == pytest.approx(2.0, abs=0.032), "no audio is left out"
    loud = [p for activity in late for p in activity.probabilities]
    assert max(loud) > 0.9
    assert min(loud) < 0.1


class Odd(Ear):
    """Gives what it is given, one list for each chunk."""

    name = "odd"

    def __init__(self, *gives: Sequence[Activity], last: Sequence[Activity] = ()) -> None:
        super().__init__()
        self._lists, self._last = list(gives), last

    def process_batch(self, work: Sequence[tuple[AudioChunk, list[Any]]]) -> Sequence[Iterable[Activity]]:
        return [self._lists.pop(0) for _ in work]

    def flush(self, state: list[Any]) -> Iterable[Activity]:
        return self._last


def frames(told: Sequence[Activity]) -> list[tuple[float, float]]:
    return [
        (round(one.start + n * one.frame_s, 3), round(float(p), 3))
        for one in told
        for n, p in enumerate(one.probabilities)
    ]


def test_of_what_is_told_twice_or_too_early_each_moment_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    first = [activity(0.0, [0.1, 0.2], 0.5), activity(0.5, [0.9, 0.9], 0.5)]
    second = [activity(1.5, [0.4, 0.5, 0.6], 0.5), activity(0.0, [0.9, 0.9], 0.5), activity(1.0, [], 0.5)]
    told, seen = listened(Odd(first, second, last=[activity(3.0, [0.9], 0.5)]), words(2))
    assert frames(told) == [(0.0, 0.1), (0.5, 0.2), (1.5, 0.4)]
    assert seen == [], "a detector that can be mended goes on"
    assert caplog.text.count("detector odd tells of audio a second time") == 1


def test_a_last_frame_may_reach_beyond_the_audio_and_rounding_beyond_1(caplog: pytest.LogCaptureFixture) -> None:
    told, seen = listened(Odd([activity(0.0, [0.1, 1.00001], 0.6)]), words(1))
    assert (frames(told), seen, caplog.text) == ([(0.0, 0.1), (0.6, 1.0)], [], "")


def test_probabilities_are_those_that_are_kept_on_disk() -> None:
    told, _ = listened(Odd([Activity(0.0, 0.5, np.array([0.1, 0.7]))]), words(1))
    assert [one.probabilities.dtype for one in told] == [np.float32]


ODD = st.builds(
    activity,
    st.floats(-1, 5),
    st.lists(st.sampled_from([0.0, 0.4, 0.9, 1.0]), max_size=12),
    st.sampled_from([0.01, 0.03, 0.1, 0.25]),
)


@given(
    st.lists(st.lists(ODD, max_size=3), min_size=4, max_size=4), st.lists(ODD, max_size=2), st.sampled_from([0, 250])
)
def test_whatever_a_detector_tells_segments_are_in_order_apart_and_within_the_audio(
    gives: list[list[Activity]], last: list[Activity], min_speech_ms: int
) -> None:
    told, _ = listened(Odd(*gives, last=last), words(4))
    segmenter = Segmenter(SegmenterOptions(min_speech_ms=min_speech_ms, min_silence_ms=0, max_speech_s=2.0))
    found = [event for one in told for event in segmenter.process(one)] + list(segmenter.flush())
    ended = [event for event in found if isinstance(event, events.SpeechEnded)]
    assert all(event.start < event.end for event in ended)
    assert all(one.end <= after.start + 1e-9 for one, after in pairwise(ended))
    assert all(0 <= event.start < 4 and event.end < 4.3 for event in ended)


def test_windows_of_one_length_are_the_last_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("no power")

    monkeypatch.setattr(EnergyDetector, "_hear", fails)
    told, seen = listened(Ear(1.0), words(3))
    assert [event.message.split("'")[1] for event in seen if isinstance(event, events.Error)] == ["ear", "energy"]
    assert {float(p) for activity in told if activity.start >= 1.0 for p in activity.probabilities} == {1.0}


def test_when_all_fail_the_last_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("no power")

    monkeypatch.setattr(EnergyDetector, "_hear", fails)
    monkeypatch.setattr(FixedDetector, "_hear", fails)
    with pytest.raises(StageError, match=r"'fixed' failed at 0:01\.0: ValueError: no power"):
        listened(Ear(1.0), words(3))


def test_without_spares_the_first_failure_is_the_last() -> None:
    with pytest.raises(StageError, match=r"'ear' failed at 0:01\.0: ValueError: no ears"):
        listened(Ear(1.0), words(3), has_spares=False)


def test_a_detector_that_fails_at_the_end_costs_no_more_than_its_last_word() -> None:
    told, seen = listened(Ear(fails_at_end=True), words(3))
    assert [event.message for event in seen if isinstance(event, events.Error)] == [
        "vad engine 'ear' failed at 0:03.0: ValueError: no last word"
    ]
    assert sum(len(activity.probabilities) for activity in told) == 3 * RATE // 512


def test_an_energy_detector_that_fails_is_not_its_own_spare() -> None:
    class Energy(Ear):
        name = "energy"

    def check(listener: Listener) -> None:
        assert listener.name == "fixed"

    listened(Energy(0.0), words(2), check=check)
