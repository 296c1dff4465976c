"""What is made of a job's file so far, as events and as captions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from workbench import events
from workbench.captions import Captions
from workbench.engines import StageKind
from workbench.jobs.segments import ItemResult
from workbench.kept import Item
from workbench.subtitles import Caption


def captions(results: Iterable[ItemResult]) -> list[Caption]:
    """In the order of the timeline. Lines that are said again over silence are still among them."""
    return Captions.of(told(results)).found


def told(results: Iterable[ItemResult]) -> Iterator[events.Event]:
    """As when it was made, but in the order of the timeline, each transcript before its translation."""
    stored = {result.item: result for result in results}
    for result in sorted(stored.values(), key=lambda result: result.item.start):
        for transcript in result.transcripts:
            yield events.Transcript(transcript=transcript)
            text = Item(kind=StageKind.TRANSLATION, start=transcript.start, end=transcript.end, text=transcript.text)
            for translation in stored[text].translations if text in stored else ():
                yield events.Translation(transcript=transcript, translation=translation)
