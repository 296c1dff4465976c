"""The audio of one stream that may still be asked for."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter

import numpy as np

from workbench.types import AudioChunk, Samples


class RecentAudio:
    """Keeps what is appended until it is forgotten. Costs of a cut grow with what is cut, not with what is kept."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._origin: float | None = None  # seconds on the timeline: where position 0 lies
        self._parts: list[tuple[int, Samples]] = []  # position of the first sample; in order
        self._first = 0  # positions, in samples: what can be cut begins and ends there
        self._last = 0

    @property
    def end(self) -> float:
        """Seconds on the timeline: where what was appended ends. 0 before anything was."""
        return self._time(self._last)

    def append(self, chunk: AudioChunk) -> None:
        """Take the next audio of the stream. A hole before it is heard as silence. Raises `ValueError` out of order."""
        if chunk.sample_rate != self._sample_rate:
            raise ValueError(f"audio at {chunk.sample_rate} Hz does not continue audio at {self._sample_rate} Hz")
        if self._origin is None:
            self._origin = chunk.start
        position = self._position(chunk.start)
        if position < self._last:
            raise ValueError(f"audio from {chunk.start:.3f} s comes after audio until {self.end:.3f} s")
        if len(chunk.samples):
            samples = chunk.samples
            own = samples if samples.base is None else samples.copy()  # a view would keep all of its base
            self._parts.append((position, own))
        self._last = position + len(chunk.samples)

    def cut(self, start: float, end: float) -> AudioChunk:
        """A copy of the audio between two times, or of what is there of it; maybe nothing."""
        first = min(max(self._position(start), self._first), self._last)
        last = min(max(self._position(end), first), self._last)
        samples = np.zeros(last - first, np.float32)
        index = max(0, bisect_right(self._parts, first, key=itemgetter(0)) - 1)
        while index < len(self._parts) and self._parts[index][0] < last:
            position, part = self._parts[index]
            a, b = max(position, first), min(position + len(part), last)
            if a < b:
                samples[a - first : b - first] = part[a - position : b - position]
            index += 1
        return AudioChunk(samples, self._sample_rate, self._time(first))

    def forget(self, before: float) -> None:
        """Free the audio before a time."""
        self._first = max(self._first, min(self._position(before), self._last))
        gone = 0
        while gone < len(self._parts) and self._end(gone) <= self._first:
            gone += 1
        del self._parts[:gone]
        if self._parts:
            position, part = self._parts[0]
            if (unused := self._first - position) > len(part) // 2:  # a copy costs less than what was freed
                self._parts[0] = (self._first, part[unused:].copy())

    def _end(self, index: int) -> int:
        position, part = self._parts[index]
        return position + len(part)

    def _position(self, time: float) -> int:
        return round((time - (self._origin or 0.0)) * self._sample_rate)

    def _time(self, position: int) -> float:
        return (self._origin or 0.0) + position / self._sample_rate
