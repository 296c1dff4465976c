"""Many files, a few at a time: the jobs of this process, which others on the loop watch and command."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from workbench import events
from workbench.clock import time_left
from workbench.errors import DiskFull, JobBusy, UsageError, WorkbenchError, in_one_line, is_expected
from workbench.jobs.checkpoint import Checkpoint, Identity, State
from workbench.jobs.control import STOPPABLE, listen
from workbench.jobs.job import Job
from workbench.jobs.keeper import failure_of
from workbench.jobs.request import Request, request_of
from workbench.jobs.store import JobInfo, JobStore
from workbench.jobs.work import Looked, Running, is_done, look, status_of, work
from workbench.profiles.schema import Profile
from workbench.session import Session
from workbench.threads import to_thread, uninterrupted
from workbench.transcribe import Result

AT_ONCE: Final = 4
"""Files: while one is decoded or written, others keep the engines busy, and a short one passes a long one."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file of the queue, as it is now; another takes its place at each change."""

    number: int
    """In this queue, from 1; stays."""
    request: Request
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
    was_done: bool = False
    """Whether all of it was made before, and nothing was to be done."""
    error: WorkbenchError | None = None
    """Why it failed, or is paused where nobody asked for that."""
    result: Result | None = None

    def left_s(self, now: float) -> float | None:
        """Seconds until it is done, at the mean speed of this run, 0 or more; None: that cannot be told."""
        if self.state is not State.RUNNING or not self.duration or self.run_began is None:
            return None
        return time_left(now - self.run_began, self.position - self.run_from, self.duration - self.position)


Watch: TypeAlias = Callable[[Entry], None]
Observe: TypeAlias = Callable[[Entry, events.Event], None]


