"""A lock between processes that ends with its holder: no time-out, no process id, nothing to clean up after a crash."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

from workbench.disk_errors import said_plainly

if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO, *, wait: bool) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO, *, wait: bool) -> None:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """Held by one instance at a time, of this process or another. As a context manager it waits for its turn."""

    def __init__(self, path: Path) -> None:
        """`path` is made when it is not there, and stays."""
        self.path = path
        self._file: BinaryIO | None = None

    def acquire(self, *, wait: bool = False) -> bool:
        """Take the lock; False: another holds it, which cannot be with `wait`. Raises `OutputError`."""
        if self._file is not None:
            return True
        with said_plainly(self.path):
            file = self.path.open("ab")
        try:
            _lock(file, wait=wait)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        self.acquire(wait=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def hold(file: BinaryIO) -> None:
    """Hold the lock that is this open file, where the file system has locks, until it is closed."""
    with suppress(OSError):
        _lock(file, wait=False)


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock.

    It is taken for a moment to find out: whoever must not be refused for that holds another lock over both.
    """
    if not path.exists():
        return False
    lock = Lock(path)
    if not lock.acquire():
        return True
    lock.release()
    return False
