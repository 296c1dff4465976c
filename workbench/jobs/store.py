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
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

from workbench import paths
from workbench.errors import JobBusy, JobChanged, JobRefused, OutputError, UsageError, did_you_mean
from workbench.files import fsync_folder, said_plainly
from workbench.jobs.checkpoint import Checkpoint, Identity, read_checkpoint, write_checkpoint
from workbench.jobs.segments import SegmentLog, WindowResult, read_results
from workbench.lock import Lock, is_held

_LOCK: Final = "lock"
_LOG: Final = Path("segments_results", "log.jsonl")


class Job:
    """One that this process works on, until `close`. `commit` and `save` are for any thread."""

    def __init__(self, folder: Path, checkpoint: Checkpoint, lock: Lock) -> None:
        """For `JobStore`. Takes over `lock`, which is held. Raises `InputError` or `OutputError`."""
        self.folder = folder
        self.name = folder.name
        self.checkpoint = checkpoint
        self._lock = lock
        self._writing = threading.Lock()
        with said_plainly(folder):
            for part in folder.glob(".workbench-*.part"):  # of a process that was killed while it saved
                part.unlink()
        self._log = SegmentLog(folder / _LOG, checkpoint.identity.key)
        self._results = {result.index: result for result in self._log.results}

    @property
    def results(self) -> Mapping[int, WindowResult]:
        """What is stored, by window, in the order it was stored."""
        return MappingProxyType(self._results)

    @property
    def refused_bytes(self) -> int:
        """How much of the log was damaged, or torn by a crash, when the job was opened; it is cut off."""
        return self._log.refused_bytes

    def commit(self, results: Sequence[WindowResult]) -> None:
        """Store results of windows that have none yet, all or none of them: on disk when this returns.

        One sync, however many they are. Raises `OutputError`, `DiskFull` where there is no room: what was stored before
        stays, and the same results can be stored later.
        """
        with self._writing, self._safe():
            again = [result.index for result in results if result.index in self._results]
            if again or len({result.index for result in results}) < len(results):
                raise ValueError(f"windows that are stored already: {again or 'one of these, twice'}")
            self._log.append(results)
            self._results |= {result.index: result for result in results}

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint, on disk when this returns. Raises as `commit` does, and nothing has changed then."""
        if checkpoint.identity.key != self.checkpoint.identity.key:
            raise ValueError("a job stays about what it was made for")
        with self._writing, self._safe():
            checkpoint = replace(checkpoint, updated=_now())
            write_checkpoint(self.folder, checkpoint)
            self.checkpoint = checkpoint

    def close(self) -> None:
        """Let others work on it. Nothing is lost without it."""
        self._log.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _safe(self) -> Iterator[None]:
        """Add to an error of writing what is not lost."""
        try:
            with said_plainly(self.folder):
                yield
        except OutputError as error:
            planned = self.checkpoint.windows
            count = f"{len(self._results)} of {len(planned)}" if planned else str(len(self._results))
            safe = f"The work up to here is safe: {count} segments are stored."
            raise type(error)(error.message, hint=f"{safe} {error.hint}") from error


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A job as it was when somebody looked."""

    folder: Path
    checkpoint: Checkpoint | None
    """None: it is refused."""
    refused: JobRefused | None
    is_held: bool
    """Whether a process works on it."""
    size: int
    """Bytes of all its files."""
    touched: datetime
    """When any of them was written last."""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def is_over(self) -> bool:
        return self.checkpoint is not None and self.checkpoint.state.is_over

    def results(self) -> list[WindowResult]:
        """What is stored, in the order it was stored; none of a refused one. Raises `InputError`."""
        return read_results(self.folder / _LOG, self.checkpoint.identity.key).results if self.checkpoint else []


