"""Options of engines in words that need no knowledge of Python: the command line and the interface show the same."""

from __future__ import annotations

import json
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_WORDS: Final = {
    "bool": "true or false",
    "int": "whole number",
    "float": "number",
    "str": "text",
    "Path": "path",
    "tuple": "list",
    "list": "list",
    "dict": "table",
    "Mapping": "table",
}
_BOUNDS: Final = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def type_of(field: FieldInfo) -> str:
    """As "whole number, at least 1"."""
    bounds = [f"{_BOUNDS[k]} {getattr(m, k):g}" for m in field.metadata for k in _BOUNDS if hasattr(m, k)]
    return ", ".join([_in_words(field.annotation), " and ".join(bounds)]).removesuffix(", ")


def default_of(field: FieldInfo) -> Any:
    """As a plain JSON value. None: not set."""
    from pydantic_core import to_jsonable_python

    default = None if field.is_required() else field.get_default(call_default_factory=True)
    return to_jsonable_python(default, fallback=str)


def description_of(field: FieldInfo) -> str:
    """The docstring, in one line."""
    return " ".join((field.description or "").split())


def _in_words(annotation: Any) -> str:
    """A type as users know it. None is left out: it is the option that is not set."""
    origin, members = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _in_words(members[0])
    if origin is Literal:
        return " or ".join(map(json.dumps, members))
    if origin in (Union, UnionType):
        return " or ".join(_in_words(member) for member in members if member is not NoneType)
    name = getattr(origin or annotation, "__name__", str(annotation))
    return _WORDS.get(name, name)
