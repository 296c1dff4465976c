"""What `workbench serve` prints on standard output where no screen is: a line for what happens, plain or as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from workbench.cli import console
from workbench.clock import clock
from workbench.server.activity import Activity
from workbench.server.facts import Closed, Failure, Happening, Opened, Snapshot, StreamFacts

MOST: Final = 1000
"""Lines that may wait for whoever reads them."""
PATIENCE_S: Final = 1.0
"""How long they may be waited for in the end."""
_LOOKED_AT: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Requests that change nothing worth a line."""


class Lines:
    """On the loop, which never waits for whoever reads the lines: those that find no room are left out, and counted."""

    def __init__(self, every_s: float, *, as_json: bool) -> None:
        """`every_s`: seconds between two lines on how things are; there is one only when something changed."""
        self._every_s = every_s
        self._as_json = as_json
        self._snapshot: Callable[[], Snapshot] | None = None
        self._writer = _Writer()

    def began(self, activity: Activity, addresses: Sequence[str], token_file: str) -> None:
        """Tell what happens from now on."""
        self._snapshot = activity.snapshot
        activity.watch(self._happened)
        if self._as_json:
            self._put("listening", {"addresses": list(addresses), "token_file": token_file or None}, "")

    async def repeat(self) -> None:
        """Tell how things are, for ever."""
        before: Any = None
        while True:
            await asyncio.sleep(self._every_s)
            if self._snapshot is None:
                continue
            now = self._snapshot()
            if before not in (None, changing(now)) or (before is None and now.streams_opened):
                self._put("status", now.to_dict(), status_line(now))
            before = changing(now)

    async def end(self) -> None:
        """Tell what it came to, and wait a moment for whoever reads."""
        if self._snapshot is not None:
            now = self._snapshot()
            self._put("stopped", now.to_dict(), f"stopped after {clock(now.up_s)}, {now.streams_opened} streams")
        await self._writer.close(PATIENCE_S)

    def _happened(self, happening: Happening) -> None:
        values: dict[str, Any]
        match happening:
            case Opened(stream):
                values, line = {"stream": stream.to_dict()}, opened_line(stream)
            case Closed(stream, code, reason):
                values = {"stream": stream.to_dict(), "code": code, "reason": reason}
                line = closed_line(stream, code, reason)
            case Failure(_, where, message, hint):
                values = {"where": where, "message": message, "hint": hint}
                line = f"error  {where}: {message}" + (f"  {hint}" if hint else "")
        self._put(happening.type, values, line)

    def _put(self, type: str, values: Mapping[str, Any], line: str) -> None:
        now = time.time()
        if self._as_json:
            line = json.dumps({"type": type, "at": round(now, 3), **values}, ensure_ascii=False, default=float)
        else:
            line = f"{time.strftime('%H:%M:%S', time.localtime(now))}  {console.printable(line).replace(chr(10), '  ')}"
        self._writer.put(line)


class _Writer:
    """Lines to standard output, from a thread of its own. When nothing takes them any more, the server goes on."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[str | None] = queue.Queue(MOST)
        self._left_out = 0
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        threading.Thread(target=self._write, name="lines", daemon=True).start()  # a reader that hangs holds nothing up

    def put(self, line: str) -> None:
        try:
            if self._left_out:
                self._waiting.put_nowait(f"({self._left_out} lines were left out: nobody read them)")
                self._left_out = 0
            self._waiting.put_nowait(line)
        except queue.Full:
            self._left_out += 1

    async def close(self, patience_s: float) -> None:
        try:
            self._waiting.put_nowait(None)
            async with asyncio.timeout(patience_s):
                await self._ended.wait()
        except (queue.Full, TimeoutError):
            return  # nobody reads

    def _write(self) -> None:
        while (line := self._waiting.get()) is not None:
            data = memoryview(f"{line}\n".encode("utf-8", "backslashreplace"))
            try:
                while data:
                    data = data[os.write(sys.__stdout__.fileno(), data) :]  # type: ignore[union-attr]
            except (OSError, ValueError, AttributeError) as error:
                console.say(f"note: standard output takes nothing more: {error}")
                return
        self._loop.call_soon_threadsafe(self._ended.set)


# in words


def opened_line(stream: StreamFacts) -> str:
    return f"session {stream.id} opened  {stream.client}  {stream.stages}" + _spoken(stream)


def closed_line(stream: StreamFacts, code: int, reason: str) -> str:
    why = f"{code} {reason}".rstrip()
    heard = f"{stream.received_s:.1f} s of audio in {clock(stream.open_s)}"
    if stream.frames_received:
        heard += f", {stream.frames_judged} of {stream.frames_received} frames judged"
    told = f"latency p50 {_ms(stream.latency_p50_s)} p95 {_ms(stream.latency_p95_s)}, {stream.coalesced} coalesced"
    return f"session {stream.id} closed  {stream.client}  {why}: {heard}, {told}"


def status_line(now: Snapshot) -> str:
    parts = [
        f"{now.sessions} sessions, most {now.most_sessions} of {now.sessions_limit}",
        f"{sum(stream.pace for stream in now.streams):.1f} x real time",
        f"{now.requests_per_s:.1f} requests/s",
        *(f"{of} p50 {_ms(one.p50)} p95 {_ms(one.p95)}" for of, one in now.latency.items() if one.count),
        f"loop lag p50 {_ms(now.lag.p50)} p99 {_ms(now.lag.p99)}",
        f"{now.coalesced} coalesced",
        f"{now.errors} errors",
    ]
    return ", ".join([*parts, "NOT READY" if now.problem else "ready"])


def changing(now: Snapshot) -> tuple[Any, ...]:
    """What a new line on how things are is worth."""
    asked = sum(one.took.count for one in now.requests if one.path not in _LOOKED_AT)
    phases = tuple((one.kind, one.engine, one.phase) for one in now.engines)
    audio = tuple(now.audio_s.values())
    return now.sessions, now.streams_opened, asked, audio, now.errors, now.problem, phases


def _spoken(stream: StreamFacts) -> str:
    return f"  {stream.language}" if stream.language else ""


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms" if seconds else "-"
