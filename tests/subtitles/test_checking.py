from __future__ import annotations

import pytest

from workbench.subtitles import CueRules, Violation, violations
from workbench.types import Cue


@pytest.mark.parametrize(
    ("cue", "rule", "value"),
    [
        (Cue(0, 5, "x" * 50), "max_line_chars", 50),
        (Cue(0, 5, "a\nb\nc"), "max_lines", 3),
        (Cue(0, 1, "x" * 41), "max_cps", 41),
        (Cue(0, 0.5, "a"), "min_duration_s", 0.5),
        (Cue(0, 9, "a"), "max_duration_s", 9),
        (Cue(0, 5, "fine", "y" * 50), "max_line_chars", 50),
    ],
)
def test_each_broken_limit_is_reported_with_its_value(cue: Cue, rule: str, value: float) -> None:
    limit = getattr(CueRules(), rule)
    assert violations([Cue(-9, -2, "before"), cue], CueRules()) == [Violation(1, rule, value, limit)]


def test_cues_too_close_or_overlapping_are_reported() -> None:
    cues = [Cue(0, 2, "a"), Cue(2.01, 4, "b"), Cue(3, 6, "c"), Cue(6.08, 8, "d")]
    found = violations(cues, CueRules())
    assert [(v.index, v.rule) for v in found] == [(0, "min_gap_s"), (1, "min_gap_s")]
    assert [v.value for v in found] == pytest.approx([0.01, -1])


def test_a_cue_without_duration_is_reported_not_divided_by() -> None:
    assert {v.rule for v in violations([Cue(1, 1, "text")], CueRules())} == {"max_cps", "min_duration_s"}


def test_a_translation_keeps_rules_of_its_own() -> None:
    cue = Cue(0, 4, "twenty characters it", "二十个字的一行当然放不下因为太长了")
    assert violations([cue], CueRules(), CueRules.for_language("zh"))[0].rule == "max_line_chars"
    assert not violations([cue], CueRules())


def test_a_word_broken_between_lines_is_reported() -> None:
    cue = Cue(0, 5, "x" * 42 + "\n" + "x" * 8)
    assert violations([cue], CueRules()) == [Violation(0, "broken_word", 50, 42)]


def test_full_lines_of_chinese_are_no_broken_words() -> None:
    assert not violations([Cue(0, 5, "字" * 16 + "\n" + "字" * 16)], CueRules.for_language("zh"))


@pytest.mark.parametrize(("gap", "is_reported"), [(0.08, False), (0.2, True), (0.49, True), (0.5, False), (2, False)])
def test_a_gap_that_flickers_is_reported(gap: float, is_reported: bool) -> None:
    found = violations([Cue(0, 2, "a"), Cue(2 + gap, 5, "b")], CueRules())
    assert [v.rule for v in found] == ["small_gap_s"] * is_reported
    assert violations([Cue(0, 2, "a"), Cue(2 + gap, 5, "b")], CueRules(small_gap_s=0)) == []


@pytest.mark.parametrize(
    ("text", "language", "count"),
    [
        ("He went to the\nhouse.", "en", 1),
        ("He went\nto the house.", "en", 0),
        ("Come in,\nplease.", "en", 0),
        ("He went to the", "en", 0),
        ("He went to the\nhouse.", None, 0),
        ("He went to the\nhouse.", "fi", 0),
        ("Er ging in das\nHaus.", "de-AT", 1),
        ("Il est dans la\nmaison.", "fr", 1),
    ],
)
def test_a_line_that_ends_with_a_small_word_is_reported(text: str, language: str | None, count: int) -> None:
    found = violations([Cue(0, 5, text)], CueRules(), language=language)
    assert found == [Violation(0, "line_end", 1, 0)] * count


def test_line_ends_of_a_translation_are_those_of_its_language() -> None:
    cue = Cue(0, 5, "die\nHard", "Er ging in das\nHaus.")
    found = violations([cue], CueRules(), language="en", translation_language="de")
    assert found == [Violation(0, "line_end", 1, 0)]


def test_cues_with_the_same_text_in_a_row_are_reported() -> None:
    said = ["Hello.", "Thank you.", "thank you", "Thank\nyou!", "Bye."]
    cues = [Cue(3 * i, 3 * i + 2, text) for i, text in enumerate(said)]
    assert violations(cues, CueRules()) == [Violation(i, "repeated", 3, 2) for i in (1, 2, 3)]
    assert violations([cues[0], *cues[2:]], CueRules()) == []


def test_a_text_that_loops_is_reported() -> None:
    cue = Cue(0, 5, "so it is good, it is good, it is good,\nit is good, it is good.")
    assert violations([cue], CueRules()) == [Violation(0, "repeated", 5, 4)]


def test_a_phrase_that_loops_through_cues_and_lines_is_reported() -> None:
    texts = ["其中的範疇與其中的\n範疇與其中的範疇與", "其中的範疇與其中的\n範疇與其中的", "我沒有說"]
    cues = [Cue(8 * i, 8 * i + 5, text) for i, text in enumerate(texts)]
    found = violations(cues, CueRules.for_language("zh"), language="zh")
    assert [(violation.index, violation.rule, violation.limit) for violation in found] == [(0, "repeated", 4)]
    said = ["no, no, no.", "No, I did not."]
    assert violations([Cue(3 * i, 3 * i + 2, text) for i, text in enumerate(said)], CueRules()) == []
