"""File jobs on disk, a folder for each:

    jobs/2026-11-21_090832_3fa9c2d1/checkpoint.json               see `workbench.jobs.checkpoint`
                                    segments_results/log.jsonl    see `workbench.jobs.segments`
                                    lock                          held by the process that works on it

A folder appears complete and vanishes at once, by a rename; what begins with a dot is on its way in or out. Everything
blocks for the disk. Reading is for any thread and process, writing for whoever holds the job.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from workbench import paths
from workbench.disk_errors import said_plainly
from workbench.errors import InputError, JobBusy, JobChanged, JobRefused, UsageError, did_you_mean
from workbench.files import fsync_folder, make_folder
from workbench.jobs.checkpoint import Checkpoint, Identity, State, read_checkpoint, write_checkpoint
from workbench.jobs.job import LOG, Job
from workbench.jobs.segments import ItemResult, SegmentLog, read_results
from workbench.lock import Lock, is_held

_LOCK: Final = "lock"
_QUEUE: Final = ".queue-"


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A job as it was when somebody looked."""

    folder: Path
    checkpoint: Checkpoint | None
    """None: it is refused."""
    refused: JobRefused | None
    is_held: bool
    """Whether a process works on it."""
    is_waiting: bool
    """Whether it waits in the queue of a process that runs."""
    size: int
    """Bytes of all its files."""
    touched: datetime
    """When any of them was written last."""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def state(self) -> State | None:
        """As it is on disk: what is running and not held was interrupted. None: it is refused."""
        return self.checkpoint.state if self.checkpoint else None

    @property
    def is_over(self) -> bool:
        return self.state is not None and self.state.is_over

    def position(self) -> float:
        """Seconds on the timeline: where the last window ends of which results are stored. Raises `InputError`."""
        return max((result.item.end for result in self.results()), default=0.0)

    def results(self) -> list[ItemResult]:
        """What is stored, in the order it was stored; none of a refused one. Raises `InputError`."""
        return read_results(self.folder / LOG, self.checkpoint.identity.key).results if self.checkpoint else []


