"""What was made of a file before is taken up, what is made now is handed over, and little is lost to a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests import fakes
from workbench import events
from workbench.engines import Settings, StageKind
from workbench.errors import StageError
from workbench.kept import Attempts, Given, Item
from workbench.pipeline import Pipeline
from workbench.pool import Pool
from workbench.speech.packer import PackerOptions
from workbench.stages import Stages
from workbench.types import Activity, Samples, Window


class Notebook:
    """Keeps what it is told in memory, and tells that it is safe when a test wants."""

    def __init__(self, before: Notebook | None = None, *, tries: int = 1, writes: bool = True) -> None:
        self.made: dict[Item, Sequence[Any]] = dict(before.made) if before else {}
        self.language: str | None = before.language if before else None
        self.activity: Activity | None = None
        self.suspects: set[Item] = set()
        self.begun: list[Item] = []
        self.heard: Sequence[Activity] | None = None
        self.errors: list[Exception] = []
        self.unwritten: list[Callable[[], None]] = []
        self._tries, self._writes = tries, writes

    async def begins(self, item: Item) -> None:
        self.begun.append(item)

    def refused(self, item: Item) -> Exception | None:
        return None

    def find(self, item: Item) -> Sequence[Any] | None:
        return self.made.get(item)

    def keep(self, item: Item, values: Sequence[Any], stored: Callable[[], None]) -> None:
        self.made[item] = tuple(values)
        self.unwritten.append(stored)
        if self._writes:
            self.write()

    def write(self) -> None:
        while self.unwritten:
            self.unwritten.pop()()

    def keep_language(self, language: str) -> None:
        self.language = language

    def keep_activity(self, activities: Sequence[Activity]) -> None:
        self.heard = activities

    async def tries_again(self, item: Item, error: Exception) -> bool:
        self.errors.append(error)
        return len(self.errors) % self._tries != 0


class Writer(fakes.Answers):
    """Writes the length of each window; `error` is raised after the first word of some windows."""

    name = "writer"

    def __init__(self, concurrency: int = 1, error: Callable[[Window], Any] = lambda window: None) -> None:
        super().__init__()
        self.concurrency = concurrency
        self._error = error

    def process(self, item: Window, state: Settings) -> Any:
        self.heard.append(item)
        yield item.transcript("First,", language=state.language or "?", start=0.0, end=0.1)
        if isinstance(problem := self._error(item), Exception):
            raise problem
        if problem is not None:
            yield problem
        yield item.transcript(f"{item.duration:.1f}.", language=state.language or "?", start=0.1, end=item.duration)


class Deaf(fakes.Loudness):
    name = "deaf"

    def process_batch(self, work: Any) -> Any:
        raise AssertionError("nobody should ask it")


def words(count: int) -> Samples:
    """Seconds of noise, longer by a tenth each, with pauses of a second between them."""
    chance = np.random.default_rng(1)
    parts = [chance.uniform(-0.5, 0.5, 16_000 + 1600 * index).astype(np.float32) for index in range(count)]
    return np.concatenate([part for word in parts for part in (word, np.zeros(16_000, np.float32))])


def run(
    kept: Notebook,
    writer: Writer,
    *,
    count: int = 4,
    detector: Any = None,
    tolerance: int = 1,
    during: Callable[[], Any] | None = None,
) -> list[events.Event]:
    """All texts, languages and errors that a pipeline tells."""
    seen: list[events.Event] = []

    async def work() -> None:
        ear = detector or fakes.Loudness()
        pools: list[Pool[Any, Any]] = [Pool(lambda: ear), Pool(lambda: writer)]
        for pool in pools:
            await pool.start()
        stages = Stages(pools[0], pools[1], packer=PackerOptions(packing=False))
        capture = fakes.Recording(words(count), chunk_s=1.0)
        try:
            pipeline = Pipeline(capture, stages, Settings(), seen.append, tolerance=tolerance, kept=kept)
            await asyncio.gather(pipeline.run(), during() if during else asyncio.sleep(0))
        finally:
            for pool in pools:
                await pool.close()

    fakes.run(work)
    return [event for event in seen if isinstance(event, events.Transcript | events.LanguageDetected | events.Error)]


def test_what_was_made_is_not_made_again_and_tells_the_same() -> None:
    first, writer, again = Notebook(), Writer(), Writer()
    seen = run(first, writer)
    assert len(writer.heard) == len(first.made) == 4
    assert run(Notebook(first), again) == seen
    assert again.heard == []


def test_what_is_missing_is_made_in_its_place() -> None:
    first = Notebook()
    seen = run(first, Writer())
    half, writer = Notebook(first), Writer()
    missing = [item for index, item in enumerate(first.made) if index in (0, 2)]
    for item in missing:
        del half.made[item]
    assert run(half, writer) == seen
    assert [window.start for window in writer.heard] == [item.start for item in missing]
    assert half.made == first.made


def test_a_language_that_was_detected_is_not_detected_again() -> None:
    first, again = Notebook(), Notebook()
    run(first, Writer())
    assert first.language == "en"
    again.language = "fr"
    seen = run(again, Writer())
    assert {event.transcript.language for event in seen if isinstance(event, events.Transcript)} == {"fr"}


def test_known_activity_cuts_the_same_windows_and_asks_no_detector() -> None:
    first, again = Notebook(), Notebook()
    seen = run(first, Writer())
    assert first.heard is not None
    again.activity = Activity(0.0, 0.032, np.concatenate([heard.probabilities for heard in first.heard]))
    assert run(again, Writer(), detector=Deaf()) == seen
    assert again.made == first.made
    assert again.heard is None


def test_what_a_simpler_detector_found_is_not_kept_as_if_the_first_had() -> None:
    class Broken(fakes.Loudness):
        name = "broken"

        def process_batch(self, work: Any) -> Any:
            raise ValueError("no ears")

    kept = Notebook()
    seen = run(kept, Writer(), detector=Broken())
    assert any(isinstance(event, events.Transcript) for event in seen)
    assert kept.heard is None


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_no_more_is_begun_than_is_at_work_until_results_are_on_disk(concurrency: int) -> None:
    kept, writer = Notebook(writes=False), Writer(concurrency)

    def is_full(stored: int) -> bool:
        return len(kept.made) == len(writer.heard) == stored + concurrency

    async def during() -> None:
        while len(kept.made) < 8:
            stored = len(kept.made) - len(kept.unwritten)
            await fakes.until(partial(is_full, stored))
            assert len(writer.heard) == stored + concurrency
            kept.unwritten.pop(0)()
        kept.write()

    run(kept, writer, count=8, during=during)
    assert len(writer.heard) == 8


def test_an_item_that_fails_is_tried_again_and_nothing_of_it_is_told_twice() -> None:
    failures = [ValueError("a crumb"), ValueError("a crumb")]
    kept, writer = Notebook(tries=3), Writer(error=lambda window: failures.pop() if failures else None)
    seen = run(kept, writer)
    assert seen == run(Notebook(), Writer())
    assert (len(kept.errors), len(writer.heard)) == (2, 6)


def test_an_item_that_is_given_up_holds_nothing_up() -> None:
    kept, writer = Notebook(), Writer(error=lambda window: ValueError("a crumb") if window.start < 3 else None)
    seen = run(kept, writer, tolerance=3)
    assert [event.stage for event in seen if isinstance(event, events.Error)] == [StageKind.ASR] * 2
    assert len(kept.made) == 2


def test_what_is_no_result_is_not_kept_and_holds_nothing_up() -> None:
    kept, writer = Notebook(), Writer(error=lambda window: "no transcript" if window.start < 3 else None)
    seen = run(kept, writer, tolerance=9)
    assert len([event for event in seen if isinstance(event, events.Error)]) == 2
    assert len(kept.made) == 2


def test_memory_that_is_short_is_not_asked_for_again() -> None:
    kept = Notebook(tries=3)
    with pytest.raises(StageError, match="MemoryError"):
        run(kept, Writer(error=lambda window: MemoryError("too much")), tolerance=9)
    assert kept.errors == []


class Try:
    """Results that end with `error`, if there is one."""

    def __init__(self, *values: int, error: Exception | None = None) -> None:
        self.values, self.error, self.closed = values, error, False

    async def collect(self) -> list[int]:
        if self.error:
            raise self.error
        return list(self.values)

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("tries", [1, 2, 3])
def test_attempts_give_the_values_of_the_one_that_worked(tries: int) -> None:
    begun = [Try(1, 2, error=ValueError(str(number))) for number in range(tries - 1)] + [Try(3, 4)]
    left, told = iter(begun), list[str]()

    async def again(error: Exception) -> bool:
        told.append(str(error))
        return True

    async def collected() -> list[int]:
        attempts: Attempts[int] = Attempts(lambda: next(left), again)  # type: ignore[arg-type]
        values = [value async for value in attempts]
        await attempts.aclose()
        return values

    assert fakes.run(collected) == [3, 4]
    assert told == [str(number) for number in range(tries - 1)]
    assert [attempt.closed for attempt in begun] == [False] * (tries - 1) + [True]


def test_attempts_end_with_the_error_that_is_not_tried_again() -> None:
    async def never(error: Exception) -> bool:
        return False

    async def failed() -> object:
        attempts: Attempts[int] = Attempts(lambda: Try(error=ValueError("a crumb")), never)  # type: ignore[arg-type, return-value]
        return await fakes.outcome(anext(attempts))

    assert repr(fakes.run(failed)) == repr(ValueError("a crumb"))


def test_what_is_given_is_taken_in_order_and_once() -> None:
    async def taken() -> list[list[int]]:
        given = Given([1, 2, 3])
        values = [[value async for value in given] for _ in range(2)]
        await given.aclose()
        return values

    assert fakes.run(taken) == [[1, 2, 3], []]
