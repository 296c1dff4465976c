"""The page at `/`: captions of what a browser's microphone hears, through /v1/listen as any other client."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

router = APIRouter(include_in_schema=False)
_TYPES: Final = {
    "page.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "captions.js": "text/javascript; charset=utf-8",
    "microphone.js": "text/javascript; charset=utf-8",
    "processor.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
PATHS: Final = {"/" if name == "page.html" else f"/static/{name}": name for name in _TYPES}
"""All of the page, by path. It holds no data, so that a browser, which has no token yet, may load it."""
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "permissions-policy": "microphone=(self)",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}
_CONTENT: Final = {name: (files("workbench.server") / "static" / name).read_bytes() for name in _TYPES}


async def _answer(request: Request) -> Response:
    name = PATHS[request.url.path]
    return Response(_CONTENT[name], media_type=_TYPES[name], headers=HEADERS)


for _path in PATHS:
    router.add_api_route(_path, _answer, methods=["GET", "HEAD"])
