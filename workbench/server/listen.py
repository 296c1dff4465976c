"""`/v1/listen`: audio in, events out, over a WebSocket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from workbench import events
from workbench.errors import InputError, MissingError, Severity, UsageError, WorkbenchError, first_error
from workbench.server import service
from workbench.server.activity import StreamActivity
from workbench.server.hearing import Detection, Hearing, Recognition, with_options
from workbench.server.messages import STAGES, Configure, Flush, NotJson, NotTaken, Query, parse, parse_query
from workbench.server.outbox import Full, Outbox
from workbench.server.problems import invalid, problem_of
from workbench.server.service import Service
from workbench.stages import Stages

router = APIRouter()
DONE: Final = 1000
LEAVING: Final = 1001
UNSUPPORTED: Final = 1003
INVALID: Final = 1007
POLICY: Final = 1008
TOO_LARGE: Final = 1009
FAILED: Final = 1011
LATER: Final = 1013
GONE: Final = 1006
"""Never sent: the client went, or its connection broke."""
_log = logging.getLogger(__name__)


class Closing(Exception):
    """The stream ends with this code."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@router.websocket("/v1/listen")
async def listen(websocket: WebSocket) -> None:
    shared = service.of(websocket)
    await websocket.accept(subprotocol=websocket.scope.get("subprotocol"))
    stream = _Stream(shared, websocket)
    with shared.activity.stream(_client_of(websocket), stream.stop) as seen:
        closing = await stream.run(seen)
        if closing.code != GONE:  # else the server may have ended it, and have said so
            seen.end(closing.code, str(closing))
    if closing.code != GONE and websocket.application_state is WebSocketState.CONNECTED:
        try:
            await websocket.close(closing.code, closing.reason.encode()[:120].decode(errors="ignore"))
        except (WebSocketDisconnect, RuntimeError):
            _log.debug("the client went before its stream was closed")


