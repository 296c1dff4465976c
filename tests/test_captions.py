from __future__ import annotations

from workbench import events
from workbench.captions import Captions
from workbench.types import Transcript


def said(segment_id: int, text: str, start: float = 0.0, *, is_final: bool = True) -> Transcript:
    return Transcript(segment_id=segment_id, text=text, language="en", start=start, end=start + 1.0, is_final=is_final)


def told(transcript: Transcript) -> events.Transcript:
    return events.Transcript(transcript=transcript)


def translated(transcript: Transcript, text: str) -> events.Translation:
    return events.Translation(transcript=transcript, translation=transcript.translated(text, "de"))


def texts(captions: Captions) -> list[tuple[str, str | None]]:
    return [(c.transcript.text, c.translation.text if c.translation else None) for c in captions.found]


def test_final_texts_are_kept_in_their_order_with_their_translations() -> None:
    one, two, interim = said(0, "one"), said(1, "two", 2.0), said(1, "tw", 2.0, is_final=False)
    stream: list[events.Event] = [
        told(one),
        told(interim),
        translated(interim, "zw"),
        told(two),
        translated(one, "eins"),
    ]
    assert texts(Captions.of([events.Ready(), *stream])) == [("one", "eins"), ("two", None)]


def test_a_translation_in_parts_is_joined() -> None:
    one = said(0, "one")
    assert texts(Captions.of([told(one), translated(one, "ei"), translated(one, "ns")])) == [("one", "ei ns")]


def test_a_translation_without_its_transcript_brings_it() -> None:
    assert texts(Captions.of([translated(said(0, "one"), "eins")])) == [("one", "eins")]


def test_what_is_worked_on_again_is_void_segment_by_segment() -> None:
    stream: list[events.Event] = [
        events.SpeechStarted(segment_id=0, start=1.0),
        told(said(0, "whole", 1.2)),
        told(said(0, "segment", 4.0)),
        events.SpeechStarted(segment_id=1, start=5.0),
        told(said(1, "half a", 5.3)),
    ]
    captions = Captions.of([*stream, events.Resumed(position=5.0000312)])
    assert texts(captions) == [("whole", None), ("segment", None)]
    captions.add(told(said(2, "half a segment", 5.3)))
    captions.add(translated(said(2, "half a segment", 5.3), "ein halbes"))
    assert texts(captions)[-1] == ("half a segment", "ein halbes")


def test_a_caption_goes_with_the_start_of_its_segment() -> None:
    """Its own time may lie anywhere in it, even at the very end."""
    late = told(said(0, "the last word", 5.0))
    captions = Captions.of([events.SpeechStarted(segment_id=0, start=1.0), late, events.Resumed(position=5.0)])
    assert texts(captions) == [("the last word", None)]
