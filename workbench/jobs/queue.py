"""Many files, a few at a time: the jobs of this process, which others on the loop watch and command."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Self, TypeAlias

from workbench import events
from workbench.errors import DiskFull, InputError, JobBusy, UsageError, WorkbenchError, in_one_line, is_expected
from workbench.jobs.changes import Changes
from workbench.jobs.checkpoint import State
from workbench.jobs.control import STOPPABLE, listen
from workbench.jobs.entry import Entries, Entry, Watch, unfinished
from workbench.jobs.job import Job
from workbench.jobs.keeper import failure_of
from workbench.jobs.request import Request
from workbench.jobs.store import JobStore
from workbench.jobs.taking import Taker
from workbench.jobs.work import Looked, Running, is_done, work
from workbench.lock import Lock
from workbench.profiles.schema import Profile
from workbench.session import Session
from workbench.threads import acquire, to_thread

__all__ = ["Entry", "Queue"]

_WAITING: Final = frozenset({State.QUEUED, State.PAUSED, State.FAILED, State.CANCELLED})
_log = logging.getLogger(__name__)

Observe: TypeAlias = Callable[[Entry, events.Event], None]


@dataclass(slots=True)
class _Turn:
    """Of an entry that is worked on."""

    task: asyncio.Task[None]
    stopped_as: State | None = None
    """What it is to become; None: nobody asked for that."""
    running: Running | None = None


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
        at_once: int | None = None,
        observe: Observe = lambda entry, event: None,
        left_as: State = State.PAUSED,
        keeps_refused: bool = True,
    ) -> None:
        """`at_once`: how many files are worked on at once; None: as many as the profile of `session` says at that time.

        `observe` gets the events of each file; it must neither block nor raise.

        `left_as`: what a file that runs becomes when the queue is left. `restore` goes on with one that is `QUEUED`,
        and has one that is `PAUSED` wait.

        `keeps_refused`: whether a file that was put in and is refused before any work began stays on disk as a job
        that failed, for `restore` to find.
        """
        self._session = session
        self._store = store
        self._at_once = at_once
        self._observe = observe
        self._left_as = left_as
        self._keeps_refused = keeps_refused
        self._entries = Entries()
        self._turns: dict[int, _Turn] = {}
        self._looking: int | None = None
        self._look_task: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._lock = await acquire(self._store.queue, Lock.release)
        self._changes = Changes(self._store, self.name, self._tasks)
        self._taker = Taker(self._session, self._store, self.name, self._freed)
        await self._tasks.__aenter__()
        self._listening = self._tasks.create_task(listen(self._store, self._asked))
        self._is_open = True
        return self

    async def __aexit__(self, *details: Any) -> None:
        self._is_open = False
        for task in (self._listening, self._look_task, *(turn.task for turn in self._turns.values())):
            if task is not None:
                task.cancel()
        try:
            await self._tasks.__aexit__(None, None, None)  # told of an error, it would not let changes be saved
        finally:
            self._lock.release()

    @property
    def entries(self) -> Sequence[Entry]:
        """In the order in which they were put in."""
        return list(self._entries)

    @property
    def name(self) -> str:
        """Of this queue, while it is open: see `Checkpoint.queue`."""
        return self._lock.path.name

    def running(self, number: int) -> Running | None:
        """What works on an entry; None: nothing does, or its engines are being loaded."""
        return self._turns[number].running if number in self._turns else None

    def watch(self, callback: Watch) -> Callable[[], None]:
        """Call `callback` with each entry that changed. Returns what ends that."""
        return self._entries.watch(callback)

    async def saved(self) -> None:
        """Returns when what was asked of jobs that wait is on disk, or the log says that it cannot be."""
        await self._changes.saved()

    async def settled(self) -> None:
        """Returns when nothing runs, and nothing waits to."""
        while self._turns or self._looking is not None or self._waiting():
            self._settled.clear()
            await self._settled.wait()

    # what can be asked for

    def submit(self, request: Request) -> Entry:
        """Put a file at its place in the queue."""
        entry = self._entries.add(Entry(request=request))
        self._start()
        return self._entries[entry.number]

    async def restore(self, names: Collection[str] | None = None) -> list[Entry]:
        """Put in what other runs left unfinished, and nobody works on: what was queued or interrupted goes on, what was
        paused or failed waits to be asked for. `names`: only those jobs.

        One fails whose file or engines have changed since. Raises `OutputError` when the folder of jobs is not
        accessible.
        """
        found = [self._entries.add(entry) for entry in await to_thread(lambda: list(unfinished(self._store, names)))]
        for entry in found:
            if entry.state is State.QUEUED:
                self._changes.add(entry.name, state=State.QUEUED)
        self._start()
        return found

    def put_in(self, name: str, looked: Looked) -> Entry:
        """A new job, which was made of `looked` to wait in this queue: its checkpoint says so."""
        entry = self._entries.add(Entry(request=looked.request, name=name, duration=looked.duration))
        self._taker.remember(entry.number, looked)
        self._start()
        return self._entries[entry.number]

    def pause(self, number: int) -> None:
        """It goes on from where it is when it is resumed."""
        self._stop(number, State.PAUSED)

    def cancel(self, number: int) -> None:
        """It will not be done; what was made of it stays until jobs are cleaned up."""
        self._stop(number, State.CANCELLED)

    def resume(self, number: int) -> None:
        """Go on with what was paused, or try again what failed or was cancelled."""
        self._entries.expect(number, _WAITING - {State.QUEUED})
        self._entries.change(number, state=State.QUEUED, error=None)
        self._changes.add(self._entries[number].name, state=State.QUEUED)
        self._start()

    def prioritize(self, number: int, priority: int) -> None:
        """Of what waits, that with a higher one is begun first."""
        entry = self._entries[number]
        self._entries.change(number, request=replace(entry.request, priority=priority))
        self._changes.add(entry.name, priority=priority)

    def set_profile(self, number: int, profile: Profile) -> None:
        """Do it with another profile: from its start, unless it was begun with that before."""
        entry = self._entries.expect(number, _WAITING)
        if profile == entry.request.profile:
            return
        self._taker.forget(number)
        self._changes.add(entry.name, state=State.CANCELLED)
        self._entries.change(number, request=replace(entry.request, profile=profile), name="", position=0.0)
        self._look_ahead()

    def remove(self, number: int) -> None:
        """Take it off the list, which cancels what is not done. What is on disk stays until jobs are cleaned up."""
        entry = self._entries.expect(number, set(State) - {State.RUNNING})
        self._taker.forget(number)
        self._changes.add(entry.name, state=State.CANCELLED)
        self._entries.take_off(number)

    # inside

    def _asked(self, name: str, state: State) -> None:
        """Another process wants it: see `workbench.jobs.control`."""
        for entry in self._entries:
            turn = self._turns.get(entry.number)
            asked_before = turn is not None and turn.stopped_as is state
            if entry.name == name and entry.state in STOPPABLE[state] and not asked_before:
                _log.info("job %s: another process asks for it to be %s", name, state)
                self._stop(entry.number, state)

    def _stop(self, number: int, state: State) -> None:
        entry = self._entries.expect(number, STOPPABLE[state])
        if entry.state is State.RUNNING:
            self._turns[number].stopped_as = state
            self._turns[number].task.cancel()
            return
        self._entries.change(number, state=state)
        self._changes.add(entry.name, state=state)
        self._settled.set()

    async def _freed(self, entry: Entry) -> None:
        """Returns when no other entry is about to let go of the job of this file, and no change holds it."""
        while stopping := [
            turn.task
            for number, turn in self._turns.items()
            if number != entry.number and turn.stopped_as and self._entries[number].path == entry.path
        ]:
            await asyncio.wait(stopping)
        await self._changes.saved()

    # what is done next

    def _waiting(self) -> list[Entry]:
        """What is begun next, first."""
        return [entry for entry in self._entries.waiting() if entry.number not in (self._looking, *self._turns)]

    def _start(self) -> None:
        at_once = self._at_once or self._session.profile.jobs.files_at_once
        free = max(0, at_once - len(self._turns))  # fewer than before may be allowed by now
        for entry in self._waiting()[:free] if self._is_open else ():
            task = self._tasks.create_task(self._do(entry.number))
            self._turns[entry.number] = _Turn(task)
            task.add_done_callback(partial(self._ended, entry.number))
        self._look_ahead()

    def _ended(self, number: int, task: asyncio.Task[None]) -> None:
        del self._turns[number]
        self._start()
        self._settled.set()

    async def _do(self, number: int) -> None:
        entry = self._entries.get(number)
        if entry is None or entry.state is not State.QUEUED:
            return  # it was asked for between the making of this task and its first step
        self._entries.change(number, state=State.RUNNING, error=None, run_began=None)
        turn, job = self._turns[number], None
        try:
            job, looked = await self._taker.take(
                self._entries[number], lambda name: self._entries.change(number, name=name)
            )
            position = max((item.end for item in job.results), default=0.0)
            self._entries.change(
                number,
                request=looked.request,
                duration=looked.duration or self._entries[number].duration,
                position=position,
                run_from=position,
                is_stored=job.checkpoint.state is State.FINISHED,
            )
            if is_done(job, looked.request):
                self._entries.change(number, state=State.FINISHED, was_done=True)
                return
            stopped_as, began = lambda: turn.stopped_as or self._left_as, partial(setattr, turn, "running")
            emit = partial(self._observed, number)
            result = await work(job, looked.request, self._session, emit, stopped_as, began)
            self._entries.change(number, state=State.FINISHED, result=result, position=result.duration)
        except asyncio.CancelledError:
            is_done_for = job is not None and job.checkpoint.state is State.FINISHED  # it was at its end already
            state = State.FINISHED if is_done_for else turn.stopped_as or self._left_as
            self._entries.change(number, state=state)
            if job is None or job.checkpoint.state is not state:
                self._changes.add(self._entries[number].name, state=state)
            if turn.stopped_as is None:  # the queue is left
                raise
        except Exception as error:
            self._give_up(number, job, error)
        finally:
            if job is not None:
                job.close()

    def _give_up(self, number: int, job: Job | None, error: Exception) -> None:
        """Say what went wrong, on disk too, unless nothing is to be kept of it."""
        name, has_begun = self._entries[number].name, self._turns[number].running is not None
        is_refused = isinstance(error, InputError | UsageError) or (isinstance(error, WorkbenchError) and not has_begun)
        is_its_own = not isinstance(error, DiskFull | JobBusy) and self._taker.is_new(name)
        if not self._keeps_refused and is_refused and is_its_own and not (job and job.results):
            self._failed(number, error, name="")
            self._changes.add(name, is_unwanted=True)
            return
        self._failed(number, error)
        if job is None and not isinstance(error, JobBusy):  # else the job says so itself, or whoever works on it
            self._changes.add(name, state=State.FAILED, failure=failure_of(error))

    def _failed(self, number: int, error: Exception, **changes: Any) -> None:
        ours = error if isinstance(error, WorkbenchError) else WorkbenchError(in_one_line(error))
        if not is_expected(error):
            _log.error("a job failed", exc_info=error)
        state = State.PAUSED if isinstance(error, DiskFull) else State.FAILED
        self._entries.change(number, state=state, error=ours, **changes)

    def _observed(self, number: int, event: events.Event) -> None:
        entry = self._entries[number]
        if (after := entry.after(event)) is not entry:
            self._entries.put(after)
        self._observe(after, event)

    # what waits is looked into while others run

    def _look_ahead(self) -> None:
        unknown = [entry for entry in self._waiting() if not self._taker.has_seen(entry)] if self._is_open else []
        if unknown and self._looking is None:
            self._looking = unknown[0].number
            self._look_task = self._tasks.create_task(self._look(unknown[0]))

    async def _look(self, entry: Entry) -> None:
        names: list[str] = []
        try:
            looked = await self._taker.look_ahead(entry, names.append)
            self._seen(entry, names, duration=looked.duration)
        except asyncio.CancelledError:
            self._seen(entry, names)
            raise
        except Exception as error:
            if self._entries.get(entry.number) is entry:
                self._failed(entry.number, error)
        finally:
            self._looking = self._look_task = None
            self._start()
            self._settled.set()

    def _seen(self, entry: Entry, names: Sequence[str], **found: Any) -> None:
        """`names`: its job, if there is one. It may be off the list by now, or to be done otherwise."""
        now = self._entries.get(entry.number)
        is_still = now is not None and now.request.profile == entry.request.profile
        if not is_still:
            self._taker.forget(entry.number)
        for name in names:
            if is_still:
                self._entries.change(entry.number, name=name, **found)
            self._changes.add(name, state=now.state if now and is_still else State.CANCELLED)
