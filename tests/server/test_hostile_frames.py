"""What RFC 6455 asks of a server when a client breaks its rules."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.fakes import run
from tests.server.hostile import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Raw,
    assert_quiet,
    connected,
    frame,
    nothing_left,
)
from tests.server.hostile import upgrade as handshake
from tests.server.serving import pcm, serving, talk
from workbench.server.limits import Limits

STOP = b'{"type": "stop"}'
FLUSH = b'{"type": "flush"}'


async def event(raw: Raw, kind: str) -> dict[str, object]:
    while (told := json.loads((await raw.until(TEXT)).payload))["type"] != kind:
        pass
    return dict(told)


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


WRONG: list[tuple[str, bytes, int]] = [
    ("a frame without a mask", frame(BINARY, b"1234", masked=False), 1002),
    ("a reserved bit", frame(BINARY, b"1234", reserved=4), 1002),
    ("another reserved bit", frame(TEXT, FLUSH, reserved=1), 1002),
    ("an opcode of data that there is not", frame(3, b"1234"), 1002),
    ("an opcode of control that there is not", frame(11), 1002),
    ("a ping of more than 125 bytes", frame(PING, bytes(126)), 1002),
    ("a ping in fragments", frame(PING, b"12", fin=False), 1002),
    ("a continuation of nothing", frame(CONT, b"12"), 1002),
    ("a message within another", frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
    ("a close of one byte", frame(CLOSE, b"\x03"), 1002),
    ("a close code that there is not", close(999), 1002),
    ("a close code that is never sent", close(1005), 1002),
    ("a close code of nobody's", close(5000), 1002),
    ("a close reason that is no text", close(1000, b"\xff"), 1007),
    ("text that is no UTF-8", frame(TEXT, b'{"type": "\xff"}'), 1007),
    ("text whose UTF-8 is cut in two", frame(TEXT, b"\xc3"), 1007),
    ("a surrogate in UTF-8", frame(TEXT, b'"\xed\xa0\x80"'), 1007),
    ("text in fragments that is no UTF-8", frame(TEXT, b'"\xc3', fin=False) + frame(CONT, b'"'), 1007),
    ("a message that is too large", frame(BINARY, bytes(70_000)), 1009),
    ("a message that says it is too large", frame(BINARY, bytes(70_000))[:14], 1009),
    ("a length of 2^63", bytes([0x82, 0xFF]) + b"\x80" + bytes(11), 1009),
    (
        "a message that is too large in fragments",
        frame(BINARY, bytes(40_000), fin=False) + frame(CONT, bytes(40_000)),
        1009,
    ),
]


def test_what_breaks_a_rule_is_closed_with_the_code_for_it(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        limits = Limits(message_bytes=65_536, unread_s=0.2)  # none of these clients answers a close
        async with serving(limits=limits) as server, nothing_left(server):
            for what, data, expected in WRONG:
                async with connected(server) as raw:
                    raw.writer.write(data)
                    assert (await raw.until(CLOSE)).code == expected, what
                    assert await raw.ended(), what

    run(test)
    assert_quiet(caplog)


def test_what_breaks_a_rule_before_the_answer_to_the_handshake_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with serving() as server, nothing_left(server):
            for what, data, _ in WRONG:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(handshake() + data)
                assert b" 101 " in await reader.readline(), what
                writer.transport.abort()

    run(test)
    assert_quiet(caplog)


@pytest.mark.parametrize(
    "headers",
    [
        ["x: " + "1" * 20_000],  # is more than the WebSocket library takes, and less than HTTP does
        [f"x-{number}: 1" for number in range(90)],
        ["sec-websocket-version: 7"],
        ["sec-websocket-key: c2hvcnQ="],
        ["sec-websocket-protocol: ,,\xff,("],
        ["sec-websocket-extensions: permessage-deflate; ((("],
        ["sec-websocket-extensions: permessage-deflate"],
        ["connection: ,,", "upgrade: \xff"],
        ["origin: http://localhost", "x: \xff\xfe"],
    ],
)
def test_a_strange_handshake_is_answered(headers: list[str], caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with serving() as server, nothing_left(server):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(handshake("stages=vad", *headers))
            assert (await reader.readline()).startswith(b"HTTP/1.1 ")
            writer.transport.abort()

    run(test)
    assert_quiet(caplog)


def test_messages_come_in_fragments_with_pings_between_them() -> None:
    async def test() -> None:
        async with serving() as server, nothing_left(server), connected(server) as raw:
            audio = pcm(talk(1.0))
            for first in range(0, len(audio), 8_000):
                part = audio[first : first + 8_000]
                raw.writer.write(frame(BINARY, part[:1], fin=False) + frame(CONT, fin=False))
                raw.writer.write(frame(PING, b"are you there") + frame(CONT, part[1:]))
                assert (await raw.until(PONG)).payload == b"are you there"
            raw.writer.write(frame(PONG, b"nobody asked") + frame(TEXT, STOP[:5], fin=False) + frame(CONT, STOP[5:]))
            assert (await event(raw, "done"))["duration"] == 2.0
            assert (await raw.until(CLOSE)).code == 1000

    run(test)


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
def test_a_close_is_answered_with_its_code(code: int, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with serving() as server, nothing_left(server), connected(server) as raw:
            raw.writer.write(close(code, b"bye") + frame(BINARY, b"1234"))
            assert (await raw.until(CLOSE)).code == code
            assert await raw.ended()

    run(test)
    assert_quiet(caplog)


def test_compression_that_a_client_asks_for_is_not_used() -> None:
    async def test() -> None:
        async with serving() as server:
            extension = "sec-websocket-extensions: permessage-deflate; client_max_window_bits"
            async with connected(server, "stages=vad", extension) as raw:
                assert b"permessage-deflate" not in raw.answer.lower()
                raw.writer.write(frame(TEXT, FLUSH, reserved=4))
                assert (await raw.until(CLOSE)).code == 1002

    run(test)
