"""Streams over WebSocket, of a server that runs with quick engines."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any, NoReturn

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.fakes import run, until
from tests.server.serving import Mirror, Parrot, Server, pcm, serving, talk, told, tone
from workbench.errors import EngineError
from workbench.server.engines import Engines
from workbench.server.limits import Limits

STOP = '{"type": "stop"}'
UPGRADE = (
    "upgrade: websocket\r\nconnection: upgrade\r\n"
    "sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
FLUSH = '{"type": "flush"}'


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]


def texts(messages: list[dict[str, Any]]) -> list[str]:
    return [m["transcript"]["text"] for m in messages if m["type"] == "transcript" and m["transcript"]["is_final"]]


async def heard(server: Server, query: str, data: bytes, size: int = 3001) -> list[dict[str, Any]]:
    """Everything that comes for `data`, sent in pieces of `size` bytes."""
    async with server.listen(query) as socket:
        for first in range(0, len(data), size):
            await socket.send(data[first : first + size])
        await socket.send(STOP)
        return await told(socket, "done")


async def code(socket: ClientConnection) -> int | None:
    """What the server closes it with."""
    try:
        while True:
            await socket.recv()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


async def free(server: Server) -> None:
    """Wait until no stream is left on the server."""
    await until(lambda: all(not pool._dispatcher.stages for pool in server.session.pools()))
    async with server.http() as client:
        while "workbench_sessions 0.0" not in (await client.get("/metrics")).text:
            pass


@pytest.mark.parametrize("size", [1, 777, 3001, 64_000])
def test_speech_is_found_whatever_the_size_of_messages(size: int) -> None:
    async def test() -> None:
        async with serving(limits=Limits(messages_per_s=1e6)) as server:
            samples = talk(1.0, 0.5)[: 16_000 if size == 1 else None]
            data = pcm(samples)[: 8000 if size == 1 else None]
            messages = await heard(server, "stages=vad", data, size)
            assert messages[0] == {"type": "ready", "duration": None}
            assert messages[-1]["duration"] == pytest.approx(len(data) / 32_000)
            count = messages[-1]["statistics"]
            assert count["frames_judged"] == count["frames_received"] == len(data) // 1024
            if size > 1:
                found = [m for m in messages if m["type"] == "speech_ended"]
                assert [m["segment_id"] for m in found] == [0, 1]
                assert [m["start"] for m in found] == pytest.approx([0.0, 1.9], abs=0.1)
                assert [m["end"] for m in found] == pytest.approx([1.1, 2.6], abs=0.1)

    run(test)


def test_speech_is_recognized_and_translated() -> None:
    async def test() -> None:
        async with serving() as server:
            data = pcm(talk(1.0, 1.0))
            messages = await heard(server, "language=en", data)
            assert texts(messages) == ["Hello there.", "Hello there."]
            assert "translation" not in kinds(messages)
            both = await heard(server, "stages=vad,asr,translation&language=en&translate=xx", data)
            assert [m["translation"]["text"] for m in both if m["type"] == "translation"] == [".ereht olleH"] * 2
            assert kinds(both)[-2:] == ["statistics", "done"]

    run(test)


@pytest.mark.parametrize("stages", ["vad", "vad,asr"])
def test_other_rates_and_floats_are_taken(stages: str) -> None:
    async def test() -> None:
        async with serving() as server:
            data = np.repeat(talk(1.0), 3).astype("<f4").tobytes()
            messages = await heard(server, f"stages={stages}&sample_rate=48000&encoding=pcm_f32le", data)
            (ended,) = [m for m in messages if m["type"] == "speech_ended"]
            assert (ended["start"], ended["end"]) == pytest.approx((0.0, 1.1), abs=0.1)
            assert messages[-1]["duration"] == pytest.approx(2.0)

    run(test)


@pytest.mark.parametrize("stages", ["vad", "vad,asr"])
def test_a_flush_ends_speech_and_time_goes_on(stages: str) -> None:
    async def test() -> None:
        async with serving() as server, server.listen(f"stages={stages}") as socket:
            for _ in range(2):
                await socket.send(pcm(talk(1.0)[:16_000]))
                await socket.send(FLUSH)
            await socket.send(STOP)
            messages = await told(socket, "done")
            ended = [m for m in messages if m["type"] == "speech_ended"]
            assert [m["segment_id"] for m in ended] == [0, 1]
            assert ended[0]["end"] <= ended[1]["start"] + 0.001
            assert ended[1]["end"] == pytest.approx(2.0, abs=0.05)
            flushed = kinds(messages).index("statistics")
            assert messages.index(ended[0]) < flushed < messages.index(ended[1])

    run(test)


@pytest.mark.parametrize("stages", ["vad", "vad,asr"])
def test_options_change_while_audio_flows(stages: str) -> None:
    async def test() -> None:
        async with serving() as server, server.listen(f"stages={stages}") as socket:
            await socket.send(pcm(talk(1.0)))
            await socket.send('{"type": "configure", "vad": {"speech_pad_ms": 0}, "language": "en"}')
            await socket.send(pcm(talk(1.0)))
            await socket.send(STOP)
            ended = [m for m in await told(socket, "done") if m["type"] == "speech_ended"]
            assert [m["segment_id"] for m in ended] == [0, 1]
            assert ended[0]["end"] == pytest.approx(1.1, abs=0.04)
            assert ended[1]["start"] == pytest.approx(2.0, abs=0.04)
            assert ended[1]["end"] == pytest.approx(3.0, abs=0.04)

    run(test)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("encoding=mp3", 1003),
        ("sample_rate=5", 1003),
        ("sample_rate=many", 1003),
        ("stages=asr", 1008),
        ("language=..%2F..", 1008),
        ("nonsense=1", 1008),
        ("stages=vad,asr,translation", 1008),
        ("language=en&translate=yy&stages=vad,asr,translation", 1008),
    ],
)
def test_a_query_that_asks_for_the_impossible_closes_with_a_reason(query: str, expected: int) -> None:
    async def test() -> None:
        async with serving() as server, server.listen(query) as socket:
            error = json.loads(await socket.recv())
            assert error["type"] == "error"
            assert error["message"]
            assert await code(socket) == expected
            await free(server)

    run(test)


def test_a_stream_that_needs_a_plugin_which_is_not_there_is_told_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mirror, "pairs", ())  # no translator declares a pair: none is taken unless it is named

    async def test() -> None:
        async with serving() as server, server.listen("stages=vad,asr,translation&language=en&translate=xx") as socket:
            error = json.loads(await socket.recv())
            assert (error["code"], error["severity"]) == ("missing", "fatal")
            assert "no engine for translation is installed" in error["message"]
            assert "pip install workbench-bergamot" in error["hint"]
            assert await code(socket) == 1008

    run(test)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", 1007),
        ("{", 1007),
        ("[" * 60_000, 1007),
        ('{"type": "stop", "x": NaN}', 1007),
        ("1" * 5000, 1007),
        (" " * 70_000, 1009),
        (bytes(2_000_000), 1009),
    ],
    ids=["empty", "brace", "brackets", "NaN", "digits", "spaces", "bytes"],  # not the megabytes themselves
)
def test_a_message_that_cannot_be_read_closes(message: str | bytes, expected: int) -> None:
    async def test() -> None:
        async with serving() as server, server.listen("stages=vad") as socket:
            await socket.send(message)
            assert await code(socket) == expected
            await free(server)

    run(test)


@pytest.mark.parametrize(
    "message",
    [
        "[]",
        "null",
        '"stop"',
        "{}",
        '{"type": 7}',
        '{"type": "dance"}',
        '{"type": "flush", "now": true}',
        '{"type": "configure", "language": 7}',
        '{"type": "configure", "language": "../.."}',
        '{"type": "configure", "vad": {"threshold": 7}}',
        '{"type": "configure", "vad": {"treshold": 0.5}}',
        '{"type": "configure", "vad": []}',
    ],
)
def test_a_message_that_means_nothing_is_answered_and_the_stream_goes_on(message: str) -> None:
    async def test() -> None:
        async with serving() as server, server.listen("stages=vad") as socket:
            await socket.send(message)
            error = (await told(socket, "error"))[-1]
            assert (error["code"], error["severity"]) == ("usage", "error")
            await socket.send(pcm(talk(1.0)))
            await socket.send(STOP)
            assert "speech_ended" in kinds(await told(socket, "done"))

    run(test)


def test_engines_that_cannot_be_loaded_leave_a_stream_with_those_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(engines: Engines) -> NoReturn:
        raise EngineError("no memory is left")

    async def test() -> None:
        async with serving() as server, server.listen("stages=vad") as socket:
            await told(socket, "ready")
            with monkeypatch.context() as patch:
                patch.setattr(Engines, "detection", fails)
                await socket.send('{"type": "configure", "vad": {"threshold": 0.9}}')
                assert (await told(socket, "error"))[-1]["message"] == "no memory is left"
            await socket.send(pcm(talk(1.0)))
            await socket.send(STOP)
            assert "speech_ended" in kinds(await told(socket, "done"))

    run(test)


def test_too_many_of_them_end_the_stream() -> None:
    async def test() -> None:
        async with serving(limits=Limits(wrong_messages=3)) as server, server.listen() as socket:
            for _ in range(5):
                await socket.send("{}")
            assert await code(socket) == 1008
            await free(server)

    run(test)


@pytest.mark.parametrize("stages", ["vad", "vad,asr"])
def test_values_that_are_not_numbers_are_left_out(stages: str) -> None:
    async def test() -> None:
        async with serving() as server, server.listen(f"stages={stages}&encoding=pcm_f32le") as socket:
            await socket.send(np.full(1600, np.nan, "<f4").tobytes())
            assert (await told(socket, "error"))[-1]["code"] == "input"
            await socket.send(talk(1.0).astype("<f4").tobytes())
            await socket.send(STOP)
            assert (await told(socket, "done"))[-1]["duration"] == pytest.approx(2.0)

    run(test)


def test_a_client_that_says_nothing_is_closed() -> None:
    async def test() -> None:
        async with serving(limits=Limits(idle_s=0.05)) as server, server.listen() as socket:
            assert await code(socket) == 1008
            await free(server)

    run(test)


def test_a_client_that_sends_too_fast_is_held_back() -> None:
    async def test() -> None:
        async with serving(limits=Limits(pace=10.0)) as server:
            began = asyncio.get_running_loop().time()
            await heard(server, "stages=vad", pcm(np.tile(talk(1.0), 6)), 32_000)
            assert asyncio.get_running_loop().time() - began > 0.1

    run(test)


def test_one_of_many_that_does_not_read_is_closed_and_the_rest_go_on() -> None:
    async def test() -> None:
        async with serving(limits=Limits(waiting_events=4, unread_s=0.3, messages_per_s=1e6)) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(f"GET /v1/listen?stages=vad HTTP/1.1\r\nhost: localhost\r\n{UPGRADE}".encode())
            assert b"101" in await reader.readline()
            payload = b'{"type": "flush"}'
            frame = bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload
            writer.transport.pause_reading()  # type: ignore[attr-defined]

            async def flood() -> None:
                try:
                    while True:
                        writer.write(frame * 100)
                        await writer.drain()
                except ConnectionError:
                    pass

            flooding = asyncio.create_task(flood())
            assert texts(await heard(server, "language=en", pcm(talk(1.0)))) == ["Hello there."]
            await asyncio.wait([flooding])
            writer.close()
            await free(server)

    run(test)


@pytest.mark.parametrize("stages", ["vad", "vad,asr"])
def test_a_client_that_goes_at_any_byte_frees_everything(stages: str) -> None:
    async def test() -> None:
        async with serving() as server:
            body = pcm(talk(0.5))[:1000]
            payload = bytes([0x82, 0x80 | 126]) + len(body).to_bytes(2, "big") + bytes(4) + body
            handshake = (f"GET /v1/listen?stages={stages} HTTP/1.1\r\nhost: localhost\r\n{UPGRADE}").encode()
            data = handshake + payload
            before = asyncio.all_tasks()
            for count in [*range(0, len(handshake), 40), *range(len(handshake), len(data), 97)]:
                _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(data[:count])
                await writer.drain()
                writer.transport.abort()
            await free(server)
            await until(lambda: not {task for task in asyncio.all_tasks() if not task.done()} - before)

    run(test)


def test_a_client_that_goes_while_speech_is_recognized_frees_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(Parrot, "held", gate)

    async def test() -> None:
        async with serving() as server:
            async with server.listen("language=en") as socket:
                await socket.send(pcm(talk(1.0)))
                await until(lambda: Parrot.running > 0)
                socket.transport.abort()
            gate.set()
            await free(server)

    run(test)


def test_a_server_that_stops_tells_its_clients_the_rest() -> None:
    async def test() -> None:
        async with serving() as server:
            connection = server.listen("stages=vad")
            socket = await connection
            await told(socket, "ready")
            await socket.send(pcm(tone(0.5)))
            await told(socket, "speech_started")
        messages = await told(socket, "done")
        assert [message["type"] for message in messages] == ["speech_ended", "statistics", "done"]
        assert await code(socket) == 1001

    run(test)


def test_the_rest_may_take_longer_than_a_client_may_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, idle_s = threading.Event(), 0.4
    monkeypatch.setattr(Parrot, "held", gate)

    async def test() -> None:
        loop = asyncio.get_running_loop()

        async def let_go() -> None:
            await until(lambda: Parrot.running > 0)
            began = loop.time()
            await until(lambda: loop.time() > began + 2 * idle_s)
            gate.set()

        async with serving(limits=Limits(idle_s=idle_s, shutdown_s=20)) as server:
            socket = await server.listen("language=en")
            await told(socket, "ready")
            await socket.send(pcm(tone(0.5)))
            await told(socket, "speech_started")
            letting_go = asyncio.create_task(let_go())
        assert texts(await told(socket, "done")) == ["Hello there."]
        assert await code(socket) == 1001
        await letting_go

    run(test)


def test_what_comes_after_a_stop_is_not_heard_though_the_server_stops_too(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(Parrot, "held", gate)

    async def test() -> None:
        async def send_more(server: Server, socket: ClientConnection) -> None:
            await until(lambda: server.sockets[0].fileno() < 0)  # it stops
            await socket.send(pcm(tone(0.5)))
            await socket.ping()
            gate.set()

        async with serving(limits=Limits(shutdown_s=20)) as server:
            socket = await server.listen("language=en")
            await told(socket, "ready")
            await socket.send(pcm(tone(0.5)))
            await socket.send(STOP)
            await until(lambda: Parrot.running > 0)
            sending = asyncio.create_task(send_more(server, socket))
        messages = await told(socket, "done")
        assert messages[-1]["duration"] == pytest.approx(0.5)
        assert await code(socket) == 1000
        await sending

    run(test)


def test_fifty_clients_hear_what_each_would_alone() -> None:
    async def test() -> None:
        async with serving() as server:
            lengths = [0.4 + 0.02 * number for number in range(50)]
            found = await asyncio.gather(
                *(heard(server, "stages=vad", pcm(talk(length, 1.0)), 800 + 7 * n) for n, length in enumerate(lengths))
            )
            for length, messages in zip(lengths, found, strict=True):
                ended = [m for m in messages if m["type"] == "speech_ended"]
                assert ended[0]["end"] == pytest.approx(length + 0.1, abs=0.04)
                count = messages[-1]["statistics"]
                assert count["frames_judged"] == count["frames_received"] > 0
            await free(server)

    run(test)
