"""Clients that keep to no rule: raw frames on raw sockets, and what a server holds before and after them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from tests.fakes import until
from tests.server.serving import Server

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def upgrade(query: str = "stages=vad", *headers: str) -> bytes:
    """The handshake of a WebSocket."""
    lines = [
        f"GET /v1/listen?{query} HTTP/1.1",
        "host: localhost",
        "upgrade: websocket",
        "connection: upgrade",
        "sec-websocket-version: 13",
        "sec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==",
        *headers,
    ]
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """A frame as a client sends it, if `masked` with a mask of zeros."""
    first, mask = (0x80 if fin else 0) | reserved << 4 | opcode, 0x80 if masked else 0
    if len(payload) < 126:
        head = bytes([first, mask | len(payload)])
    elif len(payload) < 65_536:
        head = bytes([first, mask | 126]) + len(payload).to_bytes(2, "big")
    else:
        head = bytes([first, mask | 127]) + len(payload).to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + payload


class Frame(NamedTuple):
    opcode: int
    payload: bytes

    @property
    def code(self) -> int:
        """Of a close."""
        return int.from_bytes(self.payload[:2], "big")


class Raw:
    """A WebSocket, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes) -> None:
        """`answer` was given to the handshake."""
        self.reader, self.writer, self.answer = reader, writer, answer

    async def frame(self) -> Frame:
        """The next frame of the server. Raises `IncompleteReadError` where there is none."""
        first, length = await self.reader.readexactly(2)
        if length in (126, 127):
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
        return Frame(first & 0x0F, await self.reader.readexactly(length))

    async def until(self, opcode: int) -> Frame:
        """The first frame of that kind."""
        while (found := await self.frame()).opcode != opcode:
            pass
        return found

    async def ended(self) -> bool:
        """Whether nothing more comes, when the server has closed the connection."""
        try:
            return not await self.reader.read()
        except ConnectionResetError:  # it had not read everything
            return True


@asynccontextmanager
async def connected(server: Server, query: str = "stages=vad", *headers: str) -> AsyncIterator[Raw]:
    """A WebSocket that was accepted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(upgrade(query, *headers))
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer
        yield Raw(reader, writer, answer)
    finally:
        writer.transport.abort()


def tasks() -> int:
    return sum(not task.done() for task in asyncio.all_tasks())


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@asynccontextmanager
async def nothing_left(server: Server) -> AsyncIterator[None]:
    """What clients do meanwhile leaves no descriptor, no task, no session and no stream of a pool."""
    await free(server)
    before = tasks(), descriptors()
    yield
    await free(server)
    await until(lambda: tasks() <= before[0] and descriptors() <= before[1])


async def free(server: Server) -> None:
    """Wait until it has no session, and no stream of a pool."""
    await until(lambda: all(not pool._dispatcher.stages for pool in server.session.pools()))
    async with server.http() as client:
        while "workbench_sessions 0.0" not in (await client.get("/metrics")).text:
            pass


def assert_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """No traceback, and no error, is in the log."""
    loud = [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]
    assert not loud, [record.getMessage() for record in loud]
