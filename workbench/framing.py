"""Detectors that judge audio in frames of one length: which samples make a frame, and when, is settled here."""

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
    """What is remembered of one stream."""

    memory: Memory | None = None
    """What the detector remembers; None: it has heard nothing."""
    sample_rate: int = 0
    """Hertz of its audio; 0: none has come."""
    rest: bytes = b""
    """What has come of the next frame; float32."""
    start: float = 0.0
    """Of the first sample in `rest`; seconds on the timeline."""


Work: TypeAlias = Sequence[tuple[AudioChunk, Framed[Memory]]]


@dataclass(frozen=True, slots=True)
class _Judged(Generic[Memory]):
    """What comes of chunks of some streams that complete as many frames each, before any of these has changed."""

    rate: int
    count: int
    """Frames."""
    places: list[int]
    """Of the streams among the items of the call."""
    octets: list[bytes]
    """The samples of each: what was left of the last chunk, and this one."""
    probabilities: Samples
    """(stream, frame)"""
    memories: Sequence[Memory | None]


class FrameDetector(BatchEngine[AudioChunk, Activity, Framed[Memory]], Detector[Framed[Memory]]):
    """A detector gives `frame` and `judge`; chunks of any size, an incomplete last frame and times are not its concern.

    `Memory` is what it remembers of one stream from one frame to the next: a value that `judge` never changes, or what
    nobody can copy.
    """

    @abstractmethod
    def frame(self, sample_rate: int) -> int:
        """Samples of a frame, at one of `sample_rates`."""

    @abstractmethod
    def judge(
        self, samples: Samples, sample_rate: int, memories: Sequence[Memory | None]
    ) -> tuple[Samples, Sequence[Memory]]:
        """How likely each frame is speech, and what is remembered next.

        `samples` (B, T * frame), not to be written to, are the next T >= 1 frames of B >= 1 streams, at most
        `max_batch`; `memories` is what is known of each, None for one that begins. Gives probabilities (B, T) in
        [0, 1], and B memories. In a worker thread, like `process`; when it raises, the streams are as they were.
        """

    def checked(
        self, samples: Samples, sample_rate: int, memories: Sequence[Memory | None]
    ) -> tuple[Samples, Sequence[Memory]]:
        """What `judge` gives. Raises `TypeError` if that is not what it should be."""
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
        """Places in `work` of streams with one sample rate that complete as many frames, by both."""
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
