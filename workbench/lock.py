"""A lock between processes that ends with its holder: no time-out, no process id, nothing to clean up after a crash."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import BinaryIO, Final, Self

from workbench.disk_errors import said_plainly
from workbench.errors import OutputError

if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO, *, wait: bool) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO, *, wait: bool) -> None:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


_HELD: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK})
"""What systems say of a lock that another has."""


class _NoLocks(OutputError):
    """Nobody can hold a lock there."""


class Lock:
    """Held by one instance at a time, of this process or another. As a context manager it waits for its turn."""

    def __init__(self, path: Path) -> None:
        """`path` is made when it is not there, and stays."""
        self.path = path
        self._file: BinaryIO | None = None

    def acquire(self, *, wait: bool = False) -> bool:
        """Take the lock; False: another holds it, which cannot be with `wait`.

        Raises `OutputError`, also where the file system has no locks.
        """
        if self._file is not None:
            return True
        with said_plainly(self.path):
            file = self.path.open("ab")
        try:
            while not _is_taken(file, wait=wait):  # with `wait`, Windows gives up after ten seconds
                if not wait:
                    file.close()
                    return False
        except OSError as error:
            file.close()
            said = f"{str(self.path)!r} cannot be locked: {error.strerror or error}"
            hint = "Its file system has no locks. Choose a folder on another: see workbench paths"
            raise _NoLocks(said, hint=hint) from error
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


def _is_taken(file: BinaryIO, *, wait: bool) -> bool:
    """Whether it was. Raises `OSError` where it never can be."""
    try:
        _lock(file, wait=wait)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True


def hold(file: BinaryIO) -> bool:
    """Hold the lock that is this open file until it is closed, where the file system has locks; False: another does."""
    try:
        return _is_taken(file, wait=False)
    except OSError:
        return True


def remove_unheld(path: Path) -> None:
    """Remove the lock that is this file, unless somebody holds it, or may. Raises `OSError`, `OutputError`."""
    lock = Lock(path)
    if lock.acquire():
        if sys.platform == "win32":  # it removes no file that is open, of others neither
            lock.release()
        path.unlink(missing_ok=True)
        lock.release()


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock, or may: where the file system has no locks, that cannot be told.

    It is taken for a moment to find out: whoever must not be refused for that holds another lock over both.
    """
    if not path.exists():
        return False
    lock = Lock(path)
    try:
        if not lock.acquire():
            return True
    except _NoLocks:
        return True
    lock.release()
    return False
