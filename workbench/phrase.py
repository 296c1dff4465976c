"""Text for people that can still be said in another language."""

from __future__ import annotations

from typing import Any, Self


class Phrase(str):
    """`template` with its `{gaps}` filled in, which are told again where it is translated."""

    __slots__ = ("template", "values")
    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, **values: Any) -> Self:
        phrase = super().__new__(cls, template.format(**values))
        phrase.template, phrase.values = template, values
        return phrase


def counted(number: int, noun: str) -> str:
    """`1 cue`, `2 cues`: with a noun that takes an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