class JobStore:
    """All jobs of a folder. Any number of processes may use it at once."""

    def __init__(self, root: Path | None = None) -> None:
        """`root` is made when it is needed; None: the user's own."""
        self.root = root or paths.data_dir() / "jobs"

    def create(self, identity: Identity, path: Path, *, request: dict[str, Any] | None = None) -> Job:
        """A new job, queued, which this process holds. Raises `OutputError`, and then there is none."""
        now = _now()
        checkpoint = Checkpoint(
            identity=identity, path=path.absolute(), created=now, updated=now, request=request or {}
        )
        with self._claims():
            draft, folder = self._hidden(), self._free(f"{now:%Y-%m-%d_%H%M%S}_{identity.key[:8]}")
            with said_plainly(folder):
                try:
                    draft.mkdir(mode=0o700)  # what was said is for nobody else to read
                    SegmentLog(draft / _LOG, identity.key).close()
                    write_checkpoint(draft, checkpoint)
                    draft.rename(folder)
                    fsync_folder(self.root)
                    return self._held(folder, checkpoint)
                except BaseException:
                    shutil.rmtree(draft, ignore_errors=True)
                    with suppress(OSError):
                        self._discard(folder)
                    raise

    def open(self, name: str, identity: Identity) -> Job:
        """The job of that name, to go on with, which this process holds then.

        Raises `JobChanged` when it was begun with something else than `identity`, `JobBusy`, `JobRefused`, `UsageError`
        when there is none, `InputError`, `OutputError`.
        """
        with self._claims():
            folder = self._find(name)
            checkpoint = read_checkpoint(folder)
            if differences := checkpoint.identity.differences(identity):
                hint = "Start the file afresh, or go back to what the job was begun with."
                raise JobChanged(f"job {name!r} was begun with something else", differences=differences, hint=hint)
            return self._held(folder, checkpoint)

    def jobs(self) -> list[JobInfo]:
        """All of them, the newest first. Raises `OutputError` when the folder is not accessible."""
        if not self.root.is_dir():
            return []
        with self._claims():
            return [self._info(folder) for folder in sorted(self._folders(), reverse=True)]

    def remove(self, name: str) -> None:
        """Delete a job with all it holds: it is gone, or as it was. Raises `JobBusy`, `UsageError`, `OutputError`."""
        with self._claims():
            folder = self._find(name)
            if is_held(folder / _LOCK):
                raise _busy(name)
            with said_plainly(folder):
                self._discard(folder)

    def clean(self, *, keep: timedelta, most_bytes: int) -> list[str]:
        """Remove jobs that nobody holds, and what killed processes left. Gives the names of the jobs.

        A job goes when nothing of it was written for `keep`; those that are over go, the oldest first, while all jobs
        together hold more than `most_bytes`. What can go on is not removed to make room. Raises `OutputError`.
        """
        self._sweep()
        jobs = sorted(self.jobs(), key=lambda job: job.touched)
        excess, removed = sum(job.size for job in jobs) - most_bytes, []
        for job in jobs:
            if not job.is_held and (_now() - job.touched > keep or (job.is_over and excess > 0)):
                with suppress(JobBusy, UsageError):  # somebody was faster
                    self.remove(job.name)
                    removed.append(job.name)
                    excess -= job.size
        return removed

    def _claims(self) -> Lock:
        """Over making, taking and removing jobs, and over looking whether one is held."""
        with said_plainly(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        return Lock(self.root / ".lock")

    def _held(self, folder: Path, checkpoint: Checkpoint) -> Job:
        lock = Lock(folder / _LOCK)
        if not lock.acquire():
            raise _busy(folder.name)
        try:
            return Job(folder, checkpoint, lock)
        except BaseException:
            lock.release()
            raise

    def _folders(self) -> list[Path]:
        with said_plainly(self.root):
            return [path for path in self.root.iterdir() if not path.name.startswith(".") and _is_folder(path)]

    def _find(self, name: str) -> Path:
        known = {folder.name: folder for folder in self._folders()}
        if name not in known:
            raise UsageError(f"there is no job {name!r}{did_you_mean(name, known)}", hint="To see them: workbench jobs")
        return known[name]

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

    def _info(self, folder: Path) -> JobInfo:
        checkpoint = refused = None
        try:
            checkpoint = read_checkpoint(folder)
        except JobRefused as error:
            refused = error
        with said_plainly(folder):
            files = [status for path in folder.rglob("*") if not _is_folder(path) and (status := path.lstat())]
            touched = max((status.st_mtime for status in files), default=folder.stat().st_mtime)
            size = sum(status.st_size for status in files)
            is_running = is_held(folder / _LOCK)
        return JobInfo(folder, checkpoint, refused, is_running, size, datetime.fromtimestamp(touched).astimezone())


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _busy(name: str) -> JobBusy:
    return JobBusy(f"job {name!r} is being worked on", hint="Pause or cancel it first, where it runs.")


def _now() -> datetime:
    return datetime.now().astimezone()
