"""What a job is about, and how far it is: the file `checkpoint.json` of its folder, replaced as a whole."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from workbench.disk import Priority, disk
from workbench.disk_errors import unreadable
from workbench.errors import DiskFull, JobRefused
from workbench.files import write_atomically
from workbench.jobs.sealed import seal, unseal
from workbench.kept import Item

NAME: Final = "checkpoint.json"
VERSION: Final = 1
_SEED: Final = b"checkpoint"
_HASH: Final = re.compile(r'"([0-9a-f]{8})[0-9a-f]{56}"')
_MOST_BYTES: Final = 64 << 20
_HOP_BYTES: Final = 32 << 20
"""Hashed in a stay in a worker thread: about 20 ms."""


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    """When no process holds the job, it was interrupted."""
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"
    """It can be tried again, from what is stored."""
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self in (State.FINISHED, State.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """All that decides what the text of a job is. The dicts hold plain JSON values.

    Where the file lies is not among it: a file that was moved is the same.
    """

    size: int
    """Of the file, in bytes."""
    content: str
    """Hash of the file, see `content_hash`."""
    settings: dict[str, Any]
    profile: dict[str, Any]
    plugins: dict[str, str]
    """Distribution to version."""
    models: dict[str, str]
    """Name to hash."""

    @property
    def key(self) -> str:
        """The same for two jobs when all of it is the same; hexadecimal."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def differences(self, other: Identity) -> tuple[str, ...]:
        """What of this is different in `other`, one line each; of hashes only how they begin."""
        old, new = _leaves(asdict(self)), _leaves(asdict(other))
        names = [name for name in old | new if old.get(name) != new.get(name)]
        said = (f"{name}: {old.get(name, 'nothing')} then, {new.get(name, 'nothing')} now" for name in names)
        return tuple(_HASH.sub(r"\1…", line) for line in said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A try that failed, of one item or of the whole job."""

    at: datetime
    item: Item | None
    """None: it concerns the job."""
    is_temporary: bool
    """Whether trying again may help."""
    code: str
    """Of the error, see `workbench.errors`."""
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDown:
    """That a job goes on with less than was asked for."""

    profile: dict[str, Any]
    """With which it goes on; plain JSON values."""
    said: str
    """What is different, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Changed by `dataclasses.replace` and `Job.save`."""

    identity: Identity
    path: Path
    """Of the file, absolute."""
    created: datetime
    updated: datetime
    """Set by `Job.save`."""
    state: State = State.QUEUED
    request: dict[str, Any] = field(default_factory=dict)
    """What else was asked for, and does not change the text, such as outputs and priority: plain JSON values."""
    queue: str = ""
    """In which it waits: the lock that the process holds to which the queue belongs, see `JobStore.queue`."""
    language: str | None = None
    """BCP-47, where it had to be detected and was."""
    duration: float | None = None
    """Seconds of audio, where that is known."""
    failures: tuple[Failure, ...] = ()
    """The oldest first."""
    failures_before: int = 0
    """How many of them are older than its last run."""
    steps: tuple[StepDown, ...] = ()
    """The last one is what the job goes on with, another day too.

    Its identity stays what was asked for: what was made before a step counts, and who asks for the same again finds
    this job, rather than running out of memory anew.
    """

    @property
    def stopped_by(self) -> Failure | None:
        """What ended its last run; None: nothing failed, or somebody wanted it to stop."""
        late = self.failures[self.failures_before :]
        found = next((failure for failure in reversed(late) if failure.item is None), None)
        if self.state is State.PAUSED:  # of itself it pauses only where the disk is full
            return found if found and found.code == DiskFull.code else None
        return found if self.state is State.FAILED else None

    def failed_tries(self, item: Item | None) -> int:
        """Of one item; None: of the job."""
        return sum(failure.item == item for failure in self.failures)


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Make it the one of `folder`, on disk when this returns; or raise `OutputError`, and the one before stays."""
    data = {"version": VERSION, "key": checkpoint.identity.key, **asdict(checkpoint)}
    write_atomically(folder / NAME, seal(data, _SEED)[0], overwrite=True)


def read_checkpoint(folder: Path) -> Checkpoint:
    """The one of `folder`, as it was written. Raises `JobRefused`."""
    path = folder / NAME
    try:
        if check_regular(path) > _MOST_BYTES:
            raise OSError("it is too large")
        line = path.read_bytes()
    except OSError as error:
        raise _refused(folder, f"{str(path)!r} cannot be read: {error.strerror or error}") from error
    unsealed = unseal(line, _SEED)
    data = unsealed[0] if unsealed else _unsealed(line)
    if isinstance(version := data.get("version"), int) and version > VERSION:
        raise _refused(folder, f"it was made by a newer version of this program (format {version}, not {VERSION})")
    if not unsealed:
        raise _refused(folder, f"{str(path)!r} is damaged")
    try:
        checkpoint = _adapter().validate_python({name: data[name] for name in _names() if name in data})
    except ValueError as error:
        raise _refused(folder, f"{str(path)!r} does not hold what it should") from error
    if (version, checkpoint.identity.key) != (VERSION, data.get("key")):
        raise _refused(folder, f"{str(path)!r} contradicts itself")
    return checkpoint


async def content_hash(path: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256 of a file.

    Read in worker threads, for some 20 ms each: no cancellation takes longer, and memory is 1 MiB. Of what hashlib has,
    SHA-256 is the fastest where the processor has instructions for it. Raises `InputError`.
    """
    digest, size = hashlib.sha256(), 0
    while True:
        digest, count = await disk().run(partial(_hashed, path, size, digest), priority=Priority.PIECE)
        if not count:
            return size, digest.hexdigest()
        size += count


def check_regular(path: Path) -> int:
    """The size of a plain file. Raises `OSError` for others: no link is followed, no pipe waited for."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is not a plain file")
    return status.st_size


def _hashed(path: Path, offset: int, before: hashlib._Hash) -> tuple[hashlib._Hash, int]:
    """`before` with the next bytes, and how many. It stays as it is, so this can be tried again."""
    digest, buffer, count = before.copy(), memoryview(bytearray(1 << 20)), 0
    try:
        if not path.is_file():
            raise OSError("it is not a file" if path.exists() else "there is no such file")
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            while count < _HOP_BYTES and (read := file.readinto(buffer)):
                digest.update(buffer[:read])
                count += read
    except OSError as error:
        raise unreadable(path, error) from error
    return digest, count


def _unsealed(line: bytes) -> dict[str, Any]:
    """The object that `line` holds, whoever wrote it; empty where it holds none."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _refused(folder: Path, reason: str) -> JobRefused:
    hint = f"Start the file afresh. To make room: workbench jobs remove {folder.name}"
    return JobRefused(f"job {folder.name!r} cannot be resumed: {reason}", hint=hint)


def _leaves(value: Any, name: str = "") -> dict[str, str]:
    """Dotted names to JSON."""
    if not isinstance(value, dict) or not value:
        return {name: json.dumps(value, ensure_ascii=False)}
    return {
        path: text
        for key, part in value.items()
        for path, text in _leaves(part, f"{name}.{key}" if name else key).items()
    }


@cache
def _adapter() -> TypeAdapter[Checkpoint]:
    return TypeAdapter(Checkpoint)


@cache
def _names() -> tuple[str, ...]:
    return tuple(f.name for f in fields(Checkpoint))
