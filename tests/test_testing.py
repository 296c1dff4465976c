"""What plugin authors call from their tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from tests import fakes
from workbench import testing
from workbench.engines import Settings
from workbench.types import Activity, AudioChunk


class Leaky(fakes.Loudness):
    """Keeps in the engine what belongs into the state."""

    def __init__(self) -> None:
        self._shared: list[Any] = [np.zeros(0, np.float32)]

    def process_batch(self, work: Sequence[tuple[AudioChunk, fakes.Log]]) -> Sequence[Iterable[Activity]]:
        return super().process_batch([(chunk, self._shared) for chunk, _ in work])


def _noise(seed: int) -> list[AudioChunk]:
    samples = np.random.default_rng(seed).uniform(-0.02, 0.02, 16_000).astype(np.float32)
    return testing.chunks(samples, chunk_s=0.07)


def test_run_opens_processes_flushes_and_releases() -> None:
    engine = fakes.Doing()
    assert testing.run(engine, [fakes.give(1), fakes.generate(2, 3)]) == [1, 2, 3, ("held back", [1, 2, 3])]
    assert engine.opened == 1
    assert engine.released == [[1, 2, 3]]


def test_run_passes_the_settings() -> None:
    engine = fakes.Answers(["hello"])
    window = testing.window(np.zeros(16_000, np.float32), start=5.0)
    (transcript,) = testing.run(engine, [window], Settings(language="de"))
    assert (transcript.language, transcript.start, transcript.end) == ("de", 5.0, 6.0)


def test_streams_of_different_length_take_turns() -> None:
    order: list[str] = []

    def note(name: str) -> fakes.Deed:
        return lambda state: order.append(name) or [name]  # type: ignore[func-returns-value]

    outputs = testing.run_interleaved(fakes.DoingAtOnce(), [[note("a1"), note("a2"), note("a3")], [note("b1")]])
    assert order == ["a1", "b1", "a2", "a3"]
    assert outputs == [["a1", "a2", "a3"], ["b1"]]


def test_an_engine_that_keeps_streams_apart_passes() -> None:
    testing.assert_streams_are_independent(fakes.Loudness(), _noise(1), _noise(2))


def test_an_engine_that_mixes_streams_is_caught() -> None:
    with pytest.raises(AssertionError, match="stream differs when another runs beside it"):
        testing.assert_streams_are_independent(Leaky(), _noise(1), _noise(2))


def test_same_compares_what_plain_equality_cannot() -> None:
    def activity(value: float, dtype: Any = np.float32) -> Activity:
        return Activity(0.0, 0.032, np.array([value], dtype))

    assert testing.same([activity(0.5)], [activity(0.5)])
    assert not testing.same([activity(0.5)], [activity(0.25)])
    assert not testing.same([activity(0.5)], [activity(0.5, np.float64)])
    assert not testing.same([activity(0.5)], [activity(0.5)] * 2)
    assert not testing.same(activity(0.5), (0.0, 0.032))
    assert testing.same("text", "text")
    assert not testing.same(np.zeros(1, np.float32), 0.0)


def test_chunks_cover_the_samples_without_a_hole() -> None:
    samples = np.arange(10_000, dtype=np.float32)
    chunks = testing.chunks(samples, 8_000, chunk_s=0.03)
    assert np.array_equal(np.concatenate([chunk.samples for chunk in chunks]), samples)
    assert [chunk.start for chunk in chunks] == pytest.approx([n * 0.03 for n in range(len(chunks))])
    assert {len(chunk.samples) for chunk in chunks[:-1]} == {240}
