"""What was said so far, as events tell it: one caption for each transcript, in order, with its translation."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import attrgetter

from workbench import events, types
from workbench.subtitles.normal import one_line

_SEGMENT = attrgetter("segment_id")


@dataclass(frozen=True, slots=True)
class Caption:
    segment_id: int
    start: float
    end: float
    """Seconds on the timeline."""
    text: str
    """One line, printable."""
    stable: int
    """So many characters of the text will stay."""
    is_final: bool
    language: str
    translation: str = ""
    is_translated: bool = False
    """The translation is final."""
    awaits_translation: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """`removed` captions from `first` on gave way to `added` ones."""

    first: int
    removed: int
    added: int


class Captions:
    """Grows with the text alone. Interim captions of a segment give way to newer ones, and all of them to its first
    final one.
    """

    def __init__(self, items: Iterable[Caption] = ()) -> None:
        self.items = list(items)

    def take(self, event: events.Event, target_language: str | None = None) -> Change | None:
        """Take what an event tells; None where that changes no caption.

        `target_language` (BCP-47) is what transcripts of other languages will be translated into.
        """
        match event:
            case events.Transcript(transcript=transcript):
                return self._take_transcript(transcript, target_language)
            case events.Translation(transcript=transcript, translation=translation):
                return self._take_translation(transcript, translation)
            case events.Resumed(position=position):
                return self._drop_from(position)
            case events.Done():
                return self._await_nothing(len(self.items))
        return None

    def find(self, wanted: re.Pattern[str], at: int, step: int) -> tuple[int, int, int] | None:
        """The caption that holds what is wanted: 1: the next after `at`, -1: the one before it, 0: there or before.

        Beyond one end the search goes on at the other. Gives its index, its number among those found, and their count.
        """
        found = [i for i, c in enumerate(self.items) if wanted.search(c.text) or wanted.search(c.translation)]
        if not found:
            return None
        if step > 0:
            target = next((index for index in found if index > at), found[0])
        else:
            target = next((index for index in reversed(found) if index <= at + step), found[-1])
        return target, found.index(target) + 1, len(found)

    def _take_transcript(self, transcript: types.Transcript, target_language: str | None) -> Change | None:
        first, last = self._of_segment(transcript.segment_id)
        interims = [index for index in range(first, last) if not self.items[index].is_final]
        if transcript.is_final:
            place = interims[0] if interims else last
        elif first < last and not interims:
            return None  # an interim one that comes after the final one is out of date
        else:
            place = next((index for index in interims if self.items[index].end > transcript.start), last)
        removed = self.items[place:last]
        added = _caption(transcript, removed[0] if removed else None, target_language)
        if not added and not removed:
            return None
        self.items[place:last] = added
        return Change(place, len(removed), len(added))

    def _take_translation(self, transcript: types.Transcript, translation: types.Translation) -> Change | None:
        """A translation may come in parts."""
        first, last = self._of_segment(transcript.segment_id)
        alike = (index for index in range(first, last) if self.items[index].start == transcript.start)
        place = next(alike, last - 1)
        if place < first or (self.items[place].is_final and not translation.is_final):
            return None
        before, text = self.items[place], one_line(translation.text)
        if before.is_translated:
            text = one_line(f"{before.translation}\n{text}")
        self.items[place] = replace(
            before, translation=text, is_translated=translation.is_final, awaits_translation=bool(text)
        )
        if translation.is_final and (earlier := self._await_nothing(place)):
            return Change(earlier.first, place + 1 - earlier.first, place + 1 - earlier.first)
        return Change(place, 1, 1)

    def _await_nothing(self, before: int) -> Change | None:
        """Translations come in order: those that still miss before one that came have failed."""
        first = before
        while first and self.items[first - 1].awaits_translation and not self.items[first - 1].is_translated:
            first -= 1
            self.items[first] = replace(self.items[first], awaits_translation=False)
        return Change(first, before - first, before - first) if first < before else None

    def _drop_from(self, position: float) -> Change | None:
        first = next((index for index, caption in enumerate(self.items) if caption.start >= position), len(self.items))
        removed = len(self.items) - first
        del self.items[first:]
        return Change(first, removed, 0) if removed else None

    def _of_segment(self, segment_id: int) -> tuple[int, int]:
        return (
            bisect_left(self.items, segment_id, key=_SEGMENT),
            bisect_right(self.items, segment_id, key=_SEGMENT),
        )


def _caption(transcript: types.Transcript, before: Caption | None, target_language: str | None) -> list[Caption]:
    text = one_line(transcript.text)
    if not text:
        return []
    stable = len(text) if transcript.is_final else len(one_line(transcript.stable))
    caption = Caption(
        segment_id=transcript.segment_id,
        start=transcript.start,
        end=transcript.end,
        text=text,
        stable=min(stable, len(text)),
        is_final=transcript.is_final,
        language=transcript.language,
        translation=before.translation if before else "",
        awaits_translation=target_language is not None and _base(transcript.language) != _base(target_language),
    )
    return [caption]


def _base(language: str) -> str:
    return language.partition("-")[0].lower()
