"""What of a recording is stored, and not recognized."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from workbench.types import AudioChunk


class Gate:
    """Where a recording was muted. One thread turns it; others may read meanwhile."""

    def __init__(self) -> None:
        self._turns: list[float] = []  # seconds on the timeline, in order: muted from the first to the second, ...

    @property
    def is_muted(self) -> bool:
        return len(self._turns) % 2 == 1

    def turn(self, position: float) -> None:
        """Mute from `position` on, or let everything through again. Not before the last turn."""
        self._turns.append(position)

    def let_through(self, chunk: AudioChunk) -> AudioChunk:
        """`chunk`, with silence where it was muted."""
        first, last = bisect_right(self._turns, chunk.start), bisect_left(self._turns, chunk.end)
        if first == last and first % 2 == 0:
            return chunk
        bounds = [chunk.start, *self._turns[first:last], chunk.end]
        places = [round((bound - chunk.start) * chunk.sample_rate) for bound in bounds]
        samples = chunk.samples.copy()
        for index in range(1 - first % 2, len(places) - 1, 2):
            samples[places[index] : places[index + 1]] = 0.0
        return AudioChunk(samples, chunk.sample_rate, chunk.start)
