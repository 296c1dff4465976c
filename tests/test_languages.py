"""Language codes of containers."""

from __future__ import annotations

import pytest

from workbench.languages import bcp47


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
