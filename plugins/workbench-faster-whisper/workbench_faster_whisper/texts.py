"""From what Whisper gives for a window to transcripts. Pure; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import workbench

if TYPE_CHECKING:
    from faster_whisper.transcribe import Segment

_SENTENCE_ENDS: Final = (".", "!", "?", "。", "！", "？", "…")
_SENTENCE_GAP_S: Final = 0.2
"""Silence after a full stop from which on it ends a sentence: there is none after an abbreviation."""
_SKIPPED_S: Final = 2.0
_SKIPPED_CPS: Final = 2.5
"""A segment of at least so many seconds with fewer characters a second than this was skipped."""


def said(item: workbench.Window, segment: Segment, language: str) -> Iterator[workbench.Transcript]:
    """What `segment` of a window says, in `language` (BCP-47)."""
    words = [workbench.Word(float(w.start), float(w.end), w.word, float(w.probability)) for w in segment.words or ()]
    if words:
        yield from _transcripts(item, words, language)
    elif text := segment.text.strip():
        yield item.transcript(text, language=language, start=segment.start, end=segment.end)


def _transcripts(
    item: workbench.Window, words: Sequence[workbench.Word], language: str
) -> Iterator[workbench.Transcript]:
    """One for each sentence of a segment."""
    for group in _sentences(item, words):
        if text := "".join(word.text for word in group).strip():
            yield item.transcript(text, language=language, start=group[0].start, end=group[-1].end, words=group)


def skipped(item: workbench.Window, found: Sequence[workbench.Transcript]) -> list[workbench.SpeechSegment]:
    """The segments of `item` for which there is hardly any text.

    Of segments joined to a window Whisper at times passes over one, and stretches the words beside it over the hole.
    """
    return [
        segment
        for segment in item.segments
        if segment.audio.duration >= _SKIPPED_S
        and length(of_segment(segment, found)) < _SKIPPED_CPS * segment.audio.duration
    ]


def of_segment(segment: workbench.SpeechSegment, found: Iterable[workbench.Transcript]) -> list[workbench.Transcript]:
    """Those of `found` that belong to it."""
    return [transcript for transcript in found if transcript.segment_id == segment.id]


def length(transcripts: Iterable[workbench.Transcript]) -> int:
    """Characters of text."""
    return sum(len(transcript.text) for transcript in transcripts)


def _sentences(item: workbench.Window, words: Iterable[workbench.Word]) -> Iterator[list[workbench.Word]]:
    group: list[workbench.Word] = []
    for word in words:
        if group and (_segment(item, group[-1]) != _segment(item, word) or _is_between_sentences(group[-1], word)):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _segment(item: workbench.Window, word: workbench.Word) -> int:
    return item.locate((word.start + word.end) / 2)[0].id


def _is_between_sentences(before: workbench.Word, after: workbench.Word) -> bool:
    return before.text.endswith(_SENTENCE_ENDS) and after.start - before.end >= _SENTENCE_GAP_S
