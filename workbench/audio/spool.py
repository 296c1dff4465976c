"""Captured audio on disk from its first second: a WAV that grows, and is a WAV at every moment.

What `append` returned for survives the death of the process; of what a power failure takes, less than 2 s were
captured. The sizes in the header are brought up to date whenever audio is put on disk; audio after them, which a crash
leaves, counts all the same: the file's size says how much there is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np

from workbench.audio.wav import FULL_SCALE, HEADER, MOST_SAMPLES, header, pcm16
from workbench.disk_errors import said_plainly, unreadable
from workbench.errors import OutputError
from workbench.files import sync_data, write_atomically
from workbench.types import SAMPLE_RATE, Samples

_SYNC_S: Final = 1.0
"""Seconds of audio that are not on disk yet, at most: with the chunk at hand and the time it takes, less than 2."""


class Spool:
    """A 16-bit mono WAV that one thread writes and any threads read while it grows."""

    def __init__(self, path: Path, sample_rate: int = SAMPLE_RATE) -> None:
        """Make the file, or go on at its end, after a crash too. Raises `OutputError`."""
        self.path = path
        self.sample_rate = sample_rate
        self._grown = threading.Condition()
        self._is_closed = False
        with said_plainly(path):
            is_new = not path.exists()
        if is_new:
            write_atomically(path, header(0, sample_rate), overwrite=False)
        with said_plainly(path):
            _check(path, sample_rate)
            self._stored = self._synced = stored_samples(path)
            self._file = path.open("r+b", buffering=0)
        try:
            with self._safe():
                self._file.truncate(self._place)  # cuts off half a sample
                self._sync(self._stored)
        except OutputError:
            self._file.close()
            raise

    @property
    def end(self) -> float:
        """Seconds that are stored. From any thread."""
        return self._stored / self.sample_rate

    @property
    def is_closed(self) -> bool:
        """Whether nothing more will be stored. From any thread."""
        return self._is_closed

    def append(self, samples: Samples) -> None:
        """Store mono samples, [-1, 1], all or none of them. Raises `OutputError`."""
        rest = memoryview(pcm16(samples))
        with self._growing(len(samples)):
            self._file.seek(self._place)
            while rest:
                rest = rest[self._file.write(rest) :]

    def append_silence(self, seconds: float) -> None:
        """Store digital silence, as a hole that takes no space where the file system has such. Raises `OutputError`."""
        count = round(seconds * self.sample_rate)
        with self._growing(count):
            self._file.truncate(self._place + 2 * count)

    def read(self, start: float, seconds: float, timeout_s: float | None = None) -> Samples:
        """At most `seconds` of the audio from `start` on, as much of it as is stored. From any thread.

        Blocks until there is a sample: no samples mean that the spool was closed before `start`, or that `timeout_s`
        passed. Raises `InputError`.
        """
        first = round(start * self.sample_rate)
        with self._grown:
            self._grown.wait_for(lambda: self._stored > first or self._is_closed, timeout_s)
            count = min(round(seconds * self.sample_rate), self._stored - first)
        return read_samples(self.path, first, count)

    def close(self) -> None:
        """Complete the header, put all on disk, and wake readers. By the thread that writes. Raises `OutputError`."""
        with self._grown:
            if self._is_closed:
                return
            self._is_closed = True
            self._grown.notify_all()
        with self._safe(), self._file:
            self._sync(self._stored)

    @property
    def _place(self) -> int:
        """Of the next sample, in bytes."""
        return HEADER.size + 2 * self._stored

    @contextmanager
    def _growing(self, count: int) -> Iterator[None]:
        """Count samples as stored once they are written, and on disk where that is due."""
        self._check_room(count)
        stored = self._stored + count
        with self._safe():
            try:
                yield
                if stored - self._synced >= _SYNC_S * self.sample_rate:
                    self._sync(stored)
            except OSError:
                with suppress(OSError):  # what is left there is overwritten, or cut off when it is opened again
                    self._file.truncate(self._place)
                raise
        with self._grown:
            self._stored = stored
            self._grown.notify_all()

    def _sync(self, stored: int) -> None:
        self._file.seek(0)
        self._file.write(header(stored, self.sample_rate))
        sync_data(self._file.fileno())
        self._synced = stored

    def _check_room(self, count: int) -> None:
        if self._stored + count > MOST_SAMPLES:
            raise OutputError(
                f"{str(self.path)!r} is full: a WAV holds at most 4 GiB",
                hint=f"{self._what_is_safe()} Start a new session to go on.",
            )

    @contextmanager
    def _safe(self) -> Iterator[None]:
        """Add to an error of writing what is not lost."""
        try:
            with said_plainly(self.path):
                yield
        except OutputError as error:
            raise OutputError(error.message, hint=f"{self._what_is_safe()} {error.hint}") from error

    def _what_is_safe(self) -> str:
        return f"The {timedelta(seconds=int(self.end))} of audio before are stored and can be read."


def stored_samples(path: Path) -> int:
    """How many samples a spool's file holds, whatever its header says; nothing is opened. 0: it may not exist.

    Raises `OSError`.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return 0
    return max(0, size - HEADER.size) // 2


def read_samples(path: Path, first: int, count: int) -> Samples:
    """`count` samples of a spool's file from `first` on, or as many as there are. Raises `InputError`."""
    if count <= 0:
        return np.zeros(0, np.float32)
    try:
        stored = np.fromfile(path, "<i2", count, offset=HEADER.size + 2 * first)
    except OSError as error:
        raise unreadable(path, error) from error
    return stored.astype(np.float32) / np.float32(FULL_SCALE)


def _check(path: Path, sample_rate: int) -> None:
    """Refuse to write into a file of another kind."""
    with path.open("rb") as file:
        found = file.read(HEADER.size)
    wanted = HEADER.unpack(header(0, sample_rate))
    if len(found) < HEADER.size or _without_sizes(HEADER.unpack(found)) != _without_sizes(wanted):
        raise OutputError(
            f"{str(path)!r} is not a 16-bit mono WAV at {sample_rate} Hz",
            hint="Move it away to record under this name.",
        )


def _without_sizes(fields: tuple[object, ...]) -> tuple[object, ...]:
    return fields[:1] + fields[2:-1]
