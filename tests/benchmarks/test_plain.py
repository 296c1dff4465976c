from __future__ import annotations

import numpy as np

from benchmarks import plain
from benchmarks.overhead import segments
from workbench.types import AudioChunk, SpeechSegment, Window


def test_the_script_cuts_the_windows_of_the_pipeline() -> None:
    audio = np.random.default_rng(7).uniform(-1, 1, 5 * plain.RATE).astype(np.float32)
    times = [(0.252, 1.5), (1.6, 2.348), (3.0, 5.0)]
    window = Window(
        tuple(
            SpeechSegment(
                id=index,
                audio=AudioChunk(audio[round(start * plain.RATE) : round(end * plain.RATE)], plain.RATE, start),
            )
            for index, (start, end) in enumerate(times)
        ),
        pause_s=0.3,
    )
    cut = plain.join(audio, {"segments": segments(window), "pause_s": window.pause_s})
    assert np.array_equal(cut, window.samples)
