"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Self

from workbench.disk_errors import said_plainly
from workbench.errors import OutputError
from workbench.lock import hold, remove_unheld

sync_data: Final = getattr(os, "fdatasync", os.fsync)
"""Puts on disk what was written to a descriptor. Raises `OSError`."""
_CANNOT_LINK: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})


class NewFile:
    """A file written under a temporary name in the folder of `path`, and moved there by `commit`.

    As a context manager it removes what was not committed. Everything raises `OutputError`.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self.path = path
        self.overwrite = overwrite
        self._is_committed = False
        with said_plainly(path):
            _check_target(path, overwrite)
            self._temporary, self.file = _part(path.parent)

    def write(self, data: bytes) -> None:
        with said_plainly(self.path):
            self.file.write(data)

    def sync(self) -> None:
        """Put on disk what was written so far, so that little is left for `commit` of a large file."""
        with said_plainly(self.path):
            self.file.flush()
            os.fsync(self.file.fileno())

    def commit(self) -> None:
        """Put the file on disk, then under its name. A file that appeared there meanwhile stays, unless `overwrite`."""
        self.sync()
        with said_plainly(self.path):
            if os.name == "nt":  # moves no file that is open
                self.file.close()
            if self.overwrite:
                os.replace(self._temporary, self.path)
            else:
                _move_to_free_name(self._temporary, self.path)
            self._is_committed = True
            self.file.close()
            fsync_folder(self.path.parent)

    def discard(self) -> None:
        """Remove what was written, unless it is committed."""
        with suppress(OSError):  # the buffer may not fit on the disk; it is not wanted any more
            self.file.close()
        if not self._is_committed:
            self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()


def write_atomically(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Make `path` hold `data`, or raise `OutputError` and leave everything as it was.

    On disk when this returns. Without `overwrite`, a file that is already there is an error.
    """
    with NewFile(path, overwrite=overwrite) as new:
        new.write(data)
        new.commit()


def sweep(folder: Path) -> None:
    """Remove what processes that were killed left half written in `folder`. Raises nothing."""
    with suppress(OSError, OutputError):
        for part in folder.glob(".workbench-*.part"):
            remove_unheld(part)


def _part(folder: Path) -> tuple[Path, BinaryIO]:
    """A new file in `folder` under a temporary name, which `sweep` leaves alone until it is closed."""
    while True:
        path = folder / f".workbench-{secrets.token_hex(8)}.part"
        file = path.open("xb")
        if hold(file) and path.exists():
            return path, file
        file.close()  # somebody sweeps at this moment, and was faster


def write_text(path: Path, text: str) -> None:
    """Make `path` hold `text` in UTF-8, and make the folders it lies in; otherwise as `write_atomically`."""
    with said_plainly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode(), overwrite=True)


def _check_target(path: Path, overwrite: bool) -> None:
    """Refuse early what `commit` could not do, and what renaming would destroy: a device such as /dev/null."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(status.st_mode):
        with suppress(FileNotFoundError):
            status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if not overwrite:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _move_to_free_name(source: Path, target: Path) -> None:
    """Rename, unless `target` exists: a hard link fails then, where rename would replace it."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))  # takes the name on file systems without links
        try:
            os.replace(source, target)
        except OSError:
            target.unlink()
            raise
    else:
        source.unlink()


def make_folder(folder: Path) -> None:
    """Make `folder` with its parents, their names on disk when this returns. Raises `OSError`."""
    made = [one for one in (folder, *folder.parents) if not one.is_dir()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in made:
        fsync_folder(one.parent)


def fsync_folder(folder: Path) -> None:
    """Put what was renamed in `folder` on disk, where the system can do that for folders. Raises `OSError`."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
