"""File jobs of clients: in a folder of the server's own, which `workbench jobs` neither shows nor touches.

What a job needs lies in its folder, beside what `workbench.jobs.store` keeps there: `audio.*` until it is over, and
`result.*`, the subtitles, from then on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

from workbench import paths
from workbench.disk_errors import said_plainly
from workbench.errors import JobBusy, UsageError, WorkbenchError
from workbench.files import fsync_folder
from workbench.jobs.checkpoint import State
from workbench.jobs.control import STOPPABLE
from workbench.jobs.entry import share_done
from workbench.jobs.job import Job
from workbench.jobs.queue import Entry, Queue
from workbench.jobs.request import Request
from workbench.jobs.store import JobInfo, JobStore
from workbench.jobs.work import Looked, look
from workbench.server.activity import Activity
from workbench.server.limits import Limits
from workbench.server.problems import Problem
from workbench.server.room import Room
from workbench.session import Session
from workbench.threads import to_thread, uninterrupted

Action: TypeAlias = Literal["pause", "resume", "cancel", "retry"]
FROM: Final[Mapping[Action, Collection[State]]] = {
    "pause": STOPPABLE[State.PAUSED],
    "cancel": STOPPABLE[State.CANCELLED],
    "resume": (State.PAUSED,),
    "retry": (State.FAILED,),
}
"""In which states a job can be asked for it."""
CLEAN_EVERY_S: Final = 300.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    info: JobInfo
    """As it is on disk."""
    entry: Entry | None
    """As it is in the queue; None: it is over, or another server's."""

    @property
    def state(self) -> State:
        return self.entry.state if self.entry else self.info.state or State.FAILED

    @property
    def duration(self) -> float | None:
        """Seconds of audio; None: not known yet."""
        checkpoint = self.info.checkpoint
        return (self.entry and self.entry.duration) or (checkpoint and checkpoint.duration) or None

    @property
    def progress(self) -> float | None:
        """From 0 to 1; None: not known."""
        return self.entry.share if self.entry else share_done(self.state, 0.0, None)

    @property
    def error(self) -> WorkbenchError | None:
        return self.entry.error if self.entry else self.info.refused


def store() -> JobStore:
    return JobStore(paths.data_dir() / "server-jobs")


def queue(session: Session) -> Queue:
    """What runs when it is left goes on when it is restored."""
    return Queue(session, store(), left_as=State.QUEUED)


