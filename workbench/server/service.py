"""What all requests share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from starlette.requests import HTTPConnection

from workbench.audio.bounded import Bounds
from workbench.engines import StageKind
from workbench.server.activity import Activity
from workbench.server.engines import Engines
from workbench.server.job_queue import Jobs
from workbench.server.limits import Limits
from workbench.server.metrics import Metrics
from workbench.server.problems import Problem
from workbench.session import Session

OTHER_NAMES: Final = {
    StageKind.ASR: frozenset({"", "whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-transcribe"}),
    StageKind.TTS: frozenset({"", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"}),
}
"""By which clients of OpenAI ask for whatever there is."""


@dataclass(frozen=True, slots=True)
class Service:
    engines: Engines
    files: Session
    """Beside theirs, for files of clients: within the limits."""
    jobs: Jobs
    limits: Limits
    activity: Activity
    metrics: Metrics
    uploads: Path
    """A folder of this server's own."""
    started: int
    """Seconds since 1970."""


def bounds(limits: Limits) -> Bounds:
    return Bounds(
        duration_s=limits.audio_s,
        channels=limits.channels,
        sample_rates=range(limits.lowest_rate, limits.highest_rate + 1),
        cpu_s=limits.decode_s,
        cpu_factor=limits.decode_factor,
    )


def of(connection: HTTPConnection) -> Service:
    """The service that a request or WebSocket is for."""
    return cast(Service, connection.app.state.service)


def models(service: Service) -> list[dict[str, Any]]:
    """What is loaded, as OpenAI's clients read it."""
    return [
        {"id": one.id, "object": "model", "created": service.started, "owned_by": one.engine, "kind": one.kind}
        for one in service.engines.models
    ]


def check_model(service: Service, kind: StageKind, name: str) -> None:
    """Refuse a model that is not loaded: a client may not fill the memory with others."""
    known = [one.id for one in service.engines.models if one.kind is kind]
    if name not in OTHER_NAMES[kind] and name not in known:
        raise Problem(
            404,
            f"there is no model {name!r}",
            code="model_not_found",
            param="model",
            hint=f"There are: {', '.join(known)}.",
        )
