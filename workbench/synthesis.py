"""What synthesizers have in common: a voice for a text, and a long text spoken piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np

from workbench.engines import Settings, same_language
from workbench.errors import UnsupportedLanguage, WorkbenchError
from workbench.sentences import plain, sentences
from workbench.types import AudioChunk, Samples, Speech, Transcript, Translation

QUIET: Final = 0.02
NOISE: Final = 0.005
"""What is below this part of a piece's peak, or of full scale, is silence."""
LEAD_S: Final = 0.08
PAUSE_S: Final = 0.3
"""Seconds before and after a piece: the most that stays, and what there always is."""


def voice_for(voices: Mapping[str, str], item: Translation | Transcript, settings: Settings) -> str:
    """The voice that speaks `item`: the stream's, or the first of its language. Raises `UnsupportedLanguage`."""
    language = settings.spoken_language or item.language
    if settings.voice is not None:
        found = settings.voice if settings.voice in voices else None
    else:
        found = next((name for name, spoken in voices.items() if same_language(spoken, language)), None)
    if found is None:
        raise UnsupportedLanguage(
            f"there is no voice {settings.voice or f'for {language!r}'}", hint=f"There are: {', '.join(voices)}."
        )
    return found


def speak(
    item: Translation | Transcript,
    synthesize: Callable[[str], Samples],
    *,
    sample_rate: int,
    max_chars: int,
) -> Iterator[Speech]:
    """Speak `item` a sentence at a time, so that its audio leaves as it is made.

    `synthesize` takes one line without markup, at most `max_chars` long, with a letter or digit in it, and gives its
    samples. Silence around them becomes a short pause. Raises `WorkbenchError` when nothing of a text can be said;
    text without a letter or digit gives nothing.
    """
    pieces = [piece for piece in sentences(plain(item.text), max_chars) if any(map(str.isalnum, piece))]
    start = item.start
    for piece in pieces:
        samples = _trimmed(synthesize(piece), sample_rate)
        if len(samples):
            audio = AudioChunk(samples, sample_rate, start)
            yield Speech(segment_id=item.segment_id, audio=audio)
            start = audio.end
    if pieces and start == item.start:
        raise WorkbenchError(
            f"no word of {item.text[:60]!r} can be spoken", hint="Choose a voice that reads this language."
        )


def _trimmed(samples: Samples, sample_rate: int) -> Samples:
    samples = np.clip(samples, -1.0, 1.0).astype(np.float32, copy=False)
    level = np.abs(samples)
    loud = np.flatnonzero(level > max(NOISE, QUIET * level.max(initial=0.0)))
    if not len(loud):
        return samples[:0]
    lead, pause = round(LEAD_S * sample_rate), round(PAUSE_S * sample_rate)
    kept = samples[max(0, loud[0] - lead) : loud[-1] + 1 + pause]
    return np.pad(kept, (0, max(0, loud[-1] + 1 + pause - len(samples))))
