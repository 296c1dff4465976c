"""What every request passes first: the names it may be for, the pages it may come from, the token, and the limits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbench.server import page
from workbench.server.access import Access
from workbench.server.limits import Limits
from workbench.server.problems import Problem

PROTOCOL: Final = "workbench"
"""The WebSocket subprotocol that a client offers beside `bearer.TOKEN`, for the server to choose."""
_BEARER: Final = "bearer."
OPEN_PATHS: Final = frozenset({"/healthz", *page.PATHS})
"""That need no token."""
COSTLY_PATHS: Final = frozenset({"/v1/listen", "/v1/audio/transcriptions", "/v1/audio/speech", "/v1/jobs"})
"""That are sessions."""
UPLOAD_PATHS: Final = frozenset({"/v1/audio/transcriptions", "/v1/jobs"})
_BUSY: Final = 1013


class Guard:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, access: Access, limits: Limits, changed: Callable[[int], None]) -> None:
        """`changed` is told how many sessions there are."""
        self._app = app
        self._access = access
        self._limits = limits
        self._changed = changed
        self._sessions: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = str((scope.get("client") or ("",))[0])
        is_costly = scope["path"] in COSTLY_PATHS
        try:
            self._check(scope)
        except Problem as problem:
            await problem.response()(scope, receive, send)  # of a WebSocket, to the handshake
            return
        scope["subprotocol"] = _chosen(scope.get("subprotocols", ()))
        if is_costly and (crowded := self._crowded(client)):
            await _turn_away(crowded, scope, receive, send)
            return
        self._count(client, is_costly)
        try:
            if scope["type"] == "http":
                await self._answer(scope, receive, send)
            else:
                with suppress(asyncio.CancelledError):  # the server stops, has waited long enough, and closed it: 1012
                    await self._app(scope, receive, send)
        finally:
            self._count(client, -is_costly)

    # who

    def _check(self, scope: Scope) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if len(headers) > self._limits.headers:
            raise Problem(431, f"more than {self._limits.headers} headers", headers={"connection": "close"})
        if sum(len(name) + len(value) for name, value in headers) > self._limits.header_bytes:
            raise Problem(431, "the headers are too long", headers={"connection": "close"})
        hosts = _values(headers, b"host")
        if len(hosts) != 1 or not self._access.knows_host(hosts[0]):
            raise Problem(421, "this server does not answer to that name", hint="Serve it with --allow-host NAME.")
        for origin in _values(headers, b"origin"):
            if not self._access.knows_origin(origin, hosts[0]):
                raise Problem(403, "pages from there may not use this server", hint="Serve it with --allow-origin.")
        if scope["path"] not in OPEN_PATHS and not self._access.knows_token(_tokens(scope)):
            raise Problem(
                401,
                "the token is missing or wrong",
                hint="Send it as: Authorization: Bearer TOKEN",
                headers={"www-authenticate": "Bearer"},
            )

    def _crowded(self, client: str) -> Problem | None:
        limits = self._limits
        for count, most, whose in (
            (self._sessions.total(), limits.sessions, "there are"),
            (self._sessions[client], limits.sessions_per_client, "this client has"),
        ):
            if count >= most:
                return Problem(429, f"{whose} {most} sessions already", headers={"retry-after": "5"})
        return None

    def _count(self, client: str, change: int) -> None:
        if change:
            self._sessions[client] += change
            self._sessions += Counter()  # drops clients without any
            self._changed(self._sessions.total())

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """It is cancelled where the server stops and has waited long enough; the task ends with that."""
        is_begun = False

        async def noted(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._app(scope, self._counted(scope, receive), self._timed(scope, noted))
        except asyncio.CancelledError:
            if not is_begun:
                stops = Problem(503, "the server stops", code="stopping", headers={"connection": "close"})
                await stops.response()(scope, receive, send)
                return
            scope["state"]["abort"]()  # half an answer must not pass for a whole one
            while (await receive())["type"] != "http.disconnect":
                pass

    # how much

    def _counted(self, scope: Scope, receive: Receive) -> Receive:
        """Raises `Problem` where a body is too large, or stops coming."""
        is_upload = scope["path"] in UPLOAD_PATHS
        most = self._limits.upload_bytes if is_upload else self._limits.text_bytes
        lengths = _values(scope["headers"], b"content-length")
        claimed = int(lengths[0]) if lengths and lengths[0].isdecimal() else 0
        seen, complete = 0, False

        async def counted() -> Message:
            nonlocal seen, complete
            if complete:
                return await receive()
            if claimed > most:
                raise _too_large(most)
            try:
                async with asyncio.timeout(self._limits.idle_s):
                    message = await receive()
            except TimeoutError:
                raise Problem(408, "the rest of the request did not come", headers={"connection": "close"}) from None
            seen += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if seen > most:
                raise _too_large(most)
            return message

        return counted

    def _timed(self, scope: Scope, send: Send) -> Send:
        """Ends the connection of a client that does not read: the request then goes on as for any client that went."""

        async def timed(message: Message) -> None:
            try:
                async with asyncio.timeout(self._limits.unread_s):
                    await send(message)
            except TimeoutError:
                scope["state"]["abort"]()

        return timed


def _too_large(most: int) -> Problem:
    return Problem(413, f"the request is larger than {most} bytes")


def _values(headers: list[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in headers if key.lower() == name]


def _tokens(scope: Scope) -> list[str]:
    """What the client shows: in the header, and of a browser's WebSocket, which cannot set it, as a subprotocol."""
    shown = [one.removeprefix(_BEARER) for one in scope.get("subprotocols", ()) if one.startswith(_BEARER)]
    for value in _values(scope["headers"], b"authorization"):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == "bearer":
            shown.append(token.strip())
    return shown


def _chosen(offered: Any) -> str | None:
    """A browser gives up unless one of the subprotocols that it offers is chosen; the token is the last resort."""
    return PROTOCOL if PROTOCOL in offered else next((one for one in offered if one.startswith(_BEARER)), None)


async def _turn_away(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """There is no room. Of a WebSocket a page sees only codes it was closed with, not an answer to the handshake."""
    if scope["type"] != "websocket":
        await problem.response()(scope, receive, send)
        return
    await send({"type": "websocket.accept", "subprotocol": scope["subprotocol"]})
    await send({"type": "websocket.close", "code": _BUSY, "reason": problem.message})
