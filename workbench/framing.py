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
class _Judged(Generic[Memory]):
    """What was judged of chunks that complete the same number of frames in each of some streams.

    No stream has changed yet.
    """

    rate: int
    count: int
    """Complete frames of each stream."""
    places: list[int]
    """Of the streams among the items of the call."""
    octets: list[bytes]
    """The samples of each stream: what was left of the last chunk, and this one. Float32."""
    probabilities: Samples
    """(stream, frame)"""
    memories: Sequence[Memory | None]
    """What is remembered of each stream from now on."""


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
        judged = [self._judge(work, rate, count, places) for (rate, count), places in self._alike(work).items()]
        results: list[Iterable[Activity]] = [()] * len(work)
        for streams in judged:  # nothing has failed: only now may the states change
            self._advance(work, streams, results)
        return results

    def flush(self, state: Framed[Memory]) -> Iterable[Activity]:
        """The probability of an incomplete last frame, filled up with silence."""
        pending = len(state.rest) // 4
        if not pending:
            return ()
        rate = state.sample_rate
        silence = np.zeros(self.frame(rate) - pending, np.float32)
        return self.process(AudioChunk(silence, rate, state.start + pending / rate), state)

    def _alike(self, work: Work[Memory]) -> dict[tuple[int, int], list[int]]:
        """Places in `work`, by sample rate and by how many frames are complete.

        Raises `ValueError` for a sample rate that is not taken, or not that of the stream.
        """
        for rate, before in {(chunk.sample_rate, state.sample_rate) for chunk, state in work}:
            if rate not in self.sample_rates:
                known = " or ".join(map(str, sorted(self.sample_rates)))
                raise ValueError(f"{self.name} takes {known} Hz audio, not {rate} Hz")
            if before not in (rate, 0):
                raise ValueError(f"a stream of {before} Hz audio cannot go on at {rate} Hz")
        found: dict[tuple[int, int], list[int]] = {}
        for place, (chunk, state) in enumerate(work):
            rate = chunk.sample_rate
            count = (len(chunk.samples) + len(state.rest) // 4) // self.frame(rate)
            found.setdefault((rate, count), []).append(place)
        return found

    def _judge(self, work: Work[Memory], rate: int, count: int, places: list[int]) -> _Judged[Memory]:
        """Judge `count` frames of each of the streams at `places`. Changes none of them."""
        octets = [work[i][1].rest + np.asarray(work[i][0].samples, np.float32).tobytes() for i in places]
        memories = [work[i][1].memory for i in places]
        if not count:
            return _Judged(rate, count, places, octets, np.empty((len(places), 0), np.float32), memories)
        end = 4 * count * self.frame(rate)
        samples = np.frombuffer(b"".join([one[:end] for one in octets]), np.float32)
        return _Judged(rate, count, places, octets, *self.checked(samples.reshape(len(places), -1), rate, memories))

    def _advance(self, work: Work[Memory], judged: _Judged[Memory], results: list[Iterable[Activity]]) -> None:
        """Move each stream on to where its next chunk starts, and set its result."""
        rate, used = judged.rate, judged.count * self.frame(judged.rate)
        streams = zip(judged.places, judged.octets, judged.probabilities, judged.memories, strict=True)
        for place, octets, probabilities, memory in streams:
            chunk, state = work[place]
            pending = len(state.rest) // 4
            if not pending:
                state.start = chunk.start
            if judged.count:
                results[place] = (Activity(state.start, self.frame(rate) / rate, probabilities),)
                state.start = chunk.start + (used - pending) / rate
            state.sample_rate, state.rest, state.memory = rate, octets[4 * used :], memory
