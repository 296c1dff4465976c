"""Errors of files, as what people are told of them."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from workbench.errors import DiskFull, InputError, OutputError
from workbench.phrase import Phrase

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def said_plainly(path: Path) -> Iterator[None]:
    """Turn an OSError of writing `path` into an `OutputError` that says what to do."""
    try:
        yield
    except OSError as error:
        raise _explained(path, error) from error


def unreadable(path: Path, error: Exception) -> InputError:
    """What an OSError of reading `path`, or a ValueError for its name, is to people."""
    reason = getattr(error, "strerror", None) or error
    return InputError(
        Phrase("{name!r} cannot be read: {reason}", name=str(path), reason=reason),
        hint="Check the file's permissions and its disk.",
    )


def _explained(path: Path, error: OSError) -> OutputError:
    name, folder = repr(str(path)), repr(str(path.parent))
    if error.errno in _FULL:
        return DiskFull(
            Phrase("{name} cannot be written: the disk is full", name=name), hint="Free some space, then try again."
        )
    if error.errno == errno.EFBIG:
        hint = "Raise the limit (ulimit -f), or choose a disk that takes larger files."
        return OutputError(f"{name} cannot be written: the file is too large", hint=hint)
    if error.errno == errno.EEXIST:
        return OutputError(
            Phrase("{name} exists already", name=name), hint="Move it away, name another, or overwrite it: --force."
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR) and path.parent.is_dir():  # one that the system makes up
        return OutputError(f"{name} cannot be written: {folder} takes no files", hint="Choose another folder.")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return OutputError(
            Phrase("{name} cannot be written: there is no folder {folder}", name=name, folder=folder),
            hint="Create the folder first.",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        hint = f"You may not write in {folder}. Choose another folder."
        return OutputError(Phrase("{name} cannot be written: permission denied", name=name), hint=hint)
    return OutputError(f"{name} cannot be written: {error.strerror or error}", hint="Choose another place.")
