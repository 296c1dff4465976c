"""Work for a client ends when the client goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from workbench.errors import first_error

T = TypeVar("T")


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives; it is cancelled, and waited for, when the client goes. Then raises `ClientDisconnect`.

    The request's body was read to its end.
    """

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        raise ClientDisconnect

    try:
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(watch())
            working = tasks.create_task(work)
            working.add_done_callback(lambda _: watching.cancel())
    except BaseExceptionGroup as group:
        error = first_error(group)
        raise error from error.__cause__
    return working.result()


class Streamed(Response):
    """What an async generator gives, as it gives it. An error before the first of it is an answer of its own."""

    def __init__(self, parts: Callable[[], AsyncIterator[bytes]], media_type: str, *, ended: Callable[[], Any]) -> None:
        """`ended` gives what is awaited at the end, however it comes."""
        self.status_code, self.media_type, self.background = 200, media_type, None
        self.body = b""
        self._parts = parts
        self._ended = ended
        self.init_headers({"cache-control": "no-store"})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await while_connected(receive, self._send(send))
        except ClientDisconnect:
            return
        finally:
            await self._ended()

    async def _send(self, send: Send) -> None:
        started = False
        async with aclosing(self._parts()) as parts:  # type: ignore[type-var]
            async for part in parts:
                if not started:
                    await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                    started = True
                await send({"type": "http.response.body", "body": part, "more_body": True})
        if not started:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
