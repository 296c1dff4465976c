"""What a run hands over is put on disk, also where the disk is busy for a moment."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import fakes
from tests.jobs.jobs import FILE, IDENTITY, item, result
from workbench import disk
from workbench.errors import EngineError, OutputError
from workbench.jobs import job as job_module
from workbench.jobs import keeper as keeper_module
from workbench.jobs import segments
from workbench.jobs.keeper import MOST_TRIES, Keeper
from workbench.jobs.store import JobStore
from workbench.speech.cache import ActivityCache
from workbench.types import Activity


class Failing:
    """Raises an error of the system so many times, then does what `real` does."""

    def __init__(self, real: Any, number: int, times: int) -> None:
        self.real, self.number, self.times = real, number, times

    def __call__(self, *arguments: Any) -> Any:
        self.times -= 1
        if self.times >= 0:
            raise OSError(self.number, os.strerror(self.number))
        return self.real(*arguments)


@pytest.mark.parametrize(("module", "name"), [(segments, "sync_data"), (job_module, "write_checkpoint")])
def test_what_the_disk_does_not_take_at_once_is_stored_and_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    monkeypatch.setattr(disk, "FIRST_WAIT_S", 0.0001)
    told: list[str] = []

    async def test() -> None:
        store = JobStore(tmp_path / "jobs")
        with store.take(IDENTITY, FILE, {}) as job:
            keeper = Keeper(job, ActivityCache(tmp_path / "cache"), "key", None)
            monkeypatch.setattr(module, name, Failing(getattr(module, name), errno.EAGAIN, times=2))
            keeper.keep(item(0), result(0).transcripts, lambda: told.append("stored"))
            keeper.change(lambda checkpoint: replace(checkpoint, language="de"))
            await keeper.settle()
            assert job.results[item(0)] == result(0)
        with store.take(IDENTITY, FILE, {}) as job:
            assert (list(job.results), job.checkpoint.language) == ([item(0)], "de")

    fakes.run(test)
    assert told == ["stored"]


def test_what_a_detector_tells_while_something_is_written_is_written_too(tmp_path: Path) -> None:
    early, late = (Activity(0.0, 0.1, np.full(count, 0.5, np.float32)) for count in (3, 9))

    class Busy(ActivityCache):
        def put(self, key: str, activities: Iterable[Activity]) -> None:
            super().put(key, activities)
            if activities == [early]:
                keeper.keep_activity([late])

    cache = Busy(tmp_path / "cache")
    with JobStore(tmp_path / "jobs").take(IDENTITY, FILE, {}) as job:
        keeper = Keeper(job, cache, "key", None)
        keeper.keep_activity([early])

        async def test() -> None:
            await keeper.settle()
            await keeper.end()

        fakes.run(test)
    kept = cache.get("key")
    assert kept is not None
    assert len(kept.probabilities) == 9


def test_where_the_disk_stays_busy_that_is_said_and_the_same_can_be_stored_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "FIRST_WAIT_S", 0.0001)
    told: list[str] = []

    async def test() -> None:
        with JobStore(tmp_path / "jobs").take(IDENTITY, FILE, {}) as job:
            keeper = Keeper(job, ActivityCache(tmp_path / "cache"), "key", None)
            monkeypatch.setattr(segments, "sync_data", Failing(os.fsync, errno.EAGAIN, times=disk.TRIES))
            keeper.keep(item(0), result(0).transcripts, lambda: told.append("stored"))
            with pytest.raises(OutputError, match="unavailable"):
                await keeper.settle()
            assert told == []
            await keeper.settle()
            assert list(job.results) == [item(0)]

    fakes.run(test)
    assert told == ["stored"]


@pytest.mark.parametrize(
    ("error", "tries"), [(ConnectionError("gone"), MOST_TRIES), (EngineError("it hung"), MOST_TRIES), (ValueError(), 1)]
)
def test_what_may_pass_is_tried_a_few_times_and_each_try_is_in_the_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, tries: int
) -> None:
    monkeypatch.setattr(keeper_module, "FIRST_WAIT_S", 0.0001)

    async def test() -> None:
        with JobStore(tmp_path / "jobs").take(IDENTITY, FILE, {}) as job:
            keeper = Keeper(job, ActivityCache(tmp_path / "cache"), "key", None)
            for _ in range(tries - 1):
                assert await keeper.tries_again(item(0), error)
            assert not await keeper.tries_again(item(0), error)
            await keeper.settle()
            assert [job.checkpoint.failed_tries(of) for of in (item(0), item(2), None)] == [tries, 0, 0]
            assert {failure.is_temporary for failure in job.checkpoint.failures} == {tries > 1}

    fakes.run(test)


def test_texts_of_windows_and_their_translations_are_found_as_they_were_made(tmp_path: Path) -> None:
    async def test() -> None:
        with JobStore(tmp_path / "jobs").take(IDENTITY, FILE, {}) as job:
            keeper = Keeper(job, ActivityCache(tmp_path / "cache"), "key", None)
            keeper.keep(item(0), result(0).transcripts, lambda: None)
            keeper.keep(item(1), result(1).translations, lambda: None)
            keeper.keep(item(2), [], lambda: None)
            await keeper.settle()
        with JobStore(tmp_path / "jobs").take(IDENTITY, FILE, {}) as job:
            again = Keeper(job, ActivityCache(tmp_path / "cache"), "key", None)
            assert again.find(item(0)) == result(0).transcripts
            assert again.find(item(1)) == result(1).translations
            assert again.find(item(2)) == (), "nothing was said there, and that is known"
            assert again.find(item(3)) is None

    fakes.run(test)
