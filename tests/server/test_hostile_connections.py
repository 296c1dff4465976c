"""Clients that go at any byte, do not read, or send without end: what they held is free again, and others go on."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import random
import socket
import threading
from typing import Any

import numpy as np
import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from tests.fakes import run, stopwatch, until
from tests.server.hostile import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    TEXT,
    assert_quiet,
    connected,
    frame,
    nothing_left,
    upgrade,
)
from tests.server.serving import Parrot, Server, pcm, serving, talk, told
from workbench.server.limits import Limits

DROPS = 1_000
AT_ONCE = 10
STOP = frame(TEXT, b'{"type": "stop"}')
FLUSH = frame(TEXT, b'{"type": "flush"}')
LITTLE_S = 0.3


def life(rng: random.Random) -> bytes:
    """All that a client says in its life, with masks, fragments and pings."""
    query = f"stages={rng.choice(['vad', 'vad,asr'])}&language=en"
    audio = pcm(talk(0.2))[:9_000]
    return (
        upgrade(query)
        + frame(BINARY, audio[:999])
        + frame(BINARY, audio[999:5000], fin=False)
        + frame(PING, b"?")
        + frame(CONT, audio[5000:])
        + FLUSH
        + STOP
        + frame(CLOSE, b"\x03\xe8")
    )


async def dropped(server: Server, rng: random.Random) -> None:
    """Connect, say a part of it, and go: at once with a reset, with half a goodbye, or after some answer."""
    said = life(rng)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    handshake = said.index(b"\r\n\r\n") + 4
    count = rng.randrange(len(said) + 1) if rng.random() < 0.7 else rng.randrange(handshake + 1)
    writer.write(said[: min(count, handshake)])
    try:
        if count > handshake:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said[handshake:count])
            if rng.random() < 0.5:
                await reader.read(1)
        if rng.random() < 0.5:
            writer.write_eof()
            await reader.read(rng.choice([1, 1000]))
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()


def test_clients_that_go_at_random_bytes_leave_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        rng = random.Random(20)
        async with serving(limits=Limits(handshake_s=LITTLE_S)) as server, nothing_left(server):
            for _ in range(DROPS // AT_ONCE):
                await asyncio.gather(*(dropped(server, rng) for _ in range(AT_ONCE)))
            assert await stream(server) == ["Hello there."]

    run(test)
    assert_quiet(caplog)


async def stream(server: Server) -> list[str]:
    """What a client hears that keeps to the rules."""
    async with server.listen("language=en") as socket:
        await socket.send(pcm(talk(1.0)))
        await socket.send('{"type": "stop"}')
        found = [one["transcript"] for one in await told(socket, "done") if one["type"] == "transcript"]
        return [one["text"] for one in found if one["is_final"]]


def test_what_a_client_sent_that_is_gone_is_not_worked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, calls, process = threading.Event(), [], Parrot.process

    def counted(self: Parrot, item: Any, state: Any) -> Any:
        calls.append(item)
        return process(self, item, state)

    monkeypatch.setattr(Parrot, "held", gate)
    monkeypatch.setattr(Parrot, "process", counted)

    async def test() -> None:
        async with serving(limits=Limits(pace=1e6, ping_s=0.2)) as server, nothing_left(server):
            try:
                async with connected(server, "language=en") as raw:
                    raw.writer.write(frame(BINARY, pcm(np.tile(talk(0.5), 20))))
                    await until(lambda: Parrot.running > 0)
                    raw.writer.write(frame(BINARY, bytes(900_000)) * 2)
                    (protocol,) = websockets()
                await until(lambda: protocol.disconnected)
            finally:
                gate.set()

    run(test)
    assert len(calls) < 5


def websockets() -> list[WebSocketsSansIOProtocol]:
    """Those of the server that are open."""
    found = [one for one in gc.get_objects() if isinstance(one, WebSocketsSansIOProtocol)]
    return [one for one in found if not one.disconnected]


# that do not read


async def unread(server: Server) -> asyncio.StreamWriter:
    """A WebSocket of a client with a small buffer, which reads nothing after the answer to its handshake."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", server.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
    writer.write(upgrade())
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    return writer


