"""Language codes of containers."""

from __future__ import annotations

import pytest

from workbench.languages import bcp47, is_language, iso639_2


@pytest.mark.parametrize(
    ("code", "tag"),
    [
        ("eng", "en"),
        ("ger", "de"),
        ("deu", "de"),
        ("chi", "zh"),
        ("ENG", "en"),
        ("por-BR", "pt-BR"),
        ("pt_BR", "pt-BR"),
        ("fr", "fr"),
        ("gsw", "gsw"),
        ("und", None),
        ("", None),
        (None, None),
    ],
)
def test_three_letters_become_two_where_there_are_two(code: str | None, tag: str | None) -> None:
    assert bcp47(code) == tag


@pytest.mark.parametrize(
    ("tag", "code", "bibliographic"),
    [
        ("de", "deu", "ger"),
        ("de-AT", "deu", "ger"),
        ("en", "eng", "eng"),
        ("gsw", "gsw", "gsw"),
        ("zh_TW", "zho", "chi"),
    ],
)
def test_containers_get_three_letters(tag: str, code: str, bibliographic: str) -> None:
    assert (iso639_2(tag), iso639_2(tag, bibliographic=True)) == (code, bibliographic)
    assert (iso639_2(None), iso639_2("")) == ("und", "und")


@pytest.mark.parametrize(
    ("tag", "is_one"), [("de", True), ("pt-BR", True), ("ger", True), ("forced", False), ("", False)]
)
def test_languages_are_told_from_other_words(tag: str, is_one: bool) -> None:
    assert is_language(tag) is is_one
