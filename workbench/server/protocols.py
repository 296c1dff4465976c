"""uvicorn's protocols with what they lack against slow clients: a deadline for headers, and ends that are certain.

A connection that is closed while its client does not read stays open until the client reads: here it is cut off.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from workbench.server.limits import Limits


class _Http(H11Protocol):
    limits: ClassVar[Limits]
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "abort": transport.abort}
        if len(self.connections) > self.limits.connections:
            transport.abort()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Give a request that is not complete until the deadline."""
        if (self.cycle and not self.cycle.response_complete) or self.transport.get_protocol() is not self:
            self._stop_watching()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.limits.handshake_s, self.transport.abort)

    def _stop_watching(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _WebSocket(WebSocketsSansIOProtocol):
    limits: ClassVar[Limits]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = self.limits.unread_s

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            self.writable.set()  # whoever reads again should learn why it ended
        await super().send(message)

    def keepalive_timeout(self) -> None:
        if self.read_paused:  # the answer may lie where we do not read
            self.pong_timer = self.pending_ping_payload = None
            self.schedule_ping()
            return
        super().keepalive_timeout()
        self.transport.abort()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.loop.call_later(self.limits.unread_s, self.transport.abort)


def protocols(limits: Limits) -> tuple[type[H11Protocol], type[WebSocketsSansIOProtocol]]:
    """Of HTTP and of WebSocket, under `limits`."""
    return type("Http", (_Http,), {"limits": limits}), type("WebSocket", (_WebSocket,), {"limits": limits})
