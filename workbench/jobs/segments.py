"""The results of a job's windows and texts: a log that is appended to and never changed, one sealed line each.

The first line is sealed with the job's key, so results of another key are no results. What stands after the last good
line, which a crash or a damaged disk leaves, is never read, and cut off when the log is opened to be written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import TypeAdapter

from workbench.disk_errors import said_plainly, unreadable
from workbench.files import make_folder, sync_data, write_atomically
from workbench.jobs.checkpoint import check_regular
from workbench.jobs.sealed import seal, unseal
from workbench.kept import Item
from workbench.types import Transcript, Translation

_MOST_BYTES: Final = 64 << 20
"""Of one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """What a stage made of one item."""

    item: Item
    transcripts: tuple[Transcript, ...] = ()
    """Of a window."""
    translations: tuple[Translation, ...] = ()
    """Of a transcript."""


class Stored(NamedTuple):
    results: list[ItemResult]
    """In the order they were stored."""
    end: int
    """Bytes up to the end of the last good line."""
    seed: bytes
    """Of the next line."""


class SegmentLog:
    """Appends results. One thread of one process at a time."""

    def __init__(self, path: Path, key: str) -> None:
        """Make the file, or go on after its last good line; what follows is cut off. Raises as `read_results` does."""
        self.path = path
        self._key = key
        self.results, self._end, self._seed = read_results(path, key)
        with said_plainly(path):
            if not path.exists():
                make_folder(path.parent)
                write_atomically(path, b"", overwrite=True)
            self._file = path.open("r+b", buffering=0)
            try:
                self.refused_bytes = self._file.seek(0, os.SEEK_END) - self._end
                if self.refused_bytes:
                    self._file.truncate(self._end)
                # a line whose writer was killed before this counts as stored from now on
                sync_data(self._file.fileno())
            except OSError:
                self._file.close()
                raise

    def append(self, results: Sequence[ItemResult]) -> None:
        """Store all of them, or none: one write and one sync, on disk when this returns. Raises `OutputError`."""
        data, seed = b"", self._seed
        for result in results:
            line, seed = seal(_adapter().dump_python(result, warnings=False), seed)
            if len(line) > _MOST_BYTES:
                raise ValueError(f"what {result.item.kind} made at {result.item.start:.1f} s has {len(line)} bytes")
            data += line
        with said_plainly(self.path):
            try:
                self._write(data)
                sync_data(self._file.fileno())
            except OSError:
                with suppress(OSError):  # what is left there is overwritten, or cut off when it is opened again
                    self._file.truncate(self._end)
                raise
        self._end, self._seed = self._end + len(data), seed
        self.results += results

    def clear(self) -> None:
        """Drop all results, on disk when this returns. Raises `OutputError`; they do not count any more then either."""
        self.results, self._end, self._seed = [], 0, self._key.encode()
        with said_plainly(self.path):
            self._file.truncate(0)
            sync_data(self._file.fileno())

    def close(self) -> None:
        self._file.close()

    def _write(self, data: bytes) -> None:
        self._file.seek(self._end)
        rest = memoryview(data)
        while rest:  # a second round finds the disk full, and says so
            rest = rest[self._file.write(rest) :]


def read_results(path: Path, key: str) -> Stored:
    """All results up to the last good line, while it is written too. No file is no results. Raises `InputError`."""
    results: list[ItemResult] = []
    end, seed = 0, key.encode()
    try:
        for line in _lines(path):
            if (unsealed := unseal(line, seed)) is None:
                break
            results.append(_adapter().validate_python(unsealed[0]))
            end, seed = end + len(line), unsealed[1]
    except ValueError:  # sealed by somebody else
        pass
    except OSError as error:
        raise unreadable(path, error) from error
    return Stored(results, end, seed)


def _lines(path: Path) -> Iterator[bytes]:
    if path.parent.is_symlink():
        raise OSError("its folder is a link")
    try:
        check_regular(path)
    except FileNotFoundError:
        return
    with path.open("rb") as file:
        yield from iter(lambda: file.readline(_MOST_BYTES), b"")


@cache
def _adapter() -> TypeAdapter[ItemResult]:
    return TypeAdapter(ItemResult)