class JobStore:
    """All jobs of a folder. Any number of processes may use it at once."""

    def __init__(self, root: Path | None = None) -> None:
        """`root` is made when it is needed; None: the user's own."""
        self.root = root or paths.data_dir() / "jobs"

    def queue(self) -> Lock:
        """Held until it is released: jobs whose checkpoint names it wait for its holder. Raises `OutputError`."""
        with self._claims():
            lock = Lock(self.root / f"{_QUEUE}{secrets.token_hex(8)}")
            lock.acquire()
        return lock

    def create(self, identity: Identity, path: Path, *, request: dict[str, Any] | None = None) -> Job:
        """A new job, queued, which this process holds. Raises `OutputError`, and then there is none."""
        with self._claims():
            return self._create(identity, path, request or {})

    def take(self, identity: Identity, path: Path, request: dict[str, Any]) -> Job:
        """The job that was begun with `identity`, as it was stored; else a new one, of `request`.

        What cannot be trusted of an old one is not used. A file that was moved has the job it had; a copy gets one of
        its own. Of those who come with a file at once, one gets its job. Raises `JobBusy`, `OutputError`.
        """
        with self._claims():
            for is_its_own, folder in self._begun(identity, path.absolute()):
                try:
                    return _opened(_taken(folder), identity)
                except JobBusy:
                    if is_its_own:
                        raise
                except (InputError, JobChanged):  # it is damaged, or only its name is alike
                    continue
            return self._create(identity, path, request)

    def _create(self, identity: Identity, path: Path, request: dict[str, Any]) -> Job:
        now = _now()
        checkpoint = Checkpoint(identity=identity, path=path.absolute(), created=now, updated=now, request=request)
        draft, folder = self._hidden(), self._free(f"{now:%Y-%m-%d_%H%M%S}_{identity.key[:8]}")
        with said_plainly(folder):
            try:
                draft.mkdir(mode=0o700)  # what was said is for nobody else to read
                SegmentLog(draft / LOG, identity.key).close()
                write_checkpoint(draft, checkpoint)
                draft.rename(folder)
                fsync_folder(self.root)
                with _kept(_taken(folder)) as lock:
                    return Job(folder, checkpoint, lock)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                with suppress(OSError):
                    self._discard(folder)
                raise

    def _begun(self, identity: Identity, path: Path) -> list[tuple[bool, Path]]:
        """(whether it is the one of `path`, folder) of the jobs that may be of `identity`, those of `path` first.

        The job of another file of this content is among them only if that file is there no more, for it was moved then.
        """
        found = []
        for name in self.names():
            if f"_{identity.key[:8]}" in name:
                with suppress(JobRefused):
                    folder = self.root / name
                    known = read_checkpoint(folder).path
                    if known == path or not known.exists():
                        found.append((known == path, folder))
        return sorted(found, reverse=True)

    def change(self, name: str, **changes: Any) -> None:
        """Replace fields of the checkpoint of a job that nobody works on.

        Raises `JobBusy`, `JobRefused`, `UsageError` when there is none, `OutputError`.
        """
        with self._claims(), _taken(self._find(name)) as lock:
            folder = lock.path.parent
            write_checkpoint(folder, replace(read_checkpoint(folder), **changes, updated=_now()))

    def open(self, name: str, identity: Identity) -> Job:
        """The job of that name, to go on with, which this process holds then.

        Raises `JobChanged` when it was begun with something else than `identity`, `JobBusy`, `JobRefused`, `UsageError`
        when there is none, `InputError`, `OutputError`.
        """
        with self._claims():
            lock = _taken(self._find(name))
        return _opened(lock, identity)

    def jobs(self) -> list[JobInfo]:
        """All of them, the newest first. Raises `OutputError` when the folder is not accessible."""
        if not self.root.is_dir():
            return []
        found, claims = [], self._claims()
        for name in sorted(self.names(), reverse=True):
            with claims:  # for one at a time: who makes or removes another need not wait for all
                if (folder := self.root / name).is_dir():
                    found.append(self._info(folder))
        return found

    def names(self) -> list[str]:
        """Of all jobs, in no order. Raises `OutputError` when the folder is not accessible."""
        with said_plainly(self.root), os.scandir(self.root) as found:  # tells folders without a look at each
            return [one.name for one in found if not one.name.startswith(".") and one.is_dir(follow_symlinks=False)]

    def sizes(self, known: Mapping[str, int]) -> dict[str, int]:
        """Bytes of each job by its name; those in `known` are not measured again. Raises `OutputError`."""
        with self._claims(), said_plainly(self.root):
            return {name: known[name] if name in known else _size(self.root / name) for name in self.names()}

    def info(self, name: str) -> JobInfo:
        """One of them. Raises `UsageError` when there is none, `OutputError`."""
        with self._claims():
            return self._info(self._find(name))

    def remove(self, name: str) -> None:
        """Delete a job with all it holds: it is gone, or as it was. Raises `JobBusy`, `UsageError`, `OutputError`."""
        with self._claims():
            folder = self._find(name)
            if is_held(folder / _LOCK):
                raise _busy(name)
            with said_plainly(folder):
                self._discard(folder)

    def clean(self, *, keep: timedelta, most_bytes: int, keep_over: timedelta | None = None) -> list[str]:
        """Remove jobs that nobody works on and that wait in no queue, and what killed processes left.

        A job goes when nothing of it was written for `keep`, or for `keep_over` where that is given and it is over.
        While those that stay hold more than `most_bytes` together, those that are over go, the oldest first: what can
        go on is not removed to make room. Gives the names of the jobs. Raises `OutputError`.
        """
        self._sweep()
        jobs = sorted(self.jobs(), key=lambda job: job.touched)
        size, removed = sum(job.size for job in jobs), []

        def is_old(job: JobInfo) -> bool:
            longest = keep_over if job.is_over and keep_over is not None else keep
            return _now() - job.touched > longest

        for job in sorted(jobs, key=is_old, reverse=True):
            if not job.is_held and not job.is_waiting and (is_old(job) or (job.is_over and size > most_bytes)):
                with suppress(JobBusy, UsageError):  # somebody was faster
                    self.remove(job.name)
                    removed.append(job.name)
                    size -= job.size
        return removed

    def _claims(self) -> Lock:
        """Over making, taking and removing jobs, and over looking whether one is held."""
        with said_plainly(self.root):
            make_folder(self.root)
        return Lock(self.root / ".lock")

    def _find(self, name: str) -> Path:
        known = self.names()
        if name not in known:
            raise UsageError(f"there is no job {name!r}{did_you_mean(name, known)}", hint="To see them: workbench jobs")
        return self.root / name

    def _free(self, name: str) -> Path:
        """Jobs that are made of one file within a second are told apart by a number."""
        count, folder = 1, self.root / name
        while os.path.lexists(folder):
            count += 1
            folder = self.root / f"{name}-{count}"
        return folder

    def _hidden(self) -> Path:
        return self.root / f".{secrets.token_hex(8)}"

    def _discard(self, folder: Path) -> None:
        hidden = self._hidden()
        folder.rename(hidden)
        fsync_folder(self.root)
        shutil.rmtree(hidden, ignore_errors=True)  # what is left is swept another time

    def _sweep(self) -> None:
        if self.root.is_dir():
            with self._claims(), said_plainly(self.root):  # under it, nobody is making or removing one
                for path in self.root.iterdir():
                    if path.name.startswith(".") and _is_folder(path):
                        shutil.rmtree(path, ignore_errors=True)
                    elif path.name.startswith(_QUEUE) and not is_held(path):
                        path.unlink(missing_ok=True)

    def _info(self, folder: Path) -> JobInfo:
        checkpoint = refused = None
        try:
            checkpoint = read_checkpoint(folder)
        except JobRefused as error:
            refused = error
        with said_plainly(folder):
            files = list(_files(folder))
            touched = max((status.st_mtime for status in files), default=folder.stat().st_mtime)
            size = sum(status.st_size for status in files)
            held = is_held(folder / _LOCK)
            queue = checkpoint.queue if checkpoint and checkpoint.state is State.QUEUED else ""
            waiting = bool(queue) and is_held(self.root / Path(queue).name)
        return JobInfo(folder, checkpoint, refused, held, waiting, size, datetime.fromtimestamp(touched).astimezone())


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _size(folder: Path) -> int:
    """Bytes of all its files."""
    return sum(status.st_size for status in _files(folder))


