"""Says what is wrong with a value in words that need no knowledge of Python or pydantic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from workbench.errors import did_you_mean

_EXPECTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "set": "a list",
    "dict": "a table",
    "model": "a table",
    "dataclass": "a table",
    "path": "a path",
    "none": "left out",
}
"""What is expected, by the first word of pydantic's error type."""
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
    "multiple_of": ("a multiple of", "multiple_of"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    path: tuple[str | int, ...]
    text: str

    @property
    def key(self) -> str:
        return ".".join(map(str, self.path))


def explain(
    error: ValidationError, data: Mapping[str, Any], known: Mapping[tuple[str, ...], Sequence[str]]
) -> list[Problem]:
    """One problem for each wrong key of `data`. `known` has the names that are allowed in each table."""
    expected: dict[tuple[str | int, ...], list[str]] = {}
    problems = []
    for details in error.errors(include_url=False):
        path = _path_in(data, details)
        if details["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            names = known.get(tuple(map(str, path[:-1])), ())
            where = f" (settings of the engine belong in [{path[0]}.options])" if "options" in names else ""
            problems.append(Problem(path, "unknown key" + (did_you_mean(str(path[-1]), names) or where)))
        elif details["type"].startswith("missing"):
            problems.append(Problem(path, "is missing"))
        else:
            expected.setdefault(path, []).append(_expectation(details))
    for path, texts in expected.items():
        problems.append(Problem(path, _wrong(" or ".join(dict.fromkeys(texts)), _value(data, path))))
    return problems


def _path_in(data: Mapping[str, Any], details: ErrorDetails) -> tuple[str | int, ...]:
    """The part of the location that is in `data`, and the missing key after it.

    Of a union pydantic names the member as well, which is no key of the user's.
    """
    path: list[str | int] = []
    value: Any = data
    for step in details["loc"]:
        missing = details["type"].startswith("missing") and step == details["loc"][-1]
        if not missing and not _has(value, step):
            break
        path.append(step)
        value = None if missing else value[step]
    return tuple(path)


def _has(value: Any, step: str | int) -> bool:
    if isinstance(value, Mapping):
        return step in value
    return isinstance(value, Sequence) and isinstance(step, int) and not isinstance(value, str) and step < len(value)


def _value(data: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        data = data[step]
    return data


def _expectation(details: ErrorDetails) -> str:
    """What the value must be; a text that begins with a colon when it is a whole sentence of its own."""
    kind, context = details["type"], details.get("ctx", {})
    if kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        bound = context[key]
        return f"{word} {bound:g}" if isinstance(bound, float) else f"{word} {bound}"
    if kind == "string_too_short":
        return ":must not be empty"
    if "expected" in context:
        return str(context["expected"])
    word = kind.split("_")[0]
    if word in _EXPECTED:
        return _EXPECTED[word]
    return ":" + details["msg"].removeprefix("Value error, ")


def _wrong(expected: str, value: Any) -> str:
    if expected.startswith(":"):
        return expected[1:]
    text = f"must be {expected}, not {_shown(value)}"
    if isinstance(value, str):
        text += did_you_mean(value, expected.replace(" or ", ", ").replace("'", "").split(", "))
    return text


def _shown(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Mapping():
            return "a table"
        case list() | tuple():
            return "a list"
        case str():
            return f"the text {value[:40]!r}"
        case _:
            return str(value)[:40]
