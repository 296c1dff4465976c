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
                    assert all(activity.end <= chunk.end + 1e-6 for activity in found), "nothing before it was heard"
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


@pytest.mark.parametrize("gives", [None, ["speech"], [Activity(2.0, 0.1, np.array([np.nan], np.float32))]], ids=str)
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
