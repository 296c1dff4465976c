"""`POST /v1/audio/speech`, with OpenAI's fields: text in, audio out as it is made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Final, Literal, cast

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from workbench.audio.encoding import FORMATS, Encoder
from workbench.engines import StageKind, Synthesizer
from workbench.server import service
from workbench.server.connected import Streamed
from workbench.server.problems import Problem
from workbench.threads import to_thread
from workbench.types import Transcript

router = APIRouter()
OTHER_VOICES: Final = frozenset(
    ("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse")
)
"""OpenAI's: they stand for the default voice."""


class Voice(BaseModel):
    id: str


class Fields(BaseModel):
    """What else is sent is ignored."""

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)

    input: str = Field(min_length=1)
    """What is said."""
    model: str = ""
    """One of `/v1/models`, or a name of OpenAI's for whatever there is."""
    voice: str | Voice = ""
    """One of the engine's, or a name of OpenAI's for its default."""
    language: str | None = None
    """BCP-47, of the text, where a default voice is to be chosen."""
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    """24 kHz mono; pcm is 16-bit little-endian, without a header."""
    speed: float = Field(1.0, ge=0.25, le=4.0)
    """2 speaks in half the time, at the same pitch."""
    stream_format: Literal["audio"] = "audio"


@router.post(
    "/v1/audio/speech",
    summary="The speech of a text",
    response_class=Response,
    responses={200: {"content": {media_type: {} for media_type in FORMATS.values()}}},
)
async def speech(request: Request, fields: Fields) -> Response:
    shared = service.of(request)
    if len(fields.input) > shared.limits.input_chars:
        raise Problem(400, f"the text is longer than {shared.limits.input_chars} characters", param="input")
    service.check_model(shared, StageKind.TTS, fields.model)
    voice = fields.voice if isinstance(fields.voice, str) else fields.voice.id
    settings = replace(
        shared.engines.settings,
        target_language=None,
        language=fields.language,
        voice=None if voice in OTHER_VOICES or not voice else voice,
    )
    pool = await shared.engines.synthesis(settings)
    voices = cast(Synthesizer, pool.engine).voices
    language = fields.language or voices.get(settings.voice or "") or next(iter(voices.values()), "en")
    item = Transcript(segment_id=0, text=fields.input, language=language, start=0.0, end=len(fields.input) / 15)

    async def spoken() -> AsyncIterator[bytes]:
        async with pool.open(settings) as stage:
            encoder, is_silent = Encoder(fields.response_format, fields.speed), True
            async with aclosing(stage.results(item)) as results:
                async for one in results:
                    is_silent = False
                    shared.activity.add_audio("speech", one.audio.duration)
                    if data := await to_thread(encoder.add, one.audio):
                        yield data
            if is_silent:
                raise Problem(400, "there is no word in the text", param="input")
            yield await to_thread(encoder.end)

    return Streamed(spoken, FORMATS[fields.response_format], ended=_nothing)


async def _nothing() -> None:
    """There is nothing to end."""
