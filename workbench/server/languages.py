"""What a client can ask to be recognized and translated."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from workbench.engines import Settings
from workbench.errors import UnsupportedLanguage
from workbench.plan import Choice
from workbench.server import service
from workbench.server.problems import Problem
from workbench.session import translation_pairs
from workbench.threads import to_thread

router = APIRouter()


@router.get(
    "/v1/languages",
    summary="What can be spoken, and translated into what",
    responses={503: {"description": "No engine is loaded yet."}},
)
async def languages(request: Request) -> dict[str, Any]:
    """BCP-47. `language`: what is expected of a stream that says nothing; null: it is found out.

    `languages` and `pairs` (from, into) are null where the engines name none: then any may be tried.
    """
    engines = service.of(request).engines
    if engines.recognizer is None:
        raise Problem(503, engines.problem() or "", headers={"retry-after": "5"})
    pairs = translation_pairs(engines.session.profile, engines.session.registry)
    return {
        "language": engines.settings.language,
        "languages": await to_thread(partial(spoken, engines.recognizer)),
        "pairs": None if pairs is None else sorted(pairs),
    }


def spoken(recognizer: Choice) -> list[str] | None:
    """What the model that is loaded recognizes; None: that is not known."""
    known: tuple[str, ...] = tuple(getattr(recognizer.engine, "languages", ()))
    return [tag for tag in known if _recognizes(recognizer, tag)] or None


def _recognizes(recognizer: Choice, language: str) -> bool:
    try:
        recognizer.resolve(Settings(language=language))
    except UnsupportedLanguage:
        return False
    return True