def _client_of(websocket: WebSocket) -> str:
    host, port = websocket.client or ("", 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Stream:
    """One client."""

    def __init__(self, shared: Service, websocket: WebSocket) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._websocket = websocket
        self._outbox = Outbox(shared.limits.waiting_events)
        self._settings = shared.engines.settings
        self._full = asyncio.Event()
        self._wrong = 0
        self._stopping = shared.activity.draining
        self._stopped = False  # the client said so
        self._loop = asyncio.get_running_loop()
        self._reading: asyncio.Task[None] | None = None
        self._idle_since: float | None = None  # while a message is waited for
        self._pace, self._messages = _Allowance(shared.limits.pace), _Allowance(shared.limits.messages_per_s)

    def stop(self) -> None:
        """End as if the client had said so."""
        self._stopping = True
        if self._reading is not None and self._idle_since is not None:
            self._reading.cancel()

    async def run(self, seen: StreamActivity) -> Closing:
        """Until the client stops or goes, or something is wrong. Everything of it is free when this returns."""
        self._seen = seen
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write())
                watching = tasks.create_task(self._watch())
                waiting = tasks.create_task(self._watch_idle())
                try:
                    await self._listen(tasks)
                    closing = Closing(DONE) if self._stopped else Closing(LEAVING, "the server stops")
                except* (Closing, WorkbenchError) as group:
                    closing = self._told(first_error(group))
                watching.cancel()
                waiting.cancel()
                self._outbox.close()
        except BaseExceptionGroup as group:
            error = first_error(group)
            if not isinstance(error, Closing | WorkbenchError):
                raise
            return error if isinstance(error, Closing) else Closing(FAILED, error.code)
        return closing

    def _told(self, error: BaseException) -> Closing:
        """Tell the client why, and close."""
        if isinstance(error, Closing):
            return error
        assert isinstance(error, WorkbenchError)
        problem = problem_of(error)
        is_impossible = isinstance(error, UsageError | MissingError)
        hint = error.hint if is_impossible else problem.hint  # what to install is for the client to pass on
        self._put(events.Error(code=problem.code, message=problem.message, hint=hint, severity=Severity.FATAL))
        wrong = UNSUPPORTED if isinstance(error, NotTaken) else POLICY
        return Closing(wrong if is_impossible else FAILED, problem.code)

    async def _listen(self, tasks: asyncio.TaskGroup) -> None:
        query = parse_query(self._websocket.query_params)
        self._settings = replace(
            self._settings,
            language=query.language or self._settings.language,
            target_language=query.translate or self._settings.target_language,
        )
        self._depth = STAGES[query.stages]
        self._bytes_s = query.sample_rate * (2 if query.encoding == "pcm_s16le" else 4)
        self._vad: dict[str, Any] = {}
        stages = await self._stages()
        own = asyncio.TaskGroup()
        async with own:
            hearing = self._hearing(query, stages, own)
            self._seen.begin(query.stages, self._settings.language or "", hearing, self._outbox)
            try:
                self._put(events.Ready())
                await self._hear(hearing)
                statistics = hearing.statistics()
                self._put({"type": "statistics", **statistics})
                self._put(events.Done(duration=statistics["received_s"], statistics=statistics))
            finally:
                await hearing.close()

    def _hearing(self, query: Query, stages: Stages, tasks: asyncio.TaskGroup) -> Hearing:
        if self._depth == 1:
            detection = Detection(stages, query.sample_rate, query.encoding, self._put)
            tasks.create_task(detection.run())
            return detection

        def spawn(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
            return tasks.create_task(work)

        return Recognition(stages, self._settings, query.sample_rate, query.encoding, self._put, spawn)

    async def _stages(self) -> Stages:
        engines = self._shared.engines
        if self._depth == 1:
            return with_options(await engines.detection(), self._vad)
        if self._depth == 3 and not engines.session.translates(self._settings):
            raise UsageError("it is not said into which language to translate", hint="Add &translate=LANGUAGE.")
        settings = self._heard_with()
        return with_options(await engines.recognition(settings, translate=self._depth == 3), self._vad)

    def _heard_with(self) -> Any:
        return self._settings if self._depth == 3 else replace(self._settings, target_language=None)

    def _put(self, event: events.Event | dict[str, Any]) -> None:
        """Does not raise: engines' threads are answered below it."""
        if isinstance(event, events.Error):
            self._seen.failed(event)
        try:
            self._outbox.put(event, self._seen.decided(event))
        except Full:
            self._full.set()

    async def _watch(self) -> None:
        await self._full.wait()
        raise Closing(LATER, "the client does not read")

    # from the client

    async def _hear(self, hearing: Hearing) -> None:
        """Until the client stops, or the server does. Raises `Closing`, in a group.

        It is read in a task of its own: to resume one through all that is around it takes half as long as a message.
        """
        async with asyncio.TaskGroup() as tasks:
            self._reading = tasks.create_task(self._read(hearing))
        await self._read_rest(hearing)
        if not self._stopped:
            await hearing.flush()

    async def _read(self, hearing: Hearing) -> None:
        while not (self._stopped or self._stopping):
            self._idle_since = self._loop.time()
            try:
                message = await self._websocket.receive()
            finally:
                self._idle_since = None
            await self._take(message, hearing)

    async def _read_rest(self, hearing: Hearing) -> None:
        """What has come already."""
        with suppress(TimeoutError):
            while not self._stopped:
                async with asyncio.timeout(0):
                    message = await self._websocket.receive()
                await self._take(message, hearing)

    async def _take(self, message: Message, hearing: Hearing) -> None:
        if message["type"] == "websocket.disconnect":
            raise Closing(GONE)
        wait_s = self._messages.take(1)
        if (data := message.get("bytes")) is not None:
            seconds = len(data) / self._bytes_s
            self._seen.arrived(len(data), seconds)
            wait_s = max(wait_s, self._pace.take(seconds))
        if wait_s:
            await asyncio.sleep(wait_s)
        if data is None:
            await self._obey(hearing, message["text"])
            return
        if hearing.is_full:
            await hearing.room()
        try:
            hearing.feed(data)
        except InputError as error:
            self._complain(error)

    async def _watch_idle(self) -> None:
        """One timer that looks again, instead of one for each message."""
        idle_s = 0.0
        while idle_s < self._limits.idle_s:
            await asyncio.sleep(self._limits.idle_s - idle_s)
            idle_s = 0.0 if self._idle_since is None else self._loop.time() - self._idle_since
        raise Closing(POLICY, "nothing was sent for too long")

    async def _obey(self, hearing: Hearing, text: str) -> None:
        if len(text.encode()) > self._limits.text_bytes:
            raise Closing(TOO_LARGE, "the message is too long")
        try:
            message = parse(text)
        except NotJson as error:
            raise Closing(INVALID, str(error)) from error
        except UsageError as error:
            self._complain(error)
            return
        if isinstance(message, Configure):
            await self._configure(hearing, message)
            return
        await hearing.flush()
        if isinstance(message, Flush):
            self._put({"type": "statistics", **hearing.statistics()})
        else:
            self._stopped = True

    async def _configure(self, hearing: Hearing, message: Configure) -> None:
        """Where that cannot be done, everything stays as it was, and the client is told."""
        before = self._settings, self._vad
        given = {"language": message.language, "target_language": message.translate}
        given |= {"prompt": message.prompt, "hotwords": message.hotwords}
        self._settings = replace(self._settings, **{k: v for k, v in given.items() if v is not None})
        self._vad = self._vad | message.vad
        try:
            stages = await self._stages()
        except (WorkbenchError, ValidationError) as error:
            self._settings, self._vad = before
            if isinstance(error, ValidationError):
                error = UsageError(f"vad.{invalid(error.errors()).message}")
            self._complain(error)
            return
        await hearing.configure(stages, self._heard_with())
        self._seen.speaks(self._settings.language or "")

    def _complain(self, error: WorkbenchError) -> None:
        self._put(events.Error(code=error.code, message=error.message, hint=error.hint))
        self._wrong += 1
        if self._wrong > self._limits.wrong_messages:
            raise Closing(POLICY, "too many messages were wrong")

    # to the client

    async def _write(self) -> None:
        while (message := await self._outbox.get()) is not None:
            text, decided = message
            try:
                async with asyncio.timeout(self._limits.unread_s):
                    await self._websocket.send_text(text)
                self._seen.sent(len(text), decided)
            except TimeoutError:
                raise Closing(LATER, "the client does not read") from None
            except WebSocketDisconnect:
                raise Closing(GONE) from None


class _Allowance:
    """So much a second; what was not used of one second may be used in the next."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._left = rate
        self._loop = asyncio.get_running_loop()
        self._seen = self._loop.time()

    def take(self, amount: float) -> float:
        """Seconds to wait until `amount` is allowed."""
        now = self._loop.time()
        self._left = min(self._rate, self._left + (now - self._seen) * self._rate) - amount
        self._seen = now
        return -self._left / self._rate if self._left < 0 else 0.0
