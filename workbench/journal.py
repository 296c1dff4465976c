"""What was told of a stream, on disk: one event a line, as JSON, appended and never changed.

A line is the event's `to_dict` with a checksum as its last member, so the file can be searched and read by any tool:

    {"type": "progress", "position": 12.4, "duration": null, "crc": "63d02011"}

The checksum is the CRC-32 of the line's bytes before `, "crc"`. It costs a microsecond and 19 bytes, and tells a line
that was written from one that is torn or damaged.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from zlib import crc32

from workbench import events
from workbench.disk_errors import said_plainly, unreadable
from workbench.files import sync_data, write_atomically

_MARK: Final = b', "crc": "'
_END: Final = b'"}'


class Journal:
    """Appends events to a file. An event is there for every reader, and survives kill -9, when `write` returns."""

    def __init__(self, path: Path) -> None:
        """Make the file, or go on at its end. Raises `OutputError`."""
        self.path = path
        self._lock = threading.Lock()
        with said_plainly(path):
            is_new = not path.exists()
        if is_new:
            write_atomically(path, b"", overwrite=False)
        with said_plainly(path):
            self._is_torn = _ends_torn(path)
            self._file = path.open("ab", buffering=0)

    def write(self, event: events.Event) -> None:
        """Append one event, in one write. From any thread; microseconds. Raises `OutputError`.

        A line that the one before left torn is ended first: a crash, or a full disk.
        """
        line = _line(event)
        with self._lock, said_plainly(self.path):
            data = b"\n" + line if self._is_torn else line
            self._is_torn = True
            while data:  # a second round finds the disk full, and says so
                data = data[self._file.write(data) :]
            self._is_torn = False

    def sync(self) -> None:
        """Make what was written survive a power failure. From any thread; blocks for the disk. Raises `OutputError`."""
        with said_plainly(self.path):
            sync_data(self._file.fileno())

    def close(self) -> None:
        """Put all on disk. Raises `OutputError`."""
        if not self._file.closed:
            with said_plainly(self.path), self._file:
                sync_data(self._file.fileno())


def read_journal(path: Path, wanted: Callable[[bytes], bool] = lambda line: True) -> tuple[list[events.Event], int]:
    """The events in `path`, in the order they were written, and how many lines are damaged.

    `wanted` sees each line as it is stored: those that it refuses are neither read nor counted. A torn last line, as a
    crash leaves it, is no damage. No file is no events. While the journal is written, what is complete is read. Raises
    `InputError`.
    """
    found: list[events.Event] = []
    damaged = 0
    for line in _lines(path):
        if not wanted(line):
            continue
        event = _event(line.removesuffix(b"\n"))
        if event is not None:
            found.append(event)
        elif line.endswith(b"\n"):
            damaged += 1
    return found, damaged


def holds(path: Path, text: str) -> bool:
    """Whether a line of `path` may hold `text`, whatever the case; nothing is parsed. Raises `InputError`."""
    needle = json.dumps(text, ensure_ascii=False)[1:-1].casefold()
    return any(needle in line.decode("utf-8", "replace").casefold() for line in _lines(path))


def _line(event: events.Event) -> bytes:
    text = json.dumps(event.to_dict(), ensure_ascii=False, default=float)  # NumPy's numbers, from engines
    body = text.encode("utf-8", "backslashreplace").removesuffix(b"}")  # half a character becomes JSON's own escape
    return b"%b%b%08x%b\n" % (body, _MARK, crc32(body), _END)


def _event(line: bytes) -> events.Event | None:
    """The event that was written as `line`; None: no such line was written."""
    body, mark, checksum = line.rpartition(_MARK)
    if not mark or checksum != b"%08x%b" % (crc32(body), _END):
        return None
    try:
        return events.parse(json.loads(body + b"}"))
    except ValueError:  # a kind of event that is not known any more, or not yet
        return None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from (line for line in file if line != b"\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise unreadable(path, error) from error


def _ends_torn(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"
