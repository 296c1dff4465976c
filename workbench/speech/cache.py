"""What a detector found in a recording, kept on disk: finding it again would cost as much as the first time.

Probabilities are kept to the bit, so speech is cut in the same places whether they were kept or found anew. In 8 or 16
bits they would take 15 or 40 % of the space, and move cuts: which frame is the quietest, the last digits decide.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from workbench.disk_errors import said_plainly
from workbench.errors import OutputError
from workbench.files import write_atomically
from workbench.types import Activity

MOST_BYTES: Final = 64 << 20
"""Of all entries: about 250 hours of audio."""

_log = logging.getLogger(__name__)

_HEADER: Final = struct.Struct("<8sIddI")
"""Mark, CRC-32 of all that follows it, start and length of frames in seconds, number of frames."""
_MARK: Final = b"WBVAD\0\0\1"
_CHECKED_FROM: Final = 12
"""Bytes into an entry."""
_SUFFIX: Final = ".activity"


class ActivityCache:
    """A folder of entries that never takes more than `max_bytes`: what was used longest ago goes first.

    From any thread, and several processes may use one folder. Nothing raises: what cannot be read is found anew, what
    cannot be written is not kept and told to the log.
    """

    def __init__(self, folder: Path, max_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes

    def get(self, key: str) -> Activity | None:
        """What was kept under `key`; None where there is nothing, or nothing whole."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        found = _parsed(data)
        if found is None:
            _log.warning("%s is damaged: speech is found anew", path)
            return None
        with suppress(OSError):  # of a folder that is read only nothing is removed either
            os.utime(path)
        return found

    def put(self, key: str, activities: Iterable[Activity]) -> None:
        """Keep all that a detector gave for one recording. With a hole in time there is nothing to keep."""
        whole = joined(activities)
        if whole is None:
            return
        path = self._path(key)
        try:
            with said_plainly(path):
                self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, _packed(whole), overwrite=True)
            with said_plainly(path):
                self._trim()
        except OutputError as error:
            _log.warning("what a detector found is not kept: %s", error)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _trim(self) -> None:
        total = 0
        for _, size, path in sorted(self._entries(), reverse=True):
            total += size
            if total > self.max_bytes:
                path.unlink(missing_ok=True)

    def _entries(self) -> Iterator[tuple[int, int, Path]]:
        """When each was used, its size in bytes, and where it is; with what a process that died left half written."""
        for path in self.folder.iterdir():
            if path.suffix == _SUFFIX or path.match(".workbench-*.part"):
                with suppress(FileNotFoundError):  # another process removed it
                    status = path.stat()
                    yield status.st_mtime_ns, status.st_size, path


def activity_key(content: str, *parts: Any) -> str:
    """The name of an entry: of all that probabilities depend on.

    `content` is a hash of the file; `parts`, plain JSON values, say which of its audio was heard, and name all that the
    detector is made of, such as its options, its distribution's version and the hash of its weights.
    """
    return hashlib.sha256(json.dumps([content, *parts], sort_keys=True).encode()).hexdigest()


def joined(activities: Iterable[Activity]) -> Activity | None:
    """All in one; None where there are none, or where one does not begin where the one before ended."""
    found = list(activities)
    if not found:
        return None
    first, count = found[0], 0
    for one in found:
        expected = first.start + count * first.frame_s
        if one.frame_s != first.frame_s or abs(one.start - expected) > first.frame_s / 2:
            return None
        count += len(one.probabilities)
    return Activity(first.start, first.frame_s, np.concatenate([one.probabilities for one in found]))


def _packed(activity: Activity) -> bytes:
    """The four octets of each probability one plane after the other: those with the exponent are much alike."""
    stored = np.ascontiguousarray(activity.probabilities, "<f4")
    planes = zlib.compress(stored.view(np.uint8).reshape(-1, 4).T.tobytes())
    data = _HEADER.pack(_MARK, 0, activity.start, activity.frame_s, len(stored)) + planes
    return data[:8] + struct.pack("<I", zlib.crc32(data[_CHECKED_FROM:])) + data[_CHECKED_FROM:]


def _parsed(data: bytes) -> Activity | None:
    if len(data) < _HEADER.size:
        return None
    mark, checksum, start, frame_s, count = _HEADER.unpack_from(data)
    if mark != _MARK or checksum != zlib.crc32(data[_CHECKED_FROM:]):
        return None
    planes = np.frombuffer(zlib.decompress(data[_HEADER.size :]), np.uint8)
    probabilities = np.ascontiguousarray(planes.reshape(4, count).T).view("<f4")[:, 0]
    return Activity(start, frame_s, probabilities.astype(np.float32))
