"""The voice activity detection of WebRTC as a workbench engine: no model, yes or no for each frame, little CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

import workbench
from workbench import Samples


class WebRtcVad(workbench.FrameDetector[Any]):
    """WebRTC's detector: probabilities are 0 or 1. Several streams in one call save threads, nothing else.

    What the library adapts to a stream's noise is an object in C, which cannot be read or copied: each stream has one
    of its own, 0.8 KB. It knows nothing of the engine that made it.
    """

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

    def frame(self, sample_rate: int) -> int:
        return sample_rate * self._frame_ms // 1000

    def judge(
        self, samples: Samples, sample_rate: int, memories: Sequence[Any | None]
    ) -> tuple[Samples, Sequence[Any]]:
        """What is remembered of a stream is its `webrtcvad.Vad`."""
        vads = [vad or self._make(self._aggressiveness) for vad in memories]
        size = 2 * self.frame(sample_rate)
        speech = [
            [vad.is_speech(pcm[at : at + size], sample_rate) for at in range(0, len(pcm), size)]
            for vad, pcm in zip(vads, map(_pcm, samples), strict=True)
        ]
        return np.array(speech, np.float32), vads


def _pcm(samples: Samples) -> bytes:
    """16-bit samples; what was made of such is what it was."""
    return np.clip(np.rint(samples * 32_768), -32_768, 32_767).astype(np.int16).tobytes()


@workbench.hookimpl
def register_engines(register: workbench.Register) -> None:
    register(WebRtcVad)
