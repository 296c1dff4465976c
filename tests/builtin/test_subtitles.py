from __future__ import annotations

import pytest
from pydantic import ValidationError

from workbench.builtin.subtitles import SubtitleExporter
from workbench.engines import StageKind
from workbench.plugins import load
from workbench.subtitles import CueRules, read
from workbench.types import Cue


def exporter(**options: object) -> SubtitleExporter:
    return SubtitleExporter(SubtitleExporter.Options.model_validate(options))


def test_the_workbench_has_it_without_a_plugin() -> None:
    assert load(builtin_only=True).find(StageKind.EXPORT, "subtitles") is SubtitleExporter


def test_rules_are_those_of_the_language_where_options_leave_them_open() -> None:
    assert exporter().rules_for("zh") == CueRules.for_language("zh")
    assert exporter().rules_for(None) == CueRules()


def test_options_go_before_the_language() -> None:
    rules = exporter(max_line_chars=20, min_gap_s=0.0).rules_for("ja")
    assert (rules.max_line_chars, rules.min_gap_s, rules.full_width) == (20, 0.0, True)


def test_a_style_is_a_set_of_options_that_others_go_before() -> None:
    assert exporter(style="netflix").rules_for("de") == CueRules.for_language("de", "netflix")
    assert exporter(style="cjk").rules_for("en").full_width
    assert exporter(style="netflix", max_cps=12.0).rules_for("de").max_cps == 12
    assert exporter(style="netflix", dash="").rules_for("de").dash == ""


@pytest.mark.parametrize("format", SubtitleExporter.formats)
def test_it_renders_every_format_it_names(format: str) -> None:
    assert [cue.text for cue in read(exporter().render([Cue(1, 2, "Hello.")], format), format)] == ["Hello."]


def test_the_order_of_two_languages_is_an_option() -> None:
    cues = [Cue(1, 2, "Hello.", "Hallo.")]
    assert b"Hello.\nHallo." in exporter().render(cues, "srt")
    assert b"Hallo.\nHello." in exporter(order="translation-first").render(cues, "srt")


@pytest.mark.parametrize("options", [{"max_lines": 0}, {"order": "both"}, {"max_line_char": 40}, {"style": "bbc"}])
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        exporter(**options)