class Jobs:
    """On the loop."""

    def __init__(self, session: Session, queue: Queue, activity: Activity, limits: Limits) -> None:
        self._session = session
        self._queue = queue
        self._activity = activity
        self._store = store()
        self._room = Room(self._store, limits)
        self._clean_every_s = min(CLEAN_EVERY_S, max(1.0, limits.jobs_keep_s))
        self._over = asyncio.Event()

    def count(self) -> Mapping[State, int]:
        """Of jobs that are not over, by state."""
        found = Counter(entry.state for entry in self._queue.entries)
        return {state: found[state] for state in State if not state.is_over}

    async def keep_house(self) -> None:
        """For ever: of what is over the audio goes, and what is older than allowed goes altogether."""
        unwatch = self._queue.watch(self._changed)
        due = time.monotonic()
        try:
            while True:
                self._over.clear()
                try:
                    if time.monotonic() >= due:
                        due = time.monotonic() + self._clean_every_s
                        await to_thread(self._clean)
                    await self._put_away()
                except WorkbenchError as error:
                    _log.warning("jobs are not cleaned up: %s", error)
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, due - time.monotonic())):
                        await self._over.wait()
        finally:
            unwatch()

    # asked for

    async def check_room(self, size: int) -> None:
        """Raises `Problem` where there cannot be room for an upload of `size` bytes."""
        await to_thread(self._room.check, size, self._unfinished())

    async def add(self, request: Request) -> str:
        """Make a job of an upload, which it takes over; on disk when this returns. Gives its name.

        Of its targets only the formats count. When cancelled, there is none. Raises `Problem` where there is no room,
        and what `look` raises.
        """
        looked = await look(request, self._session)
        making = asyncio.ensure_future(to_thread(self._make, looked, self._unfinished()))
        try:
            name, looked = await uninterrupted(making)
        except asyncio.CancelledError:
            if making.exception() is None:
                await to_thread(self._store.remove, making.result()[0])
            raise
        self._queue.put_in(name, looked)
        return name

    async def all(self) -> list[Found]:
        """The newest first."""
        infos = await to_thread(self._store.jobs)
        entries = {entry.name: entry for entry in self._queue.entries}
        return [Found(info, entries.get(info.name)) for info in infos]

    async def find(self, name: str) -> Found:
        """Raises `Problem` where there is none of that name."""
        try:
            info = await to_thread(self._store.info, name)
        except UsageError as error:
            raise Problem(404, "there is no such job", code="job_not_found", param="job") from error
        return Found(info, self._entry(name))

    async def result(self, name: str, format: str) -> bytes:
        """Raises `Problem` while there is none."""
        found = await self.find(name)
        if found.state is not State.FINISHED:
            raise Problem(409, f"the job is {found.state}", code="job-state", hint=f"To look: GET /v1/jobs/{name}")
        return await to_thread(_read, found.info.folder, format)

    async def ask(self, name: str, action: Action) -> None:
        """Returns when it is so: an engine that is at work does what it is at first. Raises `Problem`."""
        found = await self.find(name)
        if found.entry is None or found.state not in FROM[action]:
            hint = f"{action.capitalize()} one that is {' or '.join(sorted(FROM[action]))}."
            raise Problem(409, f"the job is {found.state}", code="job-state", hint=hint)
        calls = {"pause": self._queue.pause, "cancel": self._queue.cancel}
        calls.get(action, self._queue.resume)(found.entry.number)
        if action in calls:
            await self._stopped(found.entry.number)
        await self._queue.saved()

    async def remove(self, name: str) -> None:
        """Delete it with all it holds, whatever is done of it. Raises `Problem`."""
        entry = (await self.find(name)).entry
        if entry is not None and entry.state in FROM["cancel"]:
            self._queue.cancel(entry.number)
            await self._stopped(entry.number)
        self._take_off(name)
        try:
            await to_thread(self._store.remove, name)
        except JobBusy as error:
            hint = "Another server works on it: ask that one."
            raise Problem(409, "the job is being worked on", code=error.code, hint=hint) from error
        except UsageError:
            return  # somebody was faster

    # inside

    def _unfinished(self) -> set[str]:
        return {entry.name for entry in self._queue.entries if not entry.state.is_over}

    def _entry(self, name: str) -> Entry | None:
        return next((entry for entry in self._queue.entries if entry.name == name), None)

    async def _stopped(self, number: int) -> None:
        """Returns when an entry does not run."""
        changed = asyncio.Event()
        unwatch = self._queue.watch(lambda entry: changed.set())
        try:
            while any(entry.number == number and entry.state is State.RUNNING for entry in self._queue.entries):
                changed.clear()
                await changed.wait()
        finally:
            unwatch()

    def _changed(self, entry: Entry) -> None:
        ends = (State.FINISHED, State.CANCELLED, State.FAILED)
        if entry.state not in ends or self._entry(entry.name) is not entry:
            return  # it is not over, or was before, and is taken off
        self._over.set()
        if entry.result is not None:
            self._activity.add_audio("files", entry.result.duration)
        elif entry.state is State.FAILED and entry.error is not None:
            self._activity.failed(f"/v1/jobs/{entry.name}", entry.error.message, entry.error.hint)

    async def _put_away(self) -> None:
        """Take off what is over, or gone."""
        await self._queue.saved()
        names = {entry.name: entry.state.is_over for entry in self._queue.entries}
        for name in await to_thread(self._ended, names):
            self._take_off(name)

    def _take_off(self, name: str) -> None:
        """It holds its result, and memory is for those that are not over."""
        entry = self._entry(name)
        if entry is not None and entry.state is not State.RUNNING:
            self._queue.remove(entry.number)

    # on disk: these block

    def _clean(self) -> None:
        self._room.clean()
        for audio in self._store.root.glob("*/audio.*"):  # a server that was killed may have left it
            self._is_over(audio.parent.name)

    def _ended(self, names: Mapping[str, bool]) -> list[str]:
        """Which of `names` are gone, or over on disk; of those it is told who is."""
        left = set(self._store.names())
        return [name for name, is_over in names.items() if name not in left or (is_over and self._is_over(name))]

    def _is_over(self, name: str) -> bool:
        """Whether a job is gone, or over on disk: its audio goes then."""
        try:
            info = self._store.info(name)
        except UsageError:
            return True
        if info.is_over and not info.is_held:
            with said_plainly(info.folder):
                for audio in info.folder.glob("audio.*"):
                    audio.unlink(missing_ok=True)
        return info.is_over

    def _make(self, looked: Looked, unfinished: Collection[str]) -> tuple[str, Looked]:
        """The name of a new job, and what it is made of: the upload, where it lies now."""
        upload = looked.request.targets.path
        with said_plainly(upload), upload.open("r+b") as file:
            os.fsync(file.fileno())  # ahead of the room, for which others wait
            size = os.fstat(file.fileno()).st_size
        with self._room.taken(size, unfinished):
            job = self._store.create(looked.identity, upload)
            try:
                with job:
                    return job.name, _filled(job, looked, self._queue.name)
            except BaseException:
                self._store.remove(job.name)
                raise


def _filled(job: Job, looked: Looked, queue: str) -> Looked:
    """Move the upload into the job's folder, and say what is to be made of it, and in which queue it waits."""
    upload, targets = looked.request.targets.path, looked.request.targets
    audio = job.folder / f"audio{upload.suffix or '.bin'}"
    with said_plainly(audio):
        upload.rename(audio)
        fsync_folder(job.folder)
    made = tuple((format, job.folder / f"result.{format}") for format, _ in targets.subtitles)
    targets = replace(targets, path=audio, subtitles=made, overwrite=True)
    request = replace(looked.request, targets=targets)
    job.save(replace(job.checkpoint, path=audio, request=request.to_dict(), duration=looked.duration, queue=queue))
    return replace(looked, request=request)


def _read(folder: Path, format: str) -> bytes:
    """Raises `Problem`."""
    made = {path.suffix[1:]: path for path in folder.glob("result.*")}
    try:
        return made[format].read_bytes()
    except (KeyError, FileNotFoundError) as error:
        hint = f"There are: {', '.join(sorted(made))}."
        raise Problem(404, f"it was not made as {format!r}", param="format", hint=hint) from error
