"""Errors as clients see them: in the shape that OpenAI's clients read, without tracebacks."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from workbench.errors import (
    EngineError,
    InputError,
    MissingError,
    OutputError,
    PoolBusy,
    PoolClosed,
    StageError,
    UsageError,
    WorkbenchError,
)

GONE: Final = 499
"""Never seen: the client went before there was an answer."""
_log = logging.getLogger(__name__)

_STATUS: Final[tuple[tuple[type[WorkbenchError], int], ...]] = (
    (UsageError, 400),
    (InputError, 400),
    (MissingError, 503),
    (PoolBusy, 503),
    (PoolClosed, 503),
    (OutputError, 507),
    (EngineError, 500),
    (StageError, 500),
)
"""What is none of these is about what was asked for: 400."""
_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    429: "rate_limit_error",
}
_CODES: Final = {
    400: "invalid-request",
    401: "invalid-api-key",
    403: "origin",
    404: "not-found",
    405: "method",
    408: "timeout",
    413: "too-large",
    421: "host",
    429: "busy",
    431: "headers",
    503: "not-ready",
}


class Error(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    """The field that is wrong."""
    code: str
    """Stable."""
    hint: str = ""


class Failed(BaseModel):
    error: Error


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    "default": {"model": Failed, "description": "It failed, for the reason told."}
}
"""For the OpenAPI document."""


class Problem(HTTPException):
    """An answer other than the one asked for. `param` names the field that is wrong."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        param: str | None = None,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, dict(headers or {}))
        self.message, self.code, self.param, self.hint = message, code or _CODES.get(status, "error"), param, hint

    def to_dict(self) -> dict[str, Any]:
        """What stands in the body."""
        kind = _TYPES.get(self.status_code, "invalid_request_error" if self.status_code < 500 else "server_error")
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": error | ({"hint": self.hint} if self.hint else {})}

    def response(self) -> JSONResponse:
        return JSONResponse(self.to_dict(), self.status_code, self.headers)


def problem_of(error: Exception) -> Problem:
    """Any exception, as a client may see it. What is not the client's doing goes to the log, with its traceback."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return invalid(error.errors())
    if isinstance(error, ClientDisconnect):
        return Problem(GONE, "the client went away", code="disconnected")
    if isinstance(error, HTTPException):
        return Problem(error.status_code, str(error.detail), headers=error.headers)
    if not isinstance(error, WorkbenchError):
        _log.error("a request failed", exc_info=error)
        return Problem(500, "this is a bug of the server; its log has the details", code="error")
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
    if status == 500:
        _log.error("a request failed", exc_info=error)
    hint = error.hint if status < 500 else ""  # that one is for who runs the server
    return Problem(status, str(error), code=error.code, hint=hint)


def invalid(errors: Sequence[Any]) -> Problem:
    """From what pydantic found: the first of it."""
    where = ".".join(str(part) for part in errors[0]["loc"] if part not in ("body", "query", "path"))
    return Problem(400, f"{where}: {errors[0]['msg']}" if where else str(errors[0]["msg"]), param=where or None)


async def answer(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's handler of exceptions."""
    problem = problem_of(error)
    if problem.status_code >= 500 and error is not problem:  # nothing failed where the answer is that it must wait
        request.app.state.service.activity.failed(request.url.path, problem.message, problem.hint)
    return problem.response()
