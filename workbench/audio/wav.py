"""16-bit mono WAV, written as audio comes, and speech placed on a timeline."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final, Self

import numpy as np

from workbench.disk_errors import said_plainly
from workbench.errors import OutputError
from workbench.files import NewFile
from workbench.types import AudioChunk, Samples

HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
MOST_SAMPLES: Final = (0xFFFFFFFF - HEADER.size) // 2
"""Sizes in a WAV have 32 bits: 37 hours at 16 kHz."""
FULL_SCALE: Final = 32768.0


class WavWriter:
    """Writes a WAV under a temporary name; `commit` moves it to `path`. Everything raises `OutputError`.

    As a context manager it removes what was not committed.
    """

    def __init__(self, path: Path, sample_rate: int, *, overwrite: bool = False) -> None:
        self.sample_rate = sample_rate
        self.written = 0
        """Samples so far."""
        self._new = NewFile(path, overwrite=overwrite)
        self._new.write(header(0, sample_rate))

    def write(self, samples: Samples) -> None:
        """Append mono samples; see `pcm16`."""
        if self.written + len(samples) > MOST_SAMPLES:
            name = str(self._new.path)
            raise OutputError(f"{name!r} cannot be written: a WAV holds at most 4 GiB", hint="Write shorter pieces.")
        self._new.write(pcm16(samples))
        self.written += len(samples)

    def commit(self) -> None:
        """Complete the header and put the file under its name, on disk."""
        with said_plainly(self._new.path):
            self._new.file.seek(0)
        self._new.write(header(self.written, self.sample_rate))
        self._new.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._new.discard()


def header(samples: int, rate: int) -> bytes:
    """What stands before the samples in a 16-bit mono WAV of so many samples, `rate` of them a second."""
    size = 2 * samples
    return HEADER.pack(
        b"RIFF", HEADER.size - 8 + size, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", size
    )


def pcm16(samples: Samples) -> bytes:
    """16-bit little-endian integers; what came from such comes out the same.

    What is outside [-1, 1] is clipped, what is no number is silence.
    """
    clean = np.clip(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0)
    data: bytes = np.rint(np.minimum(clean * FULL_SCALE, FULL_SCALE - 1)).astype("<i2").tobytes()
    return data


class SpeechTrack:
    """Pieces of speech on one timeline: each where its text was said, or later where the piece before is not over."""

    def __init__(self, writer: WavWriter) -> None:
        self.writer = writer

    @property
    def end(self) -> float:
        """Seconds on the timeline up to which the track is written."""
        return self.writer.written / self.writer.sample_rate

    def add(self, audio: AudioChunk) -> float:
        """Append a piece with silence before it as needed; gives where it starts, seconds on the timeline."""
        rate = self.writer.sample_rate
        missing = round(audio.start * rate) - self.writer.written
        while missing > 0:
            self.writer.write(np.zeros(min(missing, rate), np.float32))
            missing -= rate
        start = self.end
        self.writer.write(_at_rate(audio, rate))
        return start


def _at_rate(audio: AudioChunk, rate: int) -> Samples:
    if audio.sample_rate == rate:
        return audio.samples
    import soxr

    resampled: Samples = soxr.resample(audio.samples, audio.sample_rate, rate, quality="HQ")
    return resampled
