"""Puts what is made of a job's file on disk as it is made, and has what was made before."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from workbench.disk import disk
from workbench.engines import StageKind
from workbench.errors import ProcessDied, WorkbenchError, in_one_line
from workbench.jobs.checkpoint import Checkpoint, Failure
from workbench.jobs.job import Job
from workbench.jobs.segments import ItemResult
from workbench.kept import Item
from workbench.speech.cache import ActivityCache
from workbench.stage_errors import is_temporary
from workbench.types import Activity

MOST_DEATHS: Final = 3
"""Of processes at one item, after which it is not begun again."""
MOST_TRIES: Final = 3
"""Of one item, in one run."""
FIRST_WAIT_S: Final = 0.2
"""Before the second try; twice that before the third."""


class Keeper:
    """`workbench.kept.Kept` for one run of `job`. All but `write` is called on the loop, and does not wait."""

    def __init__(self, job: Job, activities: ActivityCache, activity_key: str, activity: Activity | None) -> None:
        self.language = job.checkpoint.language
        self.activity = activity
        self.suspects = frozenset(_deaths(job.checkpoint) - job.results.keys())
        self._job = job
        self._activities = activities
        self._activity_key = activity_key
        self._results: list[tuple[ItemResult, Callable[[], None]]] = []
        self._changes: list[Callable[[Checkpoint], Checkpoint]] = []
        self._heard: Sequence[Activity] = ()
        self._tries: Counter[Item] = Counter()
        self._changed = asyncio.Event()

    def find(self, item: Item) -> Sequence[Any] | None:
        found = self._job.results.get(item)
        if found is None:
            return None
        return found.transcripts if item.kind is StageKind.ASR else found.translations

    async def begins(self, item: Item) -> None:
        await disk().run(partial(self._job.at_work.add, item))

    def refused(self, item: Item) -> ProcessDied | None:
        """Only if the last process died at it too: whoever retries a job that failed asks for another try.

        Of several, that of the last stage: it is soon done, and what takes long was at work whenever it died.
        """
        deaths = _deaths(self._job.checkpoint)
        several = [died for died in self._job.died_at if deaths[died] >= MOST_DEATHS]
        if item not in several or item.kind is not max((died.kind for died in several), key=tuple(StageKind).index):
            return None
        hint = f"Another engine may do: --engine {item.kind}=NAME. To try again: workbench jobs retry {self._job.name}"
        return ProcessDied(f"the program ended each of the {deaths[item]} times that it was at this", hint=hint)

    def keep(self, item: Item, values: Sequence[Any], stored: Callable[[], None]) -> None:
        made = {"transcripts" if item.kind is StageKind.ASR else "translations": tuple(values)}
        self._results.append((ItemResult(item=item, **made), stored))
        self._changed.set()

    def keep_language(self, language: str) -> None:
        self.change(lambda checkpoint: replace(checkpoint, language=language))

    def keep_duration(self, duration: float) -> None:
        """Seconds of audio in the file."""
        self.change(lambda checkpoint: replace(checkpoint, duration=duration))

    def keep_activity(self, activities: Sequence[Activity]) -> None:
        self._heard = activities
        self._changed.set()

    async def tries_again(self, item: Item, error: Exception) -> bool:
        self._tries[item] += 1
        failure = failure_of(error, item)
        self.change(lambda checkpoint: replace(checkpoint, failures=(*checkpoint.failures, failure)))
        if not failure.is_temporary or self._tries[item] >= MOST_TRIES:
            return False
        await asyncio.sleep(FIRST_WAIT_S * 2 ** (self._tries[item] - 1))
        return True

    def change(self, change: Callable[[Checkpoint], Checkpoint]) -> None:
        """Save the checkpoint as `change` makes it, soon."""
        self._changes.append(change)
        self._changed.set()

    async def write(self) -> None:
        """Put everything on disk as it comes, until cancelled. Raises `OutputError`."""
        while True:
            await self._changed.wait()
            await self.settle()

    async def settle(self) -> None:
        """Everything that came so far is on disk when this returns. Raises `OutputError`: it can be called again."""
        self._changed.clear()
        for stored in await disk().run(self._commit):
            stored()
        if self._changes or self._heard:
            await disk().run(self._save)

    async def end(self) -> None:
        """Nothing is at work any more. Raises `OutputError`, as `settle` does."""
        await disk().run(self._job.at_work.clear)
        await self.settle()

    def _commit(self) -> list[Callable[[], None]]:
        """Gives whom to tell of results. What comes meanwhile stands behind what is written, and stays."""
        if results := self._results[:]:
            self._job.commit([result for result, _ in results])
            del self._results[: len(results)]
        return [stored for _, stored in results]

    def _save(self) -> None:
        if changes := self._changes[:]:
            checkpoint = self._job.checkpoint
            for change in changes:
                checkpoint = change(checkpoint)
            self._job.save(checkpoint)
            del self._changes[: len(changes)]
        if heard := self._heard:
            self._activities.put(self._activity_key, heard)
            if self._heard is heard:  # else more was heard meanwhile
                self._heard = ()


def count_deaths(job: Job) -> None:
    """Write into the history of `job` what was at work when its last process died, if it did. Raises `OutputError`."""
    job.died_at = {item for item in job.at_work.items() if item not in job.results}
    if job.died_at:
        error = ProcessDied("the program ended while it was at this")
        deaths = (failure_of(error, item) for item in sorted(job.died_at, key=lambda item: item.start))
        job.save(replace(job.checkpoint, failures=(*job.checkpoint.failures, *deaths)))
    job.at_work.clear()


def _deaths(checkpoint: Checkpoint) -> Counter[Item]:
    return Counter(f.item for f in checkpoint.failures if f.item is not None and f.code == ProcessDied.code)


def failure_of(error: Exception, item: Item | None = None) -> Failure:
    """For the history of a job."""
    ours = isinstance(error, WorkbenchError)
    return Failure(
        at=datetime.now().astimezone(),
        item=item,
        is_temporary=is_temporary(error),
        code=error.code if isinstance(error, WorkbenchError) else "error",
        message=str(error) if ours else in_one_line(error),
        hint=error.hint if isinstance(error, WorkbenchError) else "",
    )
