"""The files of a queue, each as it is at one moment."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Iterator, Set
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

from workbench import events
from workbench.clock import time_left
from workbench.errors import JobBusy, UsageError, WorkbenchError
from workbench.jobs.checkpoint import Checkpoint, State
from workbench.jobs.request import Request, request_of
from workbench.jobs.store import JobInfo, JobStore
from workbench.transcribe import Result

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file of the queue, as it is now; another takes its place at each change."""

    request: Request
    number: int = 0
    """In its queue, from 1; stays. 0: it is in none."""
    state: State = State.QUEUED
    name: str = ""
    """Of the job on disk; empty while the file was not looked into."""
    position: float = 0.0
    """Seconds of audio that are done."""
    duration: float | None = None
    """Seconds of audio; None: not known yet."""
    run_from: float = 0.0
    """`position` when this run began to get on,"""
    run_began: float | None = None
    """and when that was, by `time.monotonic`."""
    is_stored: bool = False
    """Whether all that is written to its files was stored before this run."""
    was_done: bool = False
    """Whether all of it was made before, and nothing was to be done."""
    error: WorkbenchError | None = None
    """Why it failed, or is paused where nobody asked for that."""
    result: Result | None = None

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is not done here, as somebody else works on its job: it goes on there."""
        return self.state is State.FAILED and isinstance(self.error, JobBusy)

    @property
    def share(self) -> float | None:
        """How much is done, from 0 to 1; below 1 until its files are written. None: not known."""
        return share_done(self.state, self.position, self.duration)

    @property
    def path(self) -> Path:
        return self.request.targets.path

    def left_s(self, now: float) -> float | None:
        """Seconds until it is done, at the mean speed of this run, 0 or more; None: that cannot be told."""
        if self.state is not State.RUNNING or not self.duration or self.run_began is None:
            return None
        return time_left(now - self.run_began, self.position - self.run_from, self.duration - self.position)

    def after(self, event: events.Event) -> Entry:
        """As it is after an event of its run."""
        match event:
            case events.Ready(duration=duration):
                began = time.monotonic()
                return replace(self, duration=duration or self.duration, run_from=self.position, run_began=began)
            case events.Progress(position=position) if position > self.position:
                return replace(self, position=position)
        return self


def share_done(state: State | None, position: float, duration: float | None) -> float | None:
    """How much of a job is done, from 0 to 1; below 1 until its files are written. None: not known."""
    if state is State.FINISHED:
        return 1.0
    return min(0.99, position / duration) if duration else None


Watch: TypeAlias = Callable[[Entry], None]


class Entries:
    """Those of a queue, by number, in the order in which they were put in."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._numbers = count(1)
        self._watchers: list[Watch] = []

    def __getitem__(self, number: int) -> Entry:
        return self._entries[number]

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def get(self, number: int) -> Entry | None:
        """None: it was taken off."""
        return self._entries.get(number)

    def watch(self, callback: Watch) -> Callable[[], None]:
        """Call `callback` with each entry that changed, also with one that was taken off. Returns what ends that."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    def add(self, entry: Entry) -> Entry:
        """Gives it with its number."""
        entry = replace(entry, number=next(self._numbers))
        self.put(entry)
        return entry

    def put(self, entry: Entry) -> None:
        """In place of the one with its number."""
        self._entries[entry.number] = entry
        self._tell(entry)

    def change(self, number: int, **changes: Any) -> None:
        self.put(replace(self._entries[number], **changes))

    def take_off(self, number: int) -> None:
        self._tell(self._entries.pop(number))

    def expect(self, number: int, states: Set[State]) -> Entry:
        """Raises `UsageError` for one in another state."""
        entry = self._entries[number]
        if entry.state not in states:
            raise UsageError(f"{str(entry.path)!r} is {entry.state}", hint="Choose another one.")
        return entry

    def waiting(self) -> list[Entry]:
        """What is queued: the highest priority first, then the shortest, then the oldest."""
        queued = (entry for entry in self if entry.state is State.QUEUED)
        return sorted(queued, key=lambda e: (-e.request.priority, e.duration or math.inf, e.number))

    def _tell(self, entry: Entry) -> None:
        for watcher in list(self._watchers):
            watcher(entry)


def unfinished(store: JobStore, names: Collection[str] | None = None) -> Iterator[Entry]:
    """What earlier runs left, and no process works on or has in its queue, the oldest first. Blocks.

    What was queued or interrupted is queued; what was paused or failed still is, with what went wrong. `names`: only
    those jobs. Raises `OutputError` when the folder of jobs is not accessible.
    """
    for info in reversed(store.jobs()):
        is_free = not (info.is_held or info.is_waiting or info.is_over)
        if info.checkpoint is None or not is_free or (names is not None and info.name not in names):
            continue
        try:
            yield _entry(info, info.checkpoint)
        except WorkbenchError as error:
            _log.warning("job %s cannot go on: %s", info.name, error)


def _entry(info: JobInfo, checkpoint: Checkpoint) -> Entry:
    waits = checkpoint.state in (State.PAUSED, State.FAILED)
    return Entry(
        request=request_of(checkpoint),
        state=checkpoint.state if waits else State.QUEUED,
        name=info.name,
        position=info.position(),
        duration=checkpoint.duration,
        error=_stopped_by(checkpoint),
    )


def _stopped_by(checkpoint: Checkpoint) -> WorkbenchError | None:
    failure = checkpoint.stopped_by
    return WorkbenchError(failure.message, hint=failure.hint) if failure else None
