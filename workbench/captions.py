"""Collects what a stream tells as captions, while it runs or from its journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, Self

from workbench import events
from workbench.subtitles import Caption
from workbench.types import Transcript, Translation

_SAME_S: Final = 0.001
"""Positions come from samples, starts of segments from frames: those that mean the same differ by less than this."""


class Captions:
    """Final transcripts with their translations, in the order they were told. `add` takes any event."""

    def __init__(self) -> None:
        self.found: list[Caption] = []
        self._places: dict[Transcript, int] = {}
        self._starts: dict[int, float] = {}  # of segments, seconds on the timeline

    @classmethod
    def of(cls, told: Iterable[events.Event]) -> Self:
        captions = cls()
        for event in told:
            captions.add(event)
        return captions

    def add(self, event: events.Event) -> None:
        match event:
            case events.SpeechStarted(segment_id=segment_id, start=start):
                self._starts[segment_id] = start
            case events.Transcript(transcript=transcript) if transcript.is_final:
                self._place(transcript)
            case events.Translation(transcript=transcript, translation=translation) if translation.is_final:
                self._translated(transcript, translation)
            case events.Resumed(position=position):
                self._keep_before(position)

    def _place(self, transcript: Transcript) -> int:
        self._starts.setdefault(transcript.segment_id, transcript.start)
        self._places[transcript] = len(self.found)
        self.found.append(Caption(transcript))
        return len(self.found) - 1

    def _translated(self, transcript: Transcript, translation: Translation) -> None:
        """A translation may come in parts, and without its transcript where a journal is damaged."""
        place = self._places.get(transcript)
        if place is None:
            place = self._place(transcript)
        if (before := self.found[place].translation) is not None:
            translation = replace(translation, text=f"{before.text} {translation.text}")
        self.found[place] = Caption(transcript, translation)

    def _keep_before(self, position: float) -> None:
        kept = [c for c in self.found if self._starts[c.transcript.segment_id] < position - _SAME_S]
        self.found = kept
        self._places = {caption.transcript: place for place, caption in enumerate(kept)}
