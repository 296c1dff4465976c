"""`POST /v1/audio/transcriptions`, with OpenAI's fields."""

from __future__ import annotations

import asyncio
import json
import math
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workbench import events
from workbench.captions import Captions
from workbench.engines import Settings, StageKind
from workbench.errors import WorkbenchError
from workbench.node import Emit
from workbench.outputs import Targets
from workbench.server import service
from workbench.server.connected import Streamed, while_connected
from workbench.server.problems import problem_of
from workbench.server.service import Service
from workbench.server.uploads import Form, described, form, under_its_name, validated
from workbench.stages import Stages
from workbench.subtitles import Caption
from workbench.transcribe import Result, transcribe
from workbench.types import Transcript

router = APIRouter()
_WITHOUT_SPACES: Final = ("zh", "ja", "th", "lo", "km", "my", "yue")
_TYPES: Final = {"srt": "application/x-subrip", "vtt": "text/vtt", "text": "text/plain"}


class Fields(BaseModel):
    """What else is sent is ignored."""

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)

    model: str = ""
    """One of `/v1/models`, or a name of OpenAI's for whatever there is."""
    language: str | None = Field(None, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")
    """BCP-47, of what is spoken; without: detected."""
    prompt: str = ""
    """Text that shows names and style."""
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"
    temperature: float = Field(0.0, ge=0.0, le=1.0)
    """Has no effect."""
    timestamp_granularities: list[Literal["word", "segment"]] = ["segment"]
    """Of verbose_json."""
    stream: bool = False
    """Server-sent events, as text is there."""


@router.post(
    "/v1/audio/transcriptions",
    summary="The text of a recording",
    openapi_extra=described(Fields, ["timestamp_granularities"]),
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in ("application/json", "text/event-stream", *_TYPES.values())}}},
)
async def transcriptions(request: Request) -> Response:
    shared = service.of(request)
    async with AsyncExitStack() as stack:
        sent = await stack.enter_async_context(form(request, shared.uploads))
        fields = _fields(sent)
        work = _Work(shared, sent, fields)
        stages = await work.stages()
        if not fields.stream:
            return _answer(await while_connected(request.receive, work.run(stages, _ignore)), fields)
        ended = stack.pop_all().aclose  # the file is needed until the last event is sent
        return Streamed(lambda: work.events(stages), "text/event-stream", ended=ended)


def _fields(sent: Form) -> Fields:
    """Raises `Problem`."""
    granularities = [
        value for name, values in sent.fields.items() if name.startswith("timestamp_g") for value in values
    ]
    return validated(sent, Fields, **({"timestamp_granularities": granularities} if granularities else {}))


class _Work:
    """One recording, from its upload to its text."""

    def __init__(self, shared: Service, sent: Form, fields: Fields) -> None:
        assert sent.path is not None
        service.check_model(shared, StageKind.ASR, fields.model)
        self._shared, self._sent, self._path, self._fields = shared, sent, sent.path, fields
        own = shared.engines.settings
        self._settings = replace(own, language=fields.language or own.language, prompt=fields.prompt or own.prompt)

    async def stages(self) -> Stages:
        return await self._shared.engines.recognition(_untranslated(self._settings), translate=False)

    async def run(self, stages: Stages, emit: Emit) -> Result:
        """Raises `WorkbenchError`, with the client's name of the file."""
        session = self._shared.files
        format = {"srt": "srt", "vtt": "vtt"}.get(self._fields.response_format)
        targets = Targets(self._path, ((format, None),) if format else ())
        with under_its_name(self._sent):
            result = await transcribe(session, stages, targets, _untranslated(self._settings), emit)
        self._shared.activity.add_audio("files", result.duration)
        return result

    async def events(self, stages: Stages) -> AsyncIterator[bytes]:
        """Server-sent events."""
        told: asyncio.Queue[events.Event | None] = asyncio.Queue()
        work = asyncio.create_task(self.run(stages, told.put_nowait))
        work.add_done_callback(lambda _: told.put_nowait(None))
        heard = Captions()
        try:
            while (event := await told.get()) is not None:
                if isinstance(event, events.Transcript):
                    before = text_of(heard.found)
                    heard.add(event)
                    delta = text_of(heard.found)[len(before) :]
                    yield _event({"type": "transcript.text.delta", "delta": delta})
            result = await work
            yield _event({"type": "transcript.text.done", "text": text_of(result.captions), "usage": _usage(result)})
            yield b"data: [DONE]\n\n"
        except WorkbenchError as error:
            if not heard.found:
                raise
            yield _event({"type": "error", **problem_of(error).to_dict()})
        finally:
            work.cancel()
            await asyncio.wait([work])


def _untranslated(settings: Settings) -> Settings:
    return replace(settings, target_language=None)


def _ignore(event: events.Event) -> None:
    """Nobody watches."""


def _event(data: dict[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data, ensure_ascii=False, default=float)}\n\n".encode()


# answers


def text_of(captions: list[Caption] | tuple[Caption, ...]) -> str:
    """In one line, with spaces where the language has them."""
    text = ""
    for transcript in (caption.transcript for caption in captions):
        space = "" if not text or transcript.language.split("-")[0] in _WITHOUT_SPACES else " "
        text += space + " ".join(transcript.text.split())
    return text


def _usage(result: Result) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(result.duration)}


def _answer(result: Result, fields: Fields) -> Response:
    text = text_of(result.captions)
    match fields.response_format:
        case "json":
            return JSONResponse({"text": text, "usage": _usage(result)})
        case "verbose_json":
            return JSONResponse(_verbose(result, text, fields))
        case "text":
            return Response(text + "\n", media_type=_TYPES["text"])
        case format:
            return Response(result.rendered[0], media_type=_TYPES[format])


def _verbose(result: Result, text: str, fields: Fields) -> dict[str, Any]:
    found: dict[str, Any] = {
        "task": "transcribe",
        "language": result.language or "",
        "duration": round(result.duration, 3),
        "text": text,
        "usage": _usage(result),
    }
    transcripts = [caption.transcript for caption in result.captions]
    if "segment" in fields.timestamp_granularities:
        found["segments"] = [_segment(number, one, fields) for number, one in enumerate(transcripts)]
    if "word" in fields.timestamp_granularities:
        found["words"] = [
            {"word": word.text.strip(), "start": _rounded(word.start), "end": _rounded(word.end)}
            for one in transcripts
            for word in one.words
        ]
    return found


def _segment(number: int, one: Transcript, fields: Fields) -> dict[str, Any]:
    """What no engine here tells is said as of a sure one: nothing is left out for it."""
    logs = [math.log(max(float(word.probability), 1e-6)) for word in one.words]
    data = one.text.encode()
    return {
        "id": number,
        "seek": 0,
        "start": _rounded(one.start),
        "end": _rounded(one.end),
        "text": one.text,
        "tokens": [],
        "temperature": fields.temperature,
        "avg_logprob": round(sum(logs) / len(logs), 4) if logs else 0.0,
        "compression_ratio": round(len(data) / len(zlib.compress(data)), 4) if data else 0.0,
        "no_speech_prob": 0.0,
    }


def _rounded(value: float) -> float:
    return round(float(value), 3)