def _files(folder: Path) -> Iterator[os.stat_result]:
    """Of all files below `folder`."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # whoever holds the job replaces its checkpoint meanwhile
            if not _is_folder(path):
                yield path.lstat()


def _taken(folder: Path) -> Lock:
    """Hold the job, or raise `JobBusy`."""
    lock = Lock(folder / _LOCK)
    if not lock.acquire():
        raise _busy(folder.name)
    return lock


def _opened(lock: Lock, identity: Identity) -> Job:
    """The job that is held by `lock`, which is let go of when it cannot be gone on with. Raises as `JobStore.open`."""
    with _kept(lock):  # what is read before it is held may be out of date
        folder = lock.path.parent
        checkpoint = read_checkpoint(folder)
        if differences := checkpoint.identity.differences(identity):
            hint = "Start the file afresh, or go back to what the job was begun with."
            raise JobChanged(f"job {folder.name!r} was begun with something else", differences=differences, hint=hint)
        return Job(folder, checkpoint, lock)


@contextmanager
def _kept(lock: Lock) -> Iterator[Lock]:
    """Let go of the lock when what it is held for fails."""
    try:
        yield lock
    except BaseException:
        lock.release()
        raise


def _busy(name: str) -> JobBusy:
    return JobBusy(f"job {name!r} is being worked on", hint="It goes on where it runs: pause or cancel it there first.")


def _now() -> datetime:
    return datetime.now().astimezone()
