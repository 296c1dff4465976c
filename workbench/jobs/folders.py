"""The media files of a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from workbench.errors import InputError

_NAMES: Final = """
    3gp aac ac3 aif aiff amr ape au avi caf dts flac flv m2ts m4a m4b m4v mka mkv mov mp2 mp3 mp4 mpeg mpg mts mxf oga
    ogg ogv opus ra rm rmvb spx tta vob w64 wav webm wma wmv wv
"""
SUFFIXES: Final = frozenset(f".{name}" for name in _NAMES.split())
"""Of files that are tried; what else there is has to be named itself."""
_MADE: Final = ".subtitled"
"""Before the suffix of a copy with subtitles in it."""


def is_media(path: Path) -> bool:
    """By its name alone: neither hidden, nor a copy that `--mux` made."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and not path.stem.endswith(_MADE)


def media_files(folder: Path, *, recursive: bool = False) -> list[Path]:
    """In order of their names. Blocks. Raises `InputError` where the folder cannot be read."""
    found: list[Path] = []

    def failed(error: OSError) -> None:
        if isinstance(error, FileNotFoundError) and error.filename != str(folder):
            return  # one inside that went meanwhile
        name = repr(str(error.filename or folder))
        raise InputError(f"{name} cannot be read: {error.strerror}", hint="Check its permissions.") from error

    for parent, folders, files in os.walk(folder, onerror=failed):
        found += [path for file in files if is_media(path := Path(parent, file)) and path.is_file()]
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
    return sorted(found)
