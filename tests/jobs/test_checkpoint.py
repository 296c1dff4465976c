"""What a job is about comes back as it was written, or is refused with a reason."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import run
from tests.jobs.jobs import FILE, IDENTITY, OTHER, item
from workbench.errors import InputError, JobRefused
from workbench.jobs import checkpoint as module
from workbench.jobs.checkpoint import Checkpoint, Failure, State, content_hash, read_checkpoint, write_checkpoint
from workbench.jobs.sealed import seal

NOW = datetime(2026, 11, 21, 9, 8, tzinfo=UTC)
FAILURES = (
    Failure(at=NOW, item=item(3), is_temporary=True, code="engine-hung", message="no answer", hint="wait"),
    Failure(at=NOW, item=item(3), is_temporary=False, code="engine", message="no weights"),
    Failure(at=NOW, item=None, is_temporary=True, code="disk-full", message="full"),
)
CHECKPOINT = Checkpoint(
    identity=IDENTITY,
    path=FILE,
    created=NOW,
    updated=NOW,
    state=State.PAUSED,
    request={"outputs": ["talk.srt"], "priority": 2},
    language="zh-TW",
    duration=0.1 + 0.2,
    failures=FAILURES,
)


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, CHECKPOINT)
    assert read_checkpoint(tmp_path) == CHECKPOINT
    odd = replace(CHECKPOINT, path=Path(os.fsdecode(b"/caf\xe9")), language=None)
    write_checkpoint(tmp_path, odd)
    assert read_checkpoint(tmp_path) == odd
    assert os.listdir(tmp_path) == ["checkpoint.json"]


def test_tries_that_failed_are_counted_by_item() -> None:
    assert [CHECKPOINT.failed_tries(of) for of in (item(3), item(4), None)] == [2, 0, 1]


def test_the_key_changes_with_all_that_decides_the_text() -> None:
    changes = {"size": 4, "content": "x", "settings": {}, "profile": {}, "plugins": {}, "models": {}}
    keys = {replace(IDENTITY, **{name: value}).key for name, value in changes.items()}  # type: ignore[arg-type]
    assert len(keys | {IDENTITY.key}) == 7
    assert replace(IDENTITY, settings=dict(reversed(IDENTITY.settings.items()))).key == IDENTITY.key


def test_what_differs_is_named() -> None:
    assert IDENTITY.differences(IDENTITY) == ()
    assert IDENTITY.differences(OTHER) == ('plugins.workbench-faster-whisper: "0.1.0" then, "0.2.0" now',)
    other = replace(IDENTITY, profile={"name": "cpu", "asr": {"engine": "whisper", "beam": 5}})
    assert IDENTITY.differences(other) == (
        'profile.asr.model: "base" then, nothing now',
        "profile.asr.beam: nothing then, 5 now",
    )
    old, new = (replace(IDENTITY, content=digit * 64) for digit in "0a")
    assert old.differences(new) == ("content: 00000000… then, aaaaaaaa… now",)


def sealed(**changes: object) -> bytes:
    """As somebody would write it who knows how, with other values."""
    data = {"version": 1, "key": IDENTITY.key, "identity": asdict(IDENTITY), "path": "/a"}
    data |= {"created": NOW, "updated": NOW}
    return seal(data | changes, b"checkpoint")[0]


def test_a_checkpoint_needs_no_more_than_what_has_no_default(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.json").write_bytes(sealed())
    assert read_checkpoint(tmp_path).state is State.QUEUED


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (b"", "damaged"),
        (b"[]\n", "damaged"),
        (b"[" * 100_000, "damaged"),
        (b"\xff" * 1000, "damaged"),
        (bytes(1000), "damaged"),
        (sealed()[:-1], "damaged"),
        (sealed() * 2, "damaged"),
        (sealed().replace(b"/a", b"/b"), "damaged"),
        (sealed(version=2), "newer version"),
        (sealed(version=2).replace(b"/a", b"/b"), "newer version"),
        (sealed(version=0), "contradicts"),
        (sealed(key="0"), "contradicts"),
        (sealed(state="dancing"), "does not hold"),
        (sealed(failures=5), "does not hold"),
        (sealed(identity=None), "does not hold"),
        (sealed(created="soon"), "does not hold"),
    ],
)
def test_what_is_not_as_it_was_written_is_refused(tmp_path: Path, stored: bytes, reason: str) -> None:
    (tmp_path / "checkpoint.json").write_bytes(stored)
    with pytest.raises(JobRefused, match=reason) as caught:
        read_checkpoint(tmp_path)
    assert tmp_path.name in caught.value.message
    assert "workbench jobs remove" in caught.value.hint


def endless(path: Path) -> None:
    path.touch()
    os.truncate(path, 10 << 30)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "No such file"),
        (Path.mkdir, "not a plain file"),
        (os.mkfifo, "not a plain file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a plain file"),
        (endless, "too large"),
    ],
)
def test_what_is_no_file_is_refused_unread(tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    make(tmp_path / "checkpoint.json")
    with pytest.raises(JobRefused, match=reason):
        read_checkpoint(tmp_path)


def test_a_file_is_hashed_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HOP_BYTES", 1 << 20)
    data = os.urandom((5 << 20) + 17)
    (tmp_path / "file").write_bytes(data)
    assert run(lambda: content_hash(tmp_path / "file")) == (len(data), hashlib.sha256(data).hexdigest())
    (tmp_path / "empty").touch()
    assert run(lambda: content_hash(tmp_path / "empty")) == (0, hashlib.sha256().hexdigest())


def test_a_part_that_cannot_be_read_for_a_moment_is_hashed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HOP_BYTES", 2 << 20)
    monkeypatch.setattr("workbench.disk.FIRST_WAIT_S", 0.0001)
    data = os.urandom(5 << 20)
    (tmp_path / "file").write_bytes(data)
    real, reads = Path.open, 0

    class Torn:
        """Fails at the second read of the second part, after one that went well."""

        def __init__(self, file: Any) -> None:
            self._file = file

        def __enter__(self) -> Torn:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def seek(self, offset: int) -> None:
            self._file.seek(offset)

        def readinto(self, buffer: memoryview) -> int:
            nonlocal reads
            reads += 1
            if reads == 4:
                raise OSError(errno.ETIMEDOUT, "Connection timed out")
            return int(self._file.readinto(buffer))

    monkeypatch.setattr(Path, "open", lambda path, *arguments, **options: Torn(real(path, *arguments, **options)))
    assert run(lambda: content_hash(tmp_path / "file")) == (len(data), hashlib.sha256(data).hexdigest())


def test_hashing_ends_soon_when_it_is_cancelled(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.truncate(tmp_path / "file", 1 << 40)

    async def cancelled() -> None:
        hashing = asyncio.create_task(content_hash(tmp_path / "file"))
        await asyncio.sleep(0)
        hashing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hashing

    run(cancelled)


def test_what_cannot_be_hashed_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a file"):
        run(lambda: content_hash(tmp_path / "pipe"))
    with pytest.raises(InputError, match="no such file"):
        run(lambda: content_hash(tmp_path / "missing"))
