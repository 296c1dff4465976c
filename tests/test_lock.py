from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import lock
from workbench.errors import OutputError
from workbench.lock import Lock, is_held

HOLDER = """
import sys
from pathlib import Path
from workbench.lock import Lock
lock = Lock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.read()
"""


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    assert not is_held(tmp_path / "lock")
    assert first.acquire()
    assert first.acquire(), "it has it already"
    assert is_held(tmp_path / "lock")
    assert not second.acquire()
    first.release()
    first.release()
    assert not is_held(tmp_path / "lock")
    with second:
        assert not first.acquire()
    assert not is_held(tmp_path / "lock")


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "True\n"
        assert is_held(tmp_path / "lock")
        assert not Lock(tmp_path / "lock").acquire()
        child.kill()
    assert not is_held(tmp_path / "lock")
    with Lock(tmp_path / "lock"):
        assert is_held(tmp_path / "lock")


def test_where_the_file_system_has_no_locks_nothing_is_done_as_if_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: object, *, wait: bool) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(lock, "_lock", refuse)
    done = []
    with pytest.raises(OutputError, match="cannot be locked") as caught, Lock(tmp_path / "lock"):
        done.append("what others may do too")
    assert done == []
    assert "workbench paths" in caught.value.hint
    with pytest.raises(OutputError, match="cannot be locked"):
        Lock(tmp_path / "lock").acquire()
    assert is_held(tmp_path / "lock"), "that cannot be told"


def test_who_waits_waits_on_where_the_system_gives_up_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = iter([errno.EDEADLK, errno.EACCES, 0])

    def later(file: object, *, wait: bool) -> None:
        if number := next(tries):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock, "_lock", later)
    with Lock(tmp_path / "lock"):
        assert list(tries) == []


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "missing" / "lock")
    with pytest.raises(OutputError, match="no folder"):
        Lock(tmp_path / "missing" / "lock").acquire()
