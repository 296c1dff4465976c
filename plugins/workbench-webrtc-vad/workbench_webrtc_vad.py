"""The voice activity detection of WebRTC as a workbench engine: no model, yes or no for each frame, little CPU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

import workbench
from workbench import Activity, AudioChunk, Samples


@dataclass(slots=True)
class Stream:
    """What the detector remembers of one stream.

    What the library adapts to the stream's noise is an object in C, which cannot be read or copied: each stream has one
    of its own, 0.8 KB. It knows nothing of the engine that made it.
    """

    vad: Any
    """A `webrtcvad.Vad`."""
    sample_rate: int = 0
    """Hertz of its audio; 0: none has come."""
    rest: bytes = b""
    """What has come of the next frame, as 16-bit samples."""
    start: float = 0.0
    """Of the first sample in `rest`; seconds on the timeline."""


class WebRtcVad(workbench.Detector[Stream], workbench.BatchEngine[AudioChunk, Activity, Stream]):
    """WebRTC's detector: probabilities are 0 or 1. Several streams in one call save threads, nothing else."""

    name = "webrtc"
    sample_rates = (16_000, 8_000, 32_000, 48_000)

    class Options(workbench.Options):
        aggressiveness: int = Field(default=2, ge=0, le=3)
        """How much is taken for noise: 0 misses least speech, 3 takes least noise for speech."""
        frame_ms: Literal[10, 20, 30] = 30
        """Length of the stretches that are judged."""

    def __init__(self, options: Options) -> None:
        import webrtcvad

        self._make = webrtcvad.Vad
        self._aggressiveness = options.aggressiveness
        self._frame_ms = options.frame_ms

    def open(self, settings: workbench.Settings) -> Stream:
        return Stream(self._make(self._aggressiveness))

    def process_batch(self, work: Sequence[tuple[AudioChunk, Stream]]) -> list[Iterable[Activity]]:
        for chunk, state in work:  # all of it, before any state changes
            if chunk.sample_rate not in self.sample_rates:
                known = " or ".join(map(str, sorted(self.sample_rates)))
                raise ValueError(f"webrtc takes {known} Hz audio, not {chunk.sample_rate} Hz")
            if state.sample_rate not in (chunk.sample_rate, 0):
                raise ValueError(f"a stream of {state.sample_rate} Hz audio cannot go on at {chunk.sample_rate} Hz")
        return [self._hear(chunk, state) for chunk, state in work]

    def flush(self, state: Stream) -> Iterable[Activity]:
        """The judgement of an incomplete last frame, filled up with silence."""
        if not state.rest:
            return ()
        rate, pending = state.sample_rate, len(state.rest) // 2
        silence = np.zeros(rate * self._frame_ms // 1000 - pending, np.float32)
        return self._hear(AudioChunk(silence, rate, state.start + pending / rate), state)

    def _hear(self, chunk: AudioChunk, state: Stream) -> Iterable[Activity]:
        rate, pending = chunk.sample_rate, len(state.rest)
        size = rate * self._frame_ms // 1000 * 2
        pcm = state.rest + _pcm(chunk.samples)
        used = len(pcm) // size * size
        start = state.start if pending else chunk.start
        speech = [state.vad.is_speech(pcm[at : at + size], rate) for at in range(0, used, size)]
        state.start = chunk.start + (used - pending) / 2 / rate if used else start
        state.sample_rate, state.rest = rate, pcm[used:]
        return (Activity(start, self._frame_ms / 1000, np.array(speech, np.float32)),) if used else ()


def _pcm(samples: Samples) -> bytes:
    """16-bit samples; what was made of such is what it was."""
    return np.clip(np.rint(samples * 32_768), -32_768, 32_767).astype(np.int16).tobytes()


@workbench.hookimpl
def register_engines(register: workbench.Register) -> None:
    register(WebRtcVad)
