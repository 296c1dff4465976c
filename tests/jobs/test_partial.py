"""Captions of what is stored of a job."""

from __future__ import annotations

from dataclasses import replace

from tests.jobs.jobs import result
from workbench.engines import StageKind
from workbench.jobs.partial import captions
from workbench.jobs.segments import ItemResult
from workbench.kept import Item
from workbench.types import Translation


def translated(index: int, text: str) -> ItemResult:
    """Of the transcript of window `index`."""
    [said] = result(index).transcripts
    item = Item(kind=StageKind.TRANSLATION, start=said.start, end=said.end, text=said.text)
    found = Translation(segment_id=index, text=text, language="en", start=said.start, end=said.end)
    return ItemResult(item=item, translations=(found,))


def test_captions_are_in_the_order_of_the_timeline_each_with_its_translation() -> None:
    found = captions([result(4), translated(4, "later"), result(0), result(2), translated(0, "first")])
    assert [caption.transcript.start for caption in found] == [0.0, 120.0, 240.0]
    assert [caption.translation.text if caption.translation else None for caption in found] == ["first", None, "later"]


def test_of_a_window_that_was_done_twice_the_last_result_counts() -> None:
    again = replace(result(0), transcripts=(replace(result(0).transcripts[0], text="Nochmal."),))
    assert [caption.transcript.text for caption in captions([result(0), again])] == ["Nochmal."]


def test_of_nothing_there_are_none() -> None:
    assert captions([]) == []
