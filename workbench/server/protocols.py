"""uvicorn's protocols with what they lack against slow clients: a deadline for headers, and ends that are certain.

A connection that is closed while its client does not read stays open until the client reads: here it is cut off.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from workbench.server.limits import Limits
from workbench.server.listen import INVALID, POLICY

_LARGE: Final = 32_768
"""Bytes of a message that is worked on before more is read."""
_MANY: Final = 4
"""Messages that may wait for that."""


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

    def send_400_response(self, msg: str) -> None:
        """To what is no HTTP. It may come after the head of a request that is being answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

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
    """What a client sends is read no faster than it reads what is sent to it: pongs too take memory while they wait."""

    limits: ClassVar[Limits]
    frames: list[Any]
    _deadline: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = self.limits.unread_s

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    # in

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:  # refused before anybody was asked
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def handle_cont(self, event: Any) -> None:
        if not isinstance(self.frames[0], bytearray):
            self.frames = [bytearray(self.frames[0])]  # a list would hold as many as are sent, even of none
        self.frames[0] += event.data
        if event.fin:
            self.send_receive_event_to_app()

    def send_receive_event_to_app(self) -> None:
        """Reads on while little waits, unlike the base class: to stop and go on for each message costs more than it."""
        data, self.frames = bytes(self.frames[0]), []
        if self.close_sent:
            return
        message: Any = {"type": "websocket.receive", "bytes": data}
        if self.curr_msg_data_type == "text":
            try:
                message = {"type": "websocket.receive", "text": data.decode()}
            except UnicodeDecodeError:
                self._refuse(INVALID, "the message is no UTF-8")
                return
        if self.queue.qsize() >= self.limits.messages_per_s:
            self._refuse(POLICY, "too many messages at once")
            return
        self.queue.put_nowait(message)
        if not self.read_paused and (len(data) > _LARGE or self.queue.qsize() > _MANY):
            self.read_paused = True
            self.transport.pause_reading()

    def _refuse(self, code: int, reason: str) -> None:
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.close_sent = True
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
        self.read_paused = False  # what is not read when the connection closes would reset it, and the code be lost
        if self.writable.is_set():
            self.transport.resume_reading()

    def handle_parser_exception(self) -> None:
        if self.conn.close_sent is None:  # there is no WebSocket yet on which a code could be sent
            self.transport.abort()
        else:
            super().handle_parser_exception()

    async def receive(self) -> Any:
        message = await super().receive()
        if not self.writable.is_set():
            self.transport.pause_reading()
        return message

    # out

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    async def send(self, message: Any) -> None:
        if self.close_sent:  # it was refused
            raise ClientDisconnected
        if message["type"] == "websocket.close":
            self.writable.set()  # whoever reads again should learn why it ended
        await super().send(message)

    def keepalive_timeout(self) -> None:
        if self.read_paused and self.writable.is_set():  # the answer may lie where we do not read
            self.pong_timer = self.pending_ping_payload = None
            self.schedule_ping()
            return
        super().keepalive_timeout()
        self.transport.abort()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        if not self.disconnected:
            self._deadline = self.loop.call_later(self.limits.unread_s, self.transport.abort)


def protocols(limits: Limits) -> tuple[type[H11Protocol], type[WebSocketsSansIOProtocol]]:
    """Of HTTP and of WebSocket, under `limits`."""
    return type("Http", (_Http,), {"limits": limits}), type("WebSocket", (_WebSocket,), {"limits": limits})