class Queue:
    """An async context manager: leaving pauses what runs, and returns when all of it is on disk.

    While it is open, other processes can pause and cancel its jobs.

    All methods are called on the loop. What is asked of an entry in a state that does not allow it raises `UsageError`.
    """

    def __init__(
        self,
        session: Session,
        store: JobStore,
        *,
        at_once: int = AT_ONCE,
        observe: Observe = lambda entry, event: None,
        left_as: State = State.PAUSED,
    ) -> None:
        """`observe` gets the events of each file; it must neither block nor raise.

        `left_as`: what a file that runs becomes when the queue is left. `restore` goes on with one that is `QUEUED`,
        and has one that is `PAUSED` wait.
        """
        self._session = session
        self._store = store
        self._at_once = at_once
        self._observe = observe
        self._left_as = left_as
        self._entries: dict[int, Entry] = {}
        self._last = 0
        self._running: dict[int, asyncio.Task[None]] = {}
        self._stopped_as: dict[int, State] = {}
        self._at_work: dict[int, Running] = {}
        self._looked: dict[int, Looked] = {}
        self._looking: int | None = None
        self._look_task: asyncio.Task[None] | None = None
        self._unsaved: dict[str, dict[str, Any]] = {}
        self._saving: asyncio.Task[None] | None = None
        self._watchers: list[Watch] = []
        self._settled = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._lock = await to_thread(self._store.queue)
        await self._tasks.__aenter__()
        self._listening = self._tasks.create_task(listen(self._store, self._asked))
        self._is_open = True
        return self

    async def __aexit__(self, *details: Any) -> None:
        self._is_open = False
        for task in (self._listening, self._look_task, *self._running.values()):
            if task is not None:
                task.cancel()
        try:
            await self._tasks.__aexit__(None, None, None)  # told of an error, it would not let `_save` come to its end
        finally:
            self._lock.release()

    @property
    def entries(self) -> Sequence[Entry]:
        """In the order in which they were put in."""
        return list(self._entries.values())

    def running(self, number: int) -> Running | None:
        """What works on an entry; None: nothing does, or its engines are being loaded."""
        return self._at_work.get(number)

    def watch(self, callback: Watch) -> Callable[[], None]:
        """Call `callback` with each entry that changed. Returns what ends that."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    async def settled(self) -> None:
        """Returns when nothing runs, and nothing waits to."""
        while self._running or self._looking is not None or self._waiting():
            self._settled.clear()
            await self._settled.wait()

    # what can be asked for

    def submit(self, request: Request) -> Entry:
        """Put a file at its place in the queue."""
        entry = Entry(number=self._number(), request=request)
        self._put(entry)
        self._start()
        return self._entries[entry.number]

    async def restore(self, names: Collection[str] | None = None) -> list[Entry]:
        """Put in what other runs left unfinished, and nobody works on: what was queued or interrupted goes on, what was
        paused or failed waits to be asked for. `names`: only those jobs.

        One fails whose file or engines have changed since. Raises `OutputError` when the folder of jobs is not
        accessible.
        """
        found = []
        for info, request, position in await to_thread(_unfinished, self._store, names):
            assert info.checkpoint is not None
            waits = info.checkpoint.state in (State.PAUSED, State.FAILED)
            entry = Entry(
                number=self._number(),
                request=request,
                state=info.checkpoint.state if waits else State.QUEUED,
                name=info.name,
                position=position,
                duration=info.checkpoint.duration,
                error=_last_error(info.checkpoint) if waits else None,
            )
            self._put(entry)
            if not waits:
                self._remember(entry.name, state=State.QUEUED)
            found.append(entry)
        self._start()
        return found

    def pause(self, number: int) -> None:
        """It goes on from where it is when it is resumed."""
        self._stop(number, State.PAUSED)

    def cancel(self, number: int) -> None:
        """It will not be done; what was made of it stays until jobs are cleaned up."""
        self._stop(number, State.CANCELLED)

    def resume(self, number: int) -> None:
        """Go on with what was paused, or try again what failed or was cancelled."""
        self._expect(number, {State.PAUSED, State.FAILED, State.CANCELLED})
        self._change(number, state=State.QUEUED, error=None)
        self._remember(self._entries[number].name, state=State.QUEUED)
        self._start()

    def prioritize(self, number: int, priority: int) -> None:
        """Of what waits, that with a higher one is begun first."""
        entry = self._entries[number]
        self._change(number, request=replace(entry.request, priority=priority))
        self._remember(entry.name, priority=priority)

    def set_profile(self, number: int, profile: Profile) -> None:
        """Do it with another profile: from its start, unless it was begun with that before."""
        entry = self._expect(number, {State.QUEUED, State.PAUSED, State.FAILED, State.CANCELLED})
        if profile == entry.request.profile:
            return
        self._looked.pop(number, None)
        self._remember(entry.name, state=State.CANCELLED)
        request = replace(entry.request, profile=profile)
        self._change(number, request=request, name="", position=0.0)
        self._look_ahead()

    def remove(self, number: int) -> None:
        """Take it off the list, which cancels what is not done. What is on disk stays until jobs are cleaned up."""
        entry = self._expect(number, set(State) - {State.RUNNING})
        self._looked.pop(number, None)
        self._remember(entry.name, state=State.CANCELLED)
        self._tell(self._entries.pop(number))

    # inside

    def _number(self) -> int:
        self._last += 1
        return self._last

    def _put(self, entry: Entry) -> None:
        self._entries[entry.number] = entry
        self._tell(entry)

    def _change(self, number: int, **changes: Any) -> None:
        self._put(replace(self._entries[number], **changes))

    def _tell(self, entry: Entry) -> None:
        for watcher in list(self._watchers):
            watcher(entry)

    def _expect(self, number: int, states: Set[State]) -> Entry:
        entry = self._entries[number]
        if entry.state not in states:
            raise UsageError(f"{str(entry.request.targets.path)!r} is {entry.state}", hint="Choose another one.")
        return entry

    def _asked(self, name: str, state: State) -> None:
        """Another process wants it: see `workbench.jobs.control`."""
        for entry in self.entries:
            asked_before = self._stopped_as.get(entry.number) is state
            if entry.name == name and entry.state in STOPPABLE[state] and not asked_before:
                _log.info("job %s: another process asks for it to be %s", name, state)
                self._stop(entry.number, state)

    def _stop(self, number: int, state: State) -> None:
        entry = self._expect(number, STOPPABLE[state])
        if entry.state is State.RUNNING:
            self._stopped_as[number] = state
            self._running[number].cancel()
            return
        self._change(number, state=state)
        self._remember(entry.name, state=state)
        self._settled.set()

    def _remember(self, name: str, **changes: Any) -> None:
        """Have the disk say soon what became of a job that does not run; without a name, there is none yet.

        `changes` are a `state`, a `priority` or a `failure`.
        """
        if name:
            self._unsaved[name] = self._unsaved.get(name, {}) | changes
            if self._saving is None:
                self._saving = self._tasks.create_task(self._save())

    async def _save(self) -> None:
        while self._unsaved:
            name, changes = self._unsaved.popitem()
            try:
                await to_thread(_save, self._store, name, changes, self._lock.path.name)
            except WorkbenchError as error:
                _log.warning("what became of job %s could not be stored: %s", name, error)
        self._saving = None

    # what is done next

    def _waiting(self) -> list[Entry]:
        """What is begun next, first: the highest priority, then the shortest, then the oldest."""
        waiting = [
            entry
            for entry in self._entries.values()
            if entry.state is State.QUEUED and entry.number not in (self._looking, *self._running)
        ]
        return sorted(waiting, key=lambda e: (-e.request.priority, e.duration or math.inf, e.number))

    def _start(self) -> None:
        for entry in self._waiting()[: self._at_once - len(self._running)] if self._is_open else ():
            task = self._tasks.create_task(self._do(entry.number))
            self._running[entry.number] = task
            task.add_done_callback(partial(self._ended, entry.number))
        self._look_ahead()

    def _ended(self, number: int, task: asyncio.Task[None]) -> None:
        del self._running[number]
        self._stopped_as.pop(number, None)
        self._at_work.pop(number, None)
        self._start()
        self._settled.set()

    async def _do(self, number: int) -> None:
        if number not in self._entries or self._entries[number].state is not State.QUEUED:
            return  # it was asked for between the making of this task and its first step
        self._change(number, state=State.RUNNING, error=None, run_began=None)
        job = None
        try:
            job, request = await self._take(number)
            position = max((item.end for item in job.results), default=0.0)
            self._change(number, name=job.name, request=request, position=position, run_from=position)
            if is_done(job, request):
                self._change(number, state=State.FINISHED, was_done=True)
                return
            stopped_as = lambda: self._stopped_as.get(number, self._left_as)  # noqa: E731
            emit, began = partial(self._observed, number), partial(self._at_work.__setitem__, number)
            result = await work(job, request, self._session, emit, stopped_as, began)
            self._change(number, state=State.FINISHED, result=result, position=result.duration)
        except asyncio.CancelledError:
            is_done_for = job is not None and job.checkpoint.state is State.FINISHED  # it was at its end already
            state = State.FINISHED if is_done_for else self._stopped_as.get(number, self._left_as)
            self._change(number, state=state)
            if job is None or job.checkpoint.state is not state:
                self._remember(self._entries[number].name, state=state)
            if number not in self._stopped_as:  # the queue is left
                raise
        except Exception as error:
            self._failed(number, error)
            if job is None:  # else the job says so itself
                self._remember(self._entries[number].name, state=State.FAILED, failure=failure_of(error))
        finally:
            if job is not None:
                job.close()

    def _failed(self, number: int, error: Exception) -> None:
        ours = error if isinstance(error, WorkbenchError) else WorkbenchError(in_one_line(error))
        if not is_expected(error):
            _log.error("a job failed", exc_info=error)
        self._change(number, state=State.PAUSED if isinstance(error, DiskFull) else State.FAILED, error=ours)

    async def _take(self, number: int) -> tuple[Job, Request]:
        entry, looked = self._entries[number], self._looked.pop(number, None)
        begun = entry.name if looked is None else ""
        if looked is None or looked.status != status_of(entry.request.targets.path):
            looked = await look(entry.request, self._session)
        if looked.duration is not None:
            self._change(number, duration=looked.duration)
        request = replace(looked.request, priority=entry.request.priority)
        return await self._opened(number, looked.identity, request, begun), request

    async def _opened(self, number: int, identity: Identity, request: Request, begun: str = "") -> Job:
        """The job called `begun`, if it was begun with `identity`; without a name, any such or a new one."""
        while stopping := self._stopping(request.targets.path, number):
            await asyncio.wait(stopping)
        while self._saving is not None:  # it may hold just this job
            await asyncio.wait([self._saving])
        if begun:
            taking = to_thread(self._store.open, begun, identity)
        else:
            taking = to_thread(self._store.take, identity, request.targets.path, request.to_dict())
        opening = asyncio.ensure_future(taking)
        try:
            return await uninterrupted(opening)
        except asyncio.CancelledError:
            if opening.exception() is None:  # nobody else would let go of it
                opening.result().close()
                if number in self._entries:
                    self._change(number, name=opening.result().name)
                    self._remember(opening.result().name, state=self._entries[number].state)
            raise

    def _stopping(self, path: Path, number: int) -> list[asyncio.Task[None]]:
        """What still holds a job of this file, as another entry, and is about to let go of it."""
        others = [other for other in self._stopped_as if other != number]
        return [self._running[other] for other in others if self._entries[other].request.targets.path == path]

    def _observed(self, number: int, event: events.Event) -> None:
        entry = self._entries[number]
        match event:
            case events.Ready(duration=duration):
                now = time.monotonic()
                self._change(number, duration=duration or entry.duration, run_from=entry.position, run_began=now)
            case events.Progress(position=position) if position > entry.position:
                self._change(number, position=position)
        self._observe(self._entries[number], event)

    # what waits is looked into while others run, so that it is on disk, and its length known

    def _look_ahead(self) -> None:
        unknown = [e for e in self._waiting() if e.number not in self._looked and not e.name]
        if self._is_open and self._looking is None and unknown:
            self._looking = unknown[0].number
            self._look_task = self._tasks.create_task(self._look(unknown[0]))

    def _put_down(self, job: Job) -> None:
        """Let go of a job that waits; others see for whom. Blocks."""
        with job:
            if job.checkpoint.state is not State.FINISHED:
                job.save(replace(job.checkpoint, state=State.QUEUED, queue=self._lock.path.name))

    async def _look(self, entry: Entry) -> None:
        """It may be off the list already."""
        number = entry.number
        try:
            looked = await look(entry.request, self._session)
            job = await self._opened(number, looked.identity, looked.request)
            await to_thread(self._put_down, job)
            now = self._entries.get(number)
            if now is None or now.request.profile != entry.request.profile:
                self._remember(job.name, state=State.CANCELLED)
            else:
                self._looked[number] = looked
                self._change(number, name=job.name, duration=looked.duration)
                if now.state is not State.QUEUED:
                    self._remember(job.name, state=now.state)
        except Exception as error:
            if self._entries.get(number) is entry:
                self._failed(number, error)
        finally:
            self._looking = self._look_task = None
            self._start()
            self._settled.set()


def _save(store: JobStore, name: str, changes: dict[str, Any], queue: str) -> None:
    """What is finished stays so; of what is worked on, whoever does it says how it is."""
    checkpoint = store.info(name).checkpoint
    if checkpoint is None or checkpoint.state is State.FINISHED:
        return
    made: dict[str, Any] = {}
    if (state := changes.get("state")) is not None:
        made |= {"state": state, "queue": queue if state is State.QUEUED else ""}
    if (priority := changes.get("priority")) is not None:
        made["request"] = checkpoint.request | {"priority": priority}
    if (failure := changes.get("failure")) is not None:
        made["failures"] = (*checkpoint.failures, failure)
    with suppress(JobBusy):
        store.change(name, **made)


def _last_error(checkpoint: Checkpoint) -> WorkbenchError | None:
    """What ended the last run of a job, if it was an error."""
    failure = next((failure for failure in reversed(checkpoint.failures) if failure.item is None), None)
    return WorkbenchError(failure.message, hint=failure.hint) if failure else None


def _unfinished(store: JobStore, names: Collection[str] | None) -> list[tuple[JobInfo, Request, float]]:
    """What can go on and waits for no other process, the oldest first. Blocks."""
    found = []
    for info in reversed(store.jobs()):
        if info.checkpoint is None or info.is_held or info.is_waiting or info.is_over:
            continue
        if names is not None and info.name not in names:
            continue
        try:
            found.append((info, request_of(info.checkpoint), info.position()))
        except WorkbenchError as error:
            _log.warning("job %s cannot go on: %s", info.name, error)
    return found
