"""How loud a stream is and was: what a level meter and a waveform show."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.types import Samples

FLOOR_DB = -120.0
"""What digital silence reads."""
KEPT_S = 30.0
"""How far back a waveform can reach."""
_BLOCKS_PER_S = 100
_RECENT = _BLOCKS_PER_S // 10
_HOLD = 2 * _BLOCKS_PER_S
_FULL_SCALE = 32767 / 32768  # the most that 16 bits hold


@dataclass(frozen=True, slots=True)
class Levels:
    """Decibels below full scale (dBFS), -120 to 0. A sine at full scale has peak 0 and RMS -3."""

    peak_db: float
    """Of the last 0.1 s."""
    rms_db: float
    """Of the last 0.1 s."""
    hold_db: float
    """Highest peak of the last 2 s."""
    max_db: float
    """Highest peak since the last reset."""
    clips: int
    """Times that at least 3 samples in a row were at full scale, since the last reset."""


class Meter:
    """Measures audio as it comes. One thread adds, any may read. Time is counted in audio: without any, nothing falls.

    It keeps the peak and the power of each 10 ms, so its memory does not grow and reading costs little.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        count = round(KEPT_S * _BLOCKS_PER_S)
        self._peaks = np.zeros(count, np.float32)  # a ring: block i of the stream is at i % count
        self._powers = np.zeros(count, np.float32)
        self._blocks = 0
        self._rest = np.zeros(0, np.float32)
        self._full = np.zeros(3, np.bool_)  # whether each of the last 3 samples was at full scale
        self._max = 0.0
        self._clips = 0

    def add(self, samples: Samples, sample_rate: int) -> None:
        """Measure the next audio: shape (n,), mono, [-1, 1], any n. The rate in Hz may change from call to call."""
        with self._lock:
            self._count_clips(samples)
            size = max(1, round(sample_rate / _BLOCKS_PER_S))
            samples = np.concatenate((self._rest, samples))
            count = len(samples) // size
            self._rest = samples[count * size :].copy()
            blocks = samples[: count * size].reshape(count, size)
            peaks, powers = np.abs(blocks).max(axis=1, initial=0.0), np.square(blocks).mean(axis=1)
            self._max = max(self._max, float(peaks.max(initial=0.0)))
            kept = min(count, len(self._peaks))
            places = np.arange(self._blocks + count - kept, self._blocks + count) % len(self._peaks)
            self._peaks[places], self._powers[places] = peaks[count - kept :], powers[count - kept :]
            self._blocks += count

    def read(self) -> Levels:
        with self._lock:
            recent = np.arange(self._blocks - _RECENT, self._blocks) % len(self._peaks)
            held = np.arange(self._blocks - _HOLD, self._blocks) % len(self._peaks)
            return Levels(
                peak_db=_decibels(float(self._peaks[recent].max())),
                rms_db=_decibels(float(np.sqrt(self._powers[recent].mean()))),
                hold_db=_decibels(float(self._peaks[held].max())),
                max_db=_decibels(self._max),
                clips=self._clips,
            )

    def waveform(self, columns: int, seconds: float) -> npt.NDArray[np.float32]:
        """The peak [0, 1] in each of `columns` parts of the last `seconds` (at most `KEPT_S`), newest last.

        A part keeps its borders as it moves to the left, so its height stays; the last one is still growing.
        """
        width = min(seconds, KEPT_S) * _BLOCKS_PER_S / columns
        with self._lock:
            newest = int(max(self._blocks - 1, 0) / width)
            edges = np.floor(np.arange(newest - columns + 1, newest + 2) * width).astype(np.int64)
            first, last = int(edges[0]), self._blocks
            positions = np.arange(first, max(last, int(edges[-2]) + 1))
            known = (positions >= max(0, last - len(self._peaks))) & (positions < last)
            peaks = np.where(known, self._peaks[positions % len(self._peaks)], np.float32(0.0))
        return np.maximum.reduceat(peaks, edges[:-1] - first)

    def reset(self) -> None:
        """Forget the maximum and the clips."""
        with self._lock:
            self._max, self._clips = 0.0, 0

    def _count_clips(self, samples: Samples) -> None:
        full = np.concatenate((self._full, np.abs(samples) >= _FULL_SCALE))
        three = full[2:] & full[1:-1] & full[:-2]
        self._clips += int(np.count_nonzero(three[1:] & ~three[:-1]))
        self._full = full[-3:]


def _decibels(amplitude: float) -> float:
    return max(FLOOR_DB, 20 * float(np.log10(amplitude))) if amplitude > 0 else FLOOR_DB
