"""`/v1/jobs`: recordings that are recognized while no client waits."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workbench.engines import StageKind
from workbench.jobs.checkpoint import State
from workbench.jobs.request import Request as JobRequest
from workbench.outputs import Targets, chosen_formats
from workbench.server import service
from workbench.server.job_queue import Action, Found
from workbench.server.problems import Problem
from workbench.server.uploads import Form, described, form, under_its_name, validated
from workbench.subtitles import Show

router = APIRouter()
_LANGUAGE: Final = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$"
_TYPES: Final = {"srt": "application/x-subrip", "vtt": "text/vtt", "json": "application/json"}
_OTHER_TYPE: Final = "text/plain"
_MISSING: Final[dict[int | str, dict[str, Any]]] = {404: {"description": "There is no such job."}}
_STATE: Final[dict[int | str, dict[str, Any]]] = _MISSING | {409: {"description": "It is not in a state for that."}}


class Fields(BaseModel):
    """What else is sent is ignored."""

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)

    model: str = ""
    """One of `/v1/models`, or a name of OpenAI's for whatever there is."""
    language: str | None = Field(None, pattern=_LANGUAGE)
    """BCP-47, of what is spoken; without: detected."""
    translate: str | None = Field(None, pattern=_LANGUAGE)
    """BCP-47, into what it is translated; without: not."""
    show: Show | None = None
    """What subtitles hold; without: the translation where there is one."""
    prompt: str = ""
    """Text that shows names and style."""
    formats: str = "srt,vtt,txt,json"
    """That results are made in, with commas between."""


class Failure(BaseModel):
    """Why it failed, or is paused where nobody asked for that."""

    message: str
    code: str
    hint: str
    """What to do next."""


class Job(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    object: str = "job"
    state: State
    created_at: int | None
    """Seconds since 1970."""
    duration: float | None
    """Seconds of audio; null: not known yet."""
    progress: float | None = Field(ge=0.0, le=1.0)
    """How much is done; null: not known."""
    seconds_left: float | None = Field(ge=0.0)
    """Until it is done; null: not known."""
    error: Failure | None
    links: dict[str, str]
    """Of the job itself, and of its result."""


class Listing(BaseModel):
    object: str = "list"
    data: list[Job]


@router.post(
    "/v1/jobs",
    status_code=202,
    summary="Have a recording recognized",
    openapi_extra=described(Fields),
    responses={202: {"model": Job, "description": "It is on disk, and will be done."}},
)
async def make(request: Request) -> Response:
    shared = service.of(request)
    await shared.jobs.check_room(int(request.headers.get("content-length", 0)))  # or all of it would come for nothing
    async with form(request, shared.uploads) as sent:
        asked = _asked(shared, sent)
        with under_its_name(sent):
            name = await shared.jobs.add(asked)
    made = _told(await shared.jobs.find(name))
    return JSONResponse(made.model_dump(mode="json"), 202, {"location": made.links["self"]})


@router.get("/v1/jobs", summary="All jobs, the newest first")
async def all_jobs(request: Request) -> Listing:
    return Listing(data=[_told(found) for found in await service.of(request).jobs.all()])


@router.get("/v1/jobs/{job}", summary="How far a job is", responses=_MISSING)
async def one_job(request: Request, job: str) -> Job:
    return _told(await service.of(request).jobs.find(job))


@router.delete("/v1/jobs/{job}", status_code=204, summary="Stop a job, and delete all of it", responses=_MISSING)
async def delete(request: Request, job: str) -> Response:
    await service.of(request).jobs.remove(job)
    return Response(status_code=204)


@router.get(
    "/v1/jobs/{job}/result",
    summary="The subtitles",
    response_class=Response,
    responses=_STATE | {200: {"content": {kind: {} for kind in (*_TYPES.values(), _OTHER_TYPE)}}},
)
async def result(request: Request, job: str, format: str = "json") -> Response:
    data = await service.of(request).jobs.result(job, format)
    return Response(data, media_type=_TYPES.get(format, _OTHER_TYPE))


@router.post("/v1/jobs/{job}/{action}", summary="Pause it, and so on", responses=_STATE)
async def act(request: Request, job: str, action: Action) -> Job:
    jobs = service.of(request).jobs
    await jobs.ask(job, action)
    return _told(await jobs.find(job))


def _asked(shared: service.Service, sent: Form) -> JobRequest:
    """Raises `Problem`, and `WorkbenchError` for a language that nothing here knows."""
    fields = validated(sent, Fields)
    service.check_model(shared, StageKind.ASR, fields.model)
    if fields.show in ("translation", "both") and fields.translate is None:
        raise Problem(400, "there is no translation to show", param="show", hint="Say into what language: translate.")
    own = shared.engines.settings
    settings = replace(
        own,
        language=fields.language or own.language,
        target_language=fields.translate,
        prompt=fields.prompt or own.prompt,
    )
    formats = chosen_formats(fields.formats, None, shared.files.formats())
    show = fields.show or ("translation" if fields.translate else "source")
    assert sent.path is not None
    targets = Targets(sent.path, tuple((format, None) for format in formats), show=show)
    return JobRequest(targets=targets, settings=settings, profile=shared.engines.profile(settings))


def _told(found: Found) -> Job:
    info, entry = found.info, found.entry
    path = f"/v1/jobs/{info.name}"
    left_s = entry.left_s(time.monotonic()) if entry else None
    return Job(
        id=info.name,
        state=found.state,
        created_at=int(info.checkpoint.created.timestamp()) if info.checkpoint else None,
        duration=found.duration,
        progress=found.progress,
        seconds_left=left_s,
        error=_failure(found),
        links={"self": path, "result": f"{path}/result"},
    )


def _failure(found: Found) -> Failure | None:
    """Without the name that the file has here; what to do about it here is for who runs the server."""
    error, entry = found.error, found.entry
    if error is None:
        return None
    message = error.message.replace(repr(str(entry.path)), "the file") if entry else "what is stored of it is damaged"
    path = f"/v1/jobs/{found.info.name}"
    step = {State.PAUSED: f"POST {path}/resume", State.FAILED: f"POST {path}/retry"} if entry else {}
    hint = f"To go on from where it is: {step[found.state]}" if found.state in step else f"To delete it: DELETE {path}"
    return Failure(message=message, code=error.code, hint=hint)
