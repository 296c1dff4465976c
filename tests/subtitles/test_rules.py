from __future__ import annotations

import pytest

from workbench.errors import UsageError
from workbench.subtitles import STYLES, CueRules, Style


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
    "wrong",
    [
        {"max_lines": 0},
        {"max_cps": -1},
        {"min_gap_s": -0.1},
        {"small_gap_s": -1.0},
        {"max_line_chars": 1},
        {"min_duration_s": 8.0},
    ],
)
def test_rules_that_nothing_can_keep_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        CueRules(**wrong)  # type: ignore[arg-type]


def test_netflix_has_its_own_limits_in_each_language() -> None:
    english, german = (CueRules.for_language(language, "netflix") for language in ("en", "de"))
    assert (english.max_line_chars, english.max_lines, english.max_cps, english.dash) == (42, 2, 20, "-")
    assert (english.min_duration_s, english.max_duration_s) == (0.833, 7)
    assert german.max_cps == 17
    japanese, chinese = (CueRules.for_language(language, "netflix") for language in ("ja", "zh-TW"))
    assert (japanese.max_line_chars, japanese.max_cps, japanese.full_width) == (13, 4, True)
    assert (chinese.max_line_chars, chinese.max_cps, chinese.full_width) == (16, 9, True)


@pytest.mark.parametrize("language", ["en", "zh", None])
def test_cjk_has_16_full_width_characters_in_any_language(language: str | None) -> None:
    rules = CueRules.for_language(language, "cjk")
    assert (rules.max_line_chars, rules.full_width, rules.measure("a" * 32)) == (16, True, 16)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("language", ["en", "de", "ru", "th", "hi", "ar", "zh", "ja", "ko", None])
def test_every_style_can_be_kept_in_every_language(style: Style, language: str | None) -> None:
    assert CueRules.for_language(language, style).max_lines == 2


def test_an_unknown_style_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError) as raised:
        CueRules.for_language("en", "bbc")  # type: ignore[arg-type]
    assert "netflix" in raised.value.hint
