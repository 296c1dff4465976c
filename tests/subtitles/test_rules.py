from __future__ import annotations

import pytest

from workbench.errors import UsageError
from workbench.subtitles import CueRules, Violation, violations
from workbench.types import Cue


def test_the_general_rules_are_42_characters_in_two_lines() -> None:
    rules = CueRules.for_language("en")
    assert (rules.max_line_chars, rules.max_lines) == (42, 2)
    assert rules == CueRules.for_language(None)


@pytest.mark.parametrize("language", ["zh", "zh-Hant-TW", "ja", "ko-KR", "ja_JP", "ZH", "yue"])
def test_chinese_japanese_and_korean_have_16_full_width_characters(language: str) -> None:
    rules = CueRules.for_language(language)
    assert rules.max_line_chars == 16
    assert rules.measure("字" * 16) == 16
    assert rules.measure("a" * 16) == 8


def test_wide_characters_count_twice_where_narrow_ones_are_usual() -> None:
    assert CueRules().measure("字a") == 3


@pytest.mark.parametrize(
    ("text", "width"), [("e\u0301", 1), ("\u200fא\u05b8", 1), ("ก\u0e34\u0e48", 1), ("a\u200db", 2)]
)
def test_marks_that_take_no_room_count_nothing(text: str, width: float) -> None:
    assert CueRules().measure(text) == width


def test_decomposed_korean_is_as_wide_as_composed() -> None:
    rules = CueRules.for_language("ko")
    assert rules.measure("\u1112\u1161\u11ab") == rules.measure("한") == 1


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


@pytest.mark.parametrize(
    "wrong",
    [{"max_lines": 0}, {"max_cps": -1}, {"min_gap_s": -0.1}, {"max_line_chars": 1}, {"min_duration_s": 8.0}],
)
def test_rules_that_nothing_can_keep_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        CueRules(**wrong)  # type: ignore[arg-type]
