"""The way from a file to its job: ahead of its turn, so that it is on disk and its length is known, and then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from workbench.jobs.checkpoint import State
from workbench.jobs.entry import Entry
from workbench.jobs.job import Job
from workbench.jobs.store import JobStore
from workbench.jobs.work import Looked, look, status_of
from workbench.session import Session
from workbench.threads import acquire, to_thread


class Taker:
    """On the loop. Methods raise what `look` and `JobStore` do."""

    def __init__(
        self, session: Session, store: JobStore, queue: str, freed: Callable[[Entry], Awaitable[None]]
    ) -> None:
        """`queue`: in which jobs wait, see `Checkpoint.queue`. `freed` returns when no other entry is about to let go
        of the job of an entry's file.
        """
        self._session = session
        self._store = store
        self._queue = queue
        self._freed = freed
        self._looked: dict[int, Looked] = {}
        self._made_of: dict[int, Looked] = {}
        self._new: set[str] = set()

    def has_seen(self, entry: Entry) -> bool:
        """Whether it was looked into, and nothing is to be gained by that before its turn."""
        return bool(entry.name) or entry.number in self._looked

    def forget(self, number: int) -> None:
        """What was found of an entry, which is no more what it was."""
        self._looked.pop(number, None)
        self._made_of.pop(number, None)

    def remember(self, number: int, looked: Looked) -> None:
        """Of what the job of an entry was made: its file is not read again unless it has changed."""
        self._made_of[number] = looked

    def is_new(self, name: str) -> bool:
        """Whether a job was made for this queue, and nothing was done of it before."""
        return name in self._new

    async def look_ahead(self, entry: Entry, named: Callable[[str], None]) -> Looked:
        """Have the job of a file that waits on disk, where others see for whom.

        `named` gets the name of the job as soon as there is one, also when this is cancelled.
        """
        looked = await look(entry.request, self._session)
        job = await self._open(entry, "", looked, named)
        await to_thread(self._put_down, job)
        self._looked[entry.number] = looked
        return looked

    async def take(self, entry: Entry, named: Callable[[str], None]) -> tuple[Job, Looked]:
        """The job of a file whose turn has come, and what is to be done. It is looked into again if it has changed.

        An entry with a name gets the job of that name, or an error. `named` is as in `look_ahead`.
        """
        made_of, looked = self._made_of.pop(entry.number, None), self._looked.pop(entry.number, None)
        begun, looked = (entry.name, made_of) if looked is None else ("", looked)
        if looked is None or looked.status != status_of(entry.path):
            looked = await look(entry.request, self._session)
        looked = replace(looked, request=replace(looked.request, priority=entry.request.priority))
        return await self._open(entry, begun, looked, named), looked

    async def _open(self, entry: Entry, begun: str, looked: Looked, named: Callable[[str], None]) -> Job:
        await self._freed(entry)

        def opened() -> Job:
            if begun:
                return self._store.open(begun, looked.identity)
            return self._store.take(looked.identity, entry.path, looked.request.to_dict())

        def let_go(job: Job) -> None:
            job.close()
            named(job.name)

        job = await acquire(opened, let_go)
        if not begun and job.checkpoint.state is State.QUEUED and not job.results and not job.checkpoint.failures:
            self._new.add(job.name)
        named(job.name)
        return job

    def _put_down(self, job: Job) -> None:
        """Let go of a job that waits. Blocks."""
        with job:
            if job.checkpoint.state is not State.FINISHED:
                job.save(replace(job.checkpoint, state=State.QUEUED, queue=self._queue))
