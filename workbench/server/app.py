"""The application: what is answered at which path."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbench import __version__
from workbench.errors import WorkbenchError
from workbench.profiles.hardware import CoreHardwareDetector
from workbench.profiles.optimizer import CoreOptimizer
from workbench.server import jobs, languages, listen, page, service, speech, transcriptions
from workbench.server.access import Access
from workbench.server.guard import Guard
from workbench.server.metrics import CONTENT_TYPE
from workbench.server.problems import GONE, RESPONSES, Problem, answer
from workbench.server.service import Service
from workbench.threads import to_thread

router = APIRouter()


def make(shared: Service, access: Access) -> ASGIApp:
    """The application, behind its guard. It serves with what is in `shared`, which outlives it."""
    app = FastAPI(title="Audio workbench", version=__version__, docs_url=None, redoc_url=None, responses=RESPONSES)
    app.state.service = shared
    app.include_router(router)
    for part in (page, languages, transcriptions, jobs, speech, listen):
        app.include_router(part.router)
    for kind in (HTTPException, RequestValidationError, WorkbenchError, ClientDisconnect, Exception):
        app.add_exception_handler(kind, answer)
    return Guard(_Measured(app, shared), access, shared.limits, shared.activity.count_sessions)


class _Measured:
    """ASGI middleware: how long answers take."""

    def __init__(self, app: ASGIApp, shared: Service) -> None:
        self._app = app
        self._shared = shared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), GONE

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = scope.get("route")
            path = getattr(route, "path", "other")
            self._shared.activity.answered(path, status, time.perf_counter() - began)


@router.get("/healthz", summary="Whether the server runs")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", summary="Whether speech can be recognized", responses={503: {"description": "Not now; why."}})
async def readyz(request: Request) -> JSONResponse:
    problem = service.of(request).engines.problem()
    return JSONResponse(
        {"status": "ready"} if problem is None else {"status": "not ready", "reason": problem},
        200 if problem is None else 503,
    )


for _path, _answered in (("/healthz", healthz), ("/readyz", readyz)):  # programs that watch servers ask so too
    router.add_api_route(_path, _answered, methods=["HEAD"], include_in_schema=False)


@router.get("/metrics", summary="For Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    return Response(service.of(request).metrics.render(), media_type=CONTENT_TYPE)


@router.get("/api/hardware/basic", summary="What this machine has")
async def hardware() -> dict[str, Any]:
    return (await to_thread(CoreHardwareDetector().detect)).to_dict()


@router.get("/api/hardware/optimize", summary="What suits this machine, and why")
async def optimize() -> dict[str, Any]:
    found = await to_thread(CoreHardwareDetector().detect)
    plan = CoreOptimizer().plan(found)
    return {"hardware": found.to_dict(), "optimized": plan.values(), "reasons": dict(plan.reasons)}


@router.get("/v1/models", summary="What is loaded")
async def models(request: Request) -> dict[str, Any]:
    return {"object": "list", "data": service.models(service.of(request))}


@router.get(
    "/v1/models/{model}",
    summary="One model that is loaded",
    responses={404: {"description": "There is no such model."}},
)
async def model(request: Request, model: str) -> dict[str, Any]:
    found = next((one for one in service.models(service.of(request)) if one["id"] == model), None)
    if found is None:
        raise Problem(404, f"there is no model {model!r}", code="model_not_found", param="model")
    return found
