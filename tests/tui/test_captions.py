from __future__ import annotations

from typing import Any

from workbench import events
from workbench.tui.captions import Captions, Change
from workbench.types import Transcript


def said(segment_id: int, text: str, start: float = 0.0, *, final: bool = True, stable: str = "") -> Transcript:
    return Transcript(
        segment_id=segment_id, text=text, language="en", start=start, end=start + 1, stable=stable, is_final=final
    )


def heard(*args: Any, **kwargs: Any) -> events.Transcript:
    return events.Transcript(transcript=said(*args, **kwargs))


def translated(transcript: Transcript, text: str, *, final: bool = True) -> events.Translation:
    from dataclasses import replace

    return events.Translation(
        transcript=transcript, translation=replace(transcript.translated(text, "zh"), is_final=final)
    )


def shown(captions: Captions) -> list[str]:
    return [("" if caption.is_final else "~") + caption.text for caption in captions.items]


def test_interim_text_gives_way_to_newer_and_to_final_text() -> None:
    captions = Captions()
    assert captions.take(heard(0, "so the", final=False, stable="so")) == Change(0, 0, 1)
    assert captions.items[0].stable == 2
    captions.take(heard(0, "so the check", final=False))
    assert shown(captions) == ["~so the check"]
    assert captions.take(heard(0, "So the check.")) == Change(0, 1, 1)
    assert shown(captions) == ["So the check."]


def test_the_final_texts_of_one_segment_follow_each_other_before_the_next_segment() -> None:
    captions = Captions()
    captions.take(heard(4, "one two", 4.0, final=False))
    captions.take(heard(5, "thr", 7.0, final=False))
    captions.take(heard(4, "One.", 4.0))
    captions.take(heard(4, "Two.", 5.0))
    assert shown(captions) == ["One.", "Two.", "~thr"]


def test_interim_text_that_comes_after_the_final_one_is_dropped() -> None:
    captions = Captions()
    captions.take(heard(1, "Done."))
    assert captions.take(heard(1, "do", final=False)) is None
    assert shown(captions) == ["Done."]


def test_an_empty_final_text_takes_the_interim_one_away() -> None:
    captions = Captions()
    assert captions.take(heard(0, "   ")) is None
    captions.take(heard(0, "thank you", final=False))
    assert captions.take(heard(0, "")) == Change(0, 1, 0)
    assert captions.items == []


def test_control_characters_do_not_reach_the_terminal() -> None:
    captions = Captions()
    captions.take(heard(0, "a\x1b[31mb\nc"))
    assert captions.items[0].text == "a\ufffd[31mb c"


def test_a_translation_stands_with_its_source_and_may_come_in_parts() -> None:
    captions = Captions()
    first, second = said(0, "One.", 0.0), said(0, "Two.", 1.0)
    for transcript in (first, second):
        captions.take(events.Transcript(transcript=transcript), "zh")
    assert all(caption.awaits_translation for caption in captions.items)
    captions.take(translated(first, "一。"))
    captions.take(translated(second, "二"))
    captions.take(translated(second, "。"))
    assert [caption.translation for caption in captions.items] == ["一。", "二。"]


def test_an_interim_translation_stays_until_the_final_one() -> None:
    captions = Captions()
    interim, final = said(0, "so the", final=False), said(0, "So the check.")
    captions.take(events.Transcript(transcript=interim), "zh")
    captions.take(translated(interim, "因此", final=False))
    captions.take(events.Transcript(transcript=final), "zh")
    assert (captions.items[0].translation, captions.items[0].is_translated) == ("因此", False)
    captions.take(translated(final, "所以检查。"))
    assert captions.take(translated(interim, "因此", final=False)) is None
    assert (captions.items[0].translation, captions.items[0].is_translated) == ("所以检查。", True)


def test_a_translation_that_failed_is_not_waited_for() -> None:
    captions = Captions()
    transcripts = [said(number, f"{number}.", float(number)) for number in range(4)]
    for transcript in transcripts:
        captions.take(events.Transcript(transcript=transcript), "zh-CN")
    assert captions.take(translated(transcripts[2], "二。")) == Change(0, 3, 3)
    assert [caption.awaits_translation for caption in captions.items] == [False, False, True, True]
    assert captions.take(events.Done(duration=4.0)) == Change(3, 1, 1)


def test_what_is_said_in_the_target_language_awaits_no_translation() -> None:
    captions = Captions()
    captions.take(heard(0, "Yes."), "en-GB")
    assert not captions.items[0].awaits_translation


def test_what_is_worked_on_again_is_dropped() -> None:
    captions = Captions()
    for number in range(4):
        captions.take(heard(number, str(number), float(number)))
    assert captions.take(events.Resumed(position=2.0)) == Change(2, 2, 0)
    assert captions.take(events.Resumed(position=2.0)) is None
    assert shown(captions) == ["0", "1"]