async def flood(writer: asyncio.StreamWriter, data: bytes) -> int:
    """How many bytes of `data`, again and again, were taken until the server ended the connection."""
    sent = 0
    try:
        while True:
            writer.write(data)
            await writer.drain()
            sent += len(data)
    except ConnectionError:
        return sent


def test_pings_of_a_client_that_does_not_read_are_not_answered_without_end() -> None:
    async def test() -> None:
        async with serving(limits=Limits(ping_s=1.0)) as server, nothing_left(server):
            writer = await unread(server)
            (protocol,) = websockets()
            waiting = 0
            with contextlib.suppress(ConnectionError):
                while not protocol.disconnected:
                    writer.write(frame(PING, bytes(125)) * 1000 + frame(BINARY, b"12"))
                    await writer.drain()
                    waiting = max(waiting, protocol.transport.get_write_buffer_size())
            assert waiting < 1_000_000
            writer.close()

    run(test)


def test_one_that_reads_again_in_time_learns_why_its_stream_ended() -> None:
    async def test() -> None:
        limits = Limits(waiting_events=8, messages_per_s=1e6, unread_s=60.0)
        async with serving(limits=limits) as server, nothing_left(server), connected(server) as raw:
            raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
            writing = asyncio.create_task(flood(raw.writer, FLUSH * 500))
            async with server.http() as client:
                while 'closed_total{code="1013"} 1.0' not in (await client.get("/metrics")).text:
                    pass
            raw.writer.transport.resume_reading()  # type: ignore[attr-defined]
            assert (await raw.until(CLOSE)).code == 1013
            raw.writer.transport.abort()
            await asyncio.wait([writing])

    run(test)


# that send without end


def test_more_messages_at_once_than_a_second_may_have_end_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with serving(limits=Limits(messages_per_s=200)) as server, nothing_left(server):
            async with connected(server) as raw:
                raw.writer.write(frame(BINARY, b"1") * 3000)
                assert (await raw.until(CLOSE)).code == 1008
            async with connected(server) as raw:  # the same, not all at once
                for _ in range(3):
                    raw.writer.write(frame(BINARY, b"12") * 100 + FLUSH)
                    while json.loads((await raw.until(TEXT)).payload)["type"] != "statistics":
                        pass

    run(test)
    assert_quiet(caplog)


def test_fragments_of_nothing_take_no_memory() -> None:
    async def test() -> None:
        async with serving() as server, nothing_left(server), connected(server) as raw:
            raw.writer.write(frame(TEXT, b"{", fin=False))
            for _ in range(50):
                raw.writer.write(frame(CONT, b"", fin=False) * 1000)
                await raw.writer.drain()
            raw.writer.write(frame(PING, b"here"))
            await raw.until(10)
            (protocol,) = websockets()
            assert [bytes(part) for part in protocol.frames] == [b"{"]

    run(test)


@pytest.mark.parametrize("stages", ["vad", "vad,asr"])
def test_audio_that_comes_too_fast_waits_at_its_client(stages: str) -> None:
    async def test() -> None:
        async with serving(limits=Limits(pace=100.0)) as server, nothing_left(server):
            async with connected(server, f"stages={stages}") as raw:
                flooding = asyncio.create_task(flood(raw.writer, frame(BINARY, bytes(32_000))))
                with stopwatch() as passed:
                    assert await stream(server) == ["Hello there."]
                    assert passed() < 5
            await asyncio.wait([flooding])

    run(test)


@pytest.mark.parametrize("begun", [frame(BINARY, bytes(1000))[:9], frame(TEXT, b"{", fin=False), b"\x82"])
def test_a_message_that_never_ends_is_no_message(begun: bytes) -> None:
    async def test() -> None:
        async with serving(limits=Limits(idle_s=LITTLE_S)) as server, nothing_left(server), connected(server) as raw:
            raw.writer.write(begun)
            assert (await raw.until(CLOSE)).code == 1008

    run(test)


def test_a_client_that_answers_no_ping_is_gone() -> None:
    async def test() -> None:
        async with serving(limits=Limits(ping_s=0.1)) as server, nothing_left(server), connected(server) as raw:
            await raw.until(PING)
            assert (await raw.until(CLOSE)).code == 1011

    run(test)
