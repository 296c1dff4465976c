"""Ranges of a WAV: any stretch of a long recording in memory, and nothing else of it.

Bytes come by `pread` unless memory mapping is asked for. Mapping saves a copy, which is little next to converting the
samples; and a mapped page that cannot be read ends the process (SIGBUS), where somebody cuts the file off or its disk
fails. So the size is looked at before every block of a mapped file, and what is cut off by then is an `InputError`, as
it always is with `pread`. What is left is a file that shrinks in the fraction of a millisecond in which a block is
converted: map only files that nobody writes to.
"""

from __future__ import annotations

import math
import mmap
import os
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from workbench.audio.media import open_file
from workbench.audio.riff import NotPcmWav, PcmLayout, pcm_layout
from workbench.audio.timeline import mix
from workbench.disk_errors import unreadable
from workbench.errors import InputError
from workbench.types import Samples

__all__ = ["MemoryMappedAudio", "NotPcmWav"]

_BLOCK: Final = 1 << 16
"""Samples of each channel that are converted at once: a range of eight channels needs no eightfold memory."""
_HAS_PREAD: Final = hasattr(os, "pread")
"""Windows has none; but it lets nobody cut off a file that is mapped."""
_FORGET: Final[int | None] = getattr(mmap, "MADV_DONTNEED", None)
"""Gives back the pages of the whole file, as the system maps some around those that were read: they stay in its cache,
but count for this process no more. Whoever reads at the time gets them again."""


class MemoryMappedAudio:
    """Time ranges of a WAV of plain samples, as mono. From any thread; processes may share one by pickling it.

    What is read depends on the file alone, not on what was read before, so ranges may be read in any order.
    """

    def __init__(self, path: Path, *, memory_mapping: bool = False) -> None:
        """Open the file and read its header.

        Raises `NotPcmWav` for what must be decoded from its start instead, `InputError` for what cannot be read, and
        `UsageError` where there is no such file. What is appended to the file from now on is not seen.
        """
        self.path = path
        self.has_wrong_values = False
        """Whether values that are no numbers were read so far: they count as silence."""
        self._file = open_file(path)
        try:
            self._layout = self._read_header()
            self._map = self._mapped() if memory_mapping or not _HAS_PREAD else None
        except OSError as error:
            self._file.close()
            raise unreadable(self.path, error) from error
        except BaseException:
            self._file.close()
            raise

    @property
    def is_mapped(self) -> bool:
        """Whether it is read by memory mapping: not on file systems that cannot, even where that was asked for."""
        return self._map is not None

    @property
    def is_whole(self) -> bool:
        """Whether it holds what its header promises: not where it was cut off, or is still being written."""
        return self._layout.is_whole

    @property
    def sample_rate(self) -> int:
        """Hertz."""
        return self._layout.sample_rate

    @property
    def channels(self) -> int:
        """Of the file; what is read is their mix."""
        return self._layout.channels

    @property
    def duration(self) -> float:
        """Seconds that the file holds, whatever its header promises."""
        return self._layout.length / self._layout.sample_rate

    def read(self, start: float = 0.0, end: float = math.inf) -> Samples:
        """The audio from `start` to `end`, in seconds, as far as there is any; the caller may write to it.

        At the file's own rate. Starts and ends at the nearest sample, so ranges that touch join without a hole. Raises
        `InputError` where the file was cut off meanwhile or its disk fails.
        """
        samples = self._read(self._place(start), self._place(end))
        if self._map is not None and _FORGET is not None:
            self._map.madvise(_FORGET)
        return samples

    def close(self) -> None:
        """Free the file. Nobody may be reading."""
        if self._map is not None:
            self._map.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, (self.path, self.is_mapped)

    def _read_header(self) -> PcmLayout:
        try:
            return pcm_layout(self._file, os.fstat(self._file.fileno()).st_size)
        except NotPcmWav as error:
            raise NotPcmWav(f"{str(self.path)!r}: {error.message}", hint=error.hint) from None

    def _mapped(self) -> mmap.mmap | None:
        try:
            return mmap.mmap(self._file.fileno(), self._layout.end, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            if not _HAS_PREAD:
                raise
            return None

    def _place(self, time: float) -> int:
        """The sample that is nearest to `time`, in seconds, or the end next to it."""
        return round(min(max(time, 0.0), self.duration) * self.sample_rate)

    def _read(self, first: int, last: int) -> Samples:
        samples = np.empty(max(0, last - first), np.float32)
        for done in range(0, len(samples), _BLOCK):
            count = min(_BLOCK, len(samples) - done)
            samples[done : done + count] = self._mixed(first + done, count)
        return samples

    def _mixed(self, first: int, count: int) -> Samples:
        layout = self._layout
        data = self._data(layout.start + first * layout.step, count * layout.step)
        samples = _scaled(data, layout)
        if layout.encoding == "float" and not (are_numbers := np.isfinite(samples)).all():
            self.has_wrong_values = True
            samples[~are_numbers] = 0.0
        return mix(samples.reshape(count, layout.channels).T, list(layout.places))

    def _data(self, place: int, count: int) -> bytes | memoryview:
        try:
            if self._map is not None:
                is_there = os.fstat(self._file.fileno()).st_size >= place + count
                data: bytes | memoryview = memoryview(self._map)[place : place + count] if is_there else b""
            else:
                data = os.pread(self._file.fileno(), count, place)
        except OSError as error:
            raise unreadable(self.path, error) from error
        if len(data) < count:
            raise InputError(
                f"{str(self.path)!r} was cut off while it was read",
                hint="Another program changed the file. Read it again when that is done.",
            )
        return data


def _opened(path: Path, memory_mapping: bool) -> MemoryMappedAudio:
    return MemoryMappedAudio(path, memory_mapping=memory_mapping)


def _scaled(data: bytes | memoryview, layout: PcmLayout) -> Samples:
    """All channels as they lie, in [-1, 1], but for values that are no numbers."""
    if layout.encoding == "float":
        stored = np.frombuffer(data, f"<f{layout.width}")
        with np.errstate(over="ignore"):
            return stored.astype(np.float32)
    if layout.encoding != "integer":
        return _companded(layout.encoding)[np.frombuffer(data, np.uint8)]
    if layout.width == 3:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        integers: npt.NDArray[Any] = wide.view("<i4")[:, 0]
    else:
        integers = np.frombuffer(data, "u1" if layout.width == 1 else f"<i{layout.width}")
    samples = integers.astype(np.float32)
    if layout.width == 1:
        samples -= 128.0
    samples *= np.float32(0.5 ** (8 * integers.dtype.itemsize - 1))
    return samples


@cache
def _companded(encoding: str) -> Samples:
    """Sample of each octet, after ITU-T G.711."""
    octets = np.arange(256)
    if encoding == "a-law":
        octets ^= 0x55
        exponent, mantissa = octets >> 4 & 7, octets & 15
        size = np.where(exponent == 0, (mantissa << 4) + 8, (mantissa << 4) + 0x108 << np.maximum(exponent - 1, 0))
        sign = np.where(octets & 0x80, 1, -1)
    else:
        octets ^= 0xFF
        size = ((octets & 15) << 3) + 0x84 << (octets >> 4 & 7)
        size -= 0x84
        sign = np.where(octets & 0x80, -1, 1)
    return (sign * size / 32768).astype(np.float32)
