"""Options in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

import workbench
from workbench.profiles.option_words import default_of, description_of, type_of


class Options(workbench.Options):
    size: int = Field(default=5, ge=1, le=9)
    """How many
    there are."""
    share: Annotated[float, Field(gt=0)] = 0.5
    threads: int | Literal["auto"] = "auto"
    folder: Path | None = None
    cores: tuple[int, ...] = (0, 1)
    names: Mapping[str, str] = {}
    words: bool = True
    model: str


@pytest.mark.parametrize(
    ("name", "words", "default"),
    [
        ("size", "whole number, at least 1 and at most 9", 5),
        ("share", "number, more than 0", 0.5),
        ("threads", 'whole number or "auto"', "auto"),
        ("folder", "path", None),
        ("cores", "list", [0, 1]),
        ("names", "table", {}),
        ("words", "true or false", True),
        ("model", "text", None),
    ],
)
def test_types_and_defaults_need_no_knowledge_of_python(name: str, words: str, default: Any) -> None:
    field = Options.model_fields[name]
    assert type_of(field) == words
    assert default_of(field) == default


def test_a_description_is_one_line() -> None:
    assert description_of(Options.model_fields["size"]) == "How many there are."
    assert description_of(Options.model_fields["model"]) == ""
