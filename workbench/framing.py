"""Detectors that judge audio in frames of one length. Cutting the audio of each stream into frames is done here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import numpy as np

from workbench.engines import BatchEngine, Detector, Settings
from workbench.types import Activity, AudioChunk, Samples

Memory = TypeVar("Memory")


@dataclass(slots=True)
class Framed(Generic[Memory]):
    """What is remembered of one stream, from one chunk to the next."""

    memory: Memory | None = None
    """What the detector remembers; None: it has heard nothing."""
    sample_rate: int = 0
    """Hertz of its audio; 0: none has come."""
    rest: bytes = b""
    """What has come of the next frame: bytes of float32."""
    start: float = 0.0
    """Of the first sample in `rest`, if there is one; seconds on the timeline."""


Work: TypeAlias = Sequence[tuple[AudioChunk, Framed[Memory]]]
"""What `process_batch` gets: a chunk of each of several streams, and what is remembered of the stream."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """What one stream of a call is judged by: a chunk, after what was left of the one before."""

    place: int
    """Among the items of the call."""
    start: float
    """Of the first sample, seconds on the timeline."""
    octets: bytes
    """Samples, float32."""


class FrameDetector(BatchEngine[AudioChunk, Activity, Framed[Memory]], Detector[Framed[Memory]]):
    """A detector that judges frames of one length. It implements `frame` and `judge`.

    Chunks of any size, incomplete frames and times are not its concern. `Memory` is what it remembers of one stream
    from one frame to the next: a value that `judge` replaces and never changes, unless nobody can copy it.
    """

    @abstractmethod
    def frame(self, sample_rate: int) -> int:
        """Samples of a frame, at one of `sample_rates`."""

    @abstractmethod
    def judge(
        self, samples: Samples, sample_rate: int, memories: Sequence[Memory | None]
    ) -> tuple[Samples, Sequence[Memory]]:
        """How likely each frame is speech, and what to remember of each stream.

        `samples` (B, T * frame), float32 in [-1, 1] and not to be written to, are the next T >= 1 frames of each of B
        streams, 1 to `max_batch`. `memories` is what was remembered of each of them, None for one that begins. Returns
        probabilities (B, T), float32 in [0, 1], and B memories. Called in a worker thread, like `process`. If
        it raises, the streams are as they were.
        """

    def checked(
        self, samples: Samples, sample_rate: int, memories: Sequence[Memory | None]
    ) -> tuple[Samples, Sequence[Memory]]:
        """What `judge` returns. Raises `TypeError` if there is not one probability a frame and one memory a stream."""
        probabilities, after = self.judge(samples, sample_rate, memories)
        shape = (len(samples), samples.shape[1] // self.frame(sample_rate))
        if probabilities.shape != shape or len(after) != len(memories):
            raise TypeError(
                f"{self.name} gave probabilities of shape {probabilities.shape} and {len(after)} memories, "
                f"not {shape} and {len(memories)}"
            )
        return probabilities, after

    def open(self, settings: Settings) -> Framed[Memory]:
        return Framed()

    def process_batch(self, work: Work[Memory]) -> list[Iterable[Activity]]:
        self._check(work)
        alike: dict[tuple[int, int], list[_Heard]] = {}
        for place, (chunk, state) in enumerate(work):
            heard = self._heard(place, chunk, state)
            count = len(heard.octets) // 4 // self.frame(chunk.sample_rate)
            alike.setdefault((chunk.sample_rate, count), []).append(heard)
        judged = [self._judge(work, rate, count, streams) for (rate, count), streams in alike.items()]
        results: list[Iterable[Activity]] = [()] * len(work)
        for ((rate, count), streams), (probabilities, memories) in zip(alike.items(), judged, strict=True):
            used = count * self.frame(rate)
            for heard, own, memory in zip(streams, probabilities, memories, strict=True):
                chunk, state = work[heard.place]  # nothing has failed: only now may it change
                if count:
                    results[heard.place] = (Activity(heard.start, self.frame(rate) / rate, own),)
                state.sample_rate, state.rest, state.memory = rate, heard.octets[4 * used :], memory
                state.start = chunk.end - len(state.rest) / 4 / rate
        return results

    def flush(self, state: Framed[Memory]) -> Iterable[Activity]:
        """The probability of an incomplete last frame, filled up with silence."""
        pending = len(state.rest) // 4
        if not pending:
            return ()
        rate = state.sample_rate
        silence = np.zeros(self.frame(rate) - pending, np.float32)
        return self.process(AudioChunk(silence, rate, state.start + pending / rate), state)

    def _check(self, work: Work[Memory]) -> None:
        """Raises `ValueError` for a sample rate that is not taken, or not that of the stream."""
        for rate, before in {(chunk.sample_rate, state.sample_rate) for chunk, state in work}:
            if rate not in self.sample_rates:
                known = " or ".join(map(str, sorted(self.sample_rates)))
                raise ValueError(f"{self.name} takes {known} Hz audio, not {rate} Hz")
            if before not in (rate, 0):
                raise ValueError(f"a stream of {before} Hz audio cannot go on at {rate} Hz")

    def _heard(self, place: int, chunk: AudioChunk, state: Framed[Memory]) -> _Heard:
        """What was left is heard no more where a hole of half a frame is between: what follows would come too early."""
        octets, rate = np.asarray(chunk.samples, np.float32).tobytes(), chunk.sample_rate
        end = state.start + len(state.rest) / 4 / rate
        if state.rest and abs(chunk.start - end) * rate < self.frame(rate) / 2:
            return _Heard(place, state.start, state.rest + octets)
        return _Heard(place, chunk.start, octets)

    def _judge(
        self, work: Work[Memory], rate: int, count: int, streams: Sequence[_Heard]
    ) -> tuple[Samples, Sequence[Memory | None]]:
        """Judge `count` frames of each. Changes no state."""
        memories = [work[heard.place][1].memory for heard in streams]
        if not count:
            return np.empty((len(streams), 0), np.float32), memories
        end = 4 * count * self.frame(rate)
        samples = np.frombuffer(b"".join([heard.octets[:end] for heard in streams]), np.float32)
        return self.checked(samples.reshape(len(streams), -1), rate, memories)
