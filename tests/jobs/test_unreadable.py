"""Which files could not be read: remembered until they change, whatever happens to what is stored."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workbench.errors import OutputError
from workbench.jobs.unreadable import Unreadable
from workbench.jobs.watch import Status
from workbench.jobs.work import status_of


def broken(path: Path) -> tuple[Path, Status]:
    path.write_text("no audio")
    status = status_of(path)
    assert status is not None
    return path, status


def test_what_could_not_be_read_is_known_in_another_process_as_it_was(tmp_path: Path) -> None:
    path, status = broken(tmp_path / "bad 讲座.wav")
    Unreadable(tmp_path / "jobs").add(path, status)
    assert Unreadable(tmp_path / "jobs").known() == {path: status}


def test_files_that_changed_went_or_may_not_be_read_are_forgotten(tmp_path: Path) -> None:
    unreadable = Unreadable(tmp_path / "jobs")
    paths = [broken(tmp_path / f"{name}.wav") for name in ("same", "longer", "gone")]
    for path, status in paths:
        unreadable.add(path, status)
    (tmp_path / "longer.wav").write_text("no audio yet")
    (tmp_path / "gone.wav").unlink()
    path, status = broken(tmp_path / "last.wav")
    unreadable.add(path, status)
    assert set(unreadable.known()) == {tmp_path / "same.wav", path}


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="run it as another user than root")
def test_a_file_that_may_not_be_read_is_tried_again(tmp_path: Path) -> None:
    path, status = broken(tmp_path / "secret.wav")
    path.chmod(0)
    Unreadable(tmp_path / "jobs").add(path, status)
    assert Unreadable(tmp_path / "jobs").known() == {}


def test_many_that_tell_at_once_lose_nothing(tmp_path: Path) -> None:
    files = [broken(tmp_path / f"{number}.wav") for number in range(20)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda file: Unreadable(tmp_path / "jobs").add(*file), files))
    assert Unreadable(tmp_path / "jobs").known() == dict(files)


@pytest.mark.parametrize("stored", [b"", b"\xff", b"[]", b'{"a": 1}', b'{"a": ["x", 2]}', b'{"a": [1, 2'])
def test_what_is_damaged_is_not_used_and_written_anew(tmp_path: Path, stored: bytes) -> None:
    (tmp_path / ".unreadable.json").write_bytes(stored)
    path, status = broken(tmp_path / "bad.wav")
    unreadable = Unreadable(tmp_path)
    assert unreadable.known() == {}
    unreadable.add(path, status)
    assert unreadable.known() == {path: status}


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    path, status = broken(tmp_path / "bad.wav")
    with pytest.raises(OutputError, match="cannot be written"):
        Unreadable(path / "jobs").add(path, status)
