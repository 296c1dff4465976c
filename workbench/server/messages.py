"""What clients of /v1/listen say: the URL's query, and JSON in text messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NoReturn, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from workbench.errors import UsageError
from workbench.server.problems import invalid

Language: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")]
STAGES: Final = {"vad": 1, "vad,asr": 2, "vad,asr,translation": 3}


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class Query(_Message):
    """Strings, as they stand in the URL."""

    model_config = ConfigDict(extra="forbid", strict=False)

    sample_rate: int = Field(16_000, ge=8_000, le=384_000)
    """Hertz."""
    encoding: Literal["pcm_s16le", "pcm_f32le"] = "pcm_s16le"
    """Mono."""
    stages: Literal["vad", "vad,asr", "vad,asr,translation"] = "vad,asr"
    language: Language | None = None
    translate: Language | None = None


class Flush(_Message):
    type: Literal["flush"]


class Stop(_Message):
    type: Literal["stop"]


class Configure(_Message):
    """What is left out stays as it is."""

    type: Literal["configure"]
    language: Language | None = None
    translate: Language | None = None
    prompt: Annotated[str, Field(max_length=2000)] | None = None
    hotwords: Annotated[str, Field(max_length=2000)] | None = None
    vad: dict[str, Any] = Field(default_factory=dict)


Message: TypeAlias = Flush | Stop | Configure
_ADAPTER: Final[TypeAdapter[Message]] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


class NotTaken(UsageError):
    """There is no such audio here."""

    code = "format"


class NotJson(Exception):
    """A text message that cannot be read at all."""


def parse_query(query: Mapping[str, str]) -> Query:
    """Raises `NotTaken` for audio that is not taken, `UsageError` for the rest."""
    try:
        return Query.model_validate(dict(query))
    except ValidationError as error:
        problem = invalid(error.errors())
        if problem.param in ("sample_rate", "encoding"):
            raise NotTaken(problem.message, hint="See docs/server.md.") from error
        raise UsageError(problem.message, hint="See docs/server.md.") from error


def parse(text: str) -> Message:
    """Raises `NotJson`, and `UsageError` for what means nothing."""
    try:
        data = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise NotJson("the message is no JSON") from error
    if not isinstance(data, dict):
        raise UsageError("the message is no object", hint='Such as: {"type": "flush"}')
    try:
        return _ADAPTER.validate_python(data)
    except ValidationError as error:
        raise UsageError(invalid(error.errors()).message[:500], hint="There are: configure, flush, stop.") from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
