"""What becomes of jobs that nobody works on, on disk soon: the next run and other processes see it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Any

from workbench.errors import UsageError, WorkbenchError
from workbench.jobs.checkpoint import Failure, State
from workbench.jobs.store import JobStore
from workbench.threads import to_thread

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    state: State | None = None
    priority: int | None = None
    failure: Failure | None = None
    """Why it failed before any work began."""
    is_unwanted: bool = False
    """Whether it goes, unless something is stored of it."""


class Changes:
    """Those of one queue. On the loop."""

    def __init__(self, store: JobStore, queue: str, tasks: asyncio.TaskGroup) -> None:
        """`queue`: in which jobs wait, see `Checkpoint.queue`. `tasks` is left when all is on disk."""
        self._store = store
        self._queue = queue
        self._tasks = tasks
        self._unsaved: dict[str, Change] = {}
        self._saving: asyncio.Task[None] | None = None

    def add(self, name: str, **changes: Any) -> None:
        """Fields of `Change`, in place of earlier ones. Without a name there is no job yet, and nothing to change."""
        if name:
            self._unsaved[name] = replace(self._unsaved.get(name, Change()), **changes)
            if self._saving is None:
                self._saving = self._tasks.create_task(self._save())

    async def saved(self) -> None:
        """Returns when all is on disk: until then any of the jobs may be held for a moment."""
        while self._saving is not None:
            await asyncio.wait([self._saving])

    async def _save(self) -> None:
        while self._unsaved:
            name, change = self._unsaved.popitem()
            try:
                await to_thread(self._make, name, change)
            except UsageError:
                pass  # it was removed since, or whoever works on it says how it is
            except WorkbenchError as error:
                _log.warning("what became of job %s could not be stored: %s", name, error)
        self._saving = None

    def _make(self, name: str, change: Change) -> None:
        """What is finished stays so. Raises `UsageError` when it was removed, `JobBusy`, `OutputError`. Blocks."""
        info = self._store.info(name)
        if info.checkpoint is None or info.state is State.FINISHED:
            return
        made: dict[str, Any] = {}
        if change.state is not None:
            made |= {"state": change.state, "queue": self._queue if change.state is State.QUEUED else ""}
        if change.priority is not None:
            made["request"] = info.checkpoint.request | {"priority": change.priority}
        if change.failure is not None:
            made["failures"] = (*info.checkpoint.failures, change.failure)
        if change.is_unwanted and not info.results():
            self._store.remove(name)
        elif any(getattr(info.checkpoint, field) != value for field, value in made.items()):
            self._store.change(name, **made)
