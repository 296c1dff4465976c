"""Transcripts that say again what was said before, where nobody speaks: what recognizers make of silence."""

from __future__ import annotations

import math

import numpy as np

from workbench.subtitles.repeats import MOST_IN_A_TEXT, same_words, times_looped
from workbench.types import Samples, Transcript, Window

_SILENT_DB = -55.0
"""Decibels below full scale: no speech that was recorded to be heard is that soft."""
_FAR_BELOW_DB = 30.0
"""Below the loudest speech so far: the room, not somebody in it."""
_BLOCK_S = 0.03
_LOUD_SHARE = 0.9
"""Of the blocks that are softer than what counts as the loudness: a click is no speech."""


class RepeatFilter:
    """Remembers what one stream has said. Used from one thread."""

    def __init__(self) -> None:
        self._before = ""
        self._loudest_db = -math.inf

    def drops(self, window: Window, transcript: Transcript) -> bool:
        """Whether `transcript`, the next of `window`, says again what the one before said, or loops, over silence."""
        words = same_words(transcript.text)
        is_repeated = words == self._before or times_looped(transcript.text) > MOST_IN_A_TEXT
        level = loudness_db(_heard(window, transcript.start, transcript.end), window.sample_rate)
        if is_repeated and words and level < max(_SILENT_DB, self._loudest_db - _FAR_BELOW_DB):
            return True
        self._before = words
        self._loudest_db = max(self._loudest_db, level)
        return False


def loudness_db(samples: Samples, sample_rate: int) -> float:
    """Of the louder parts of `samples`, in decibels below full scale; -inf for silence."""
    size = max(1, round(_BLOCK_S * sample_rate))
    count = len(samples) // size
    if not count:
        return -math.inf
    powers = np.square(samples[: count * size], dtype=np.float64).reshape(count, size).mean(axis=1)
    loud = float(np.quantile(powers, _LOUD_SHARE))
    return 10 * math.log10(loud) if loud > 0 else -math.inf


def _heard(window: Window, start: float, end: float) -> Samples:
    """The audio of `window` between two times on the timeline."""
    parts = []
    for segment in window.segments:
        audio = segment.audio
        first, last = (round((time - audio.start) * audio.sample_rate) for time in (start, end))
        parts.append(audio.samples[max(0, first) : max(0, last)])
    return np.concatenate(parts)
