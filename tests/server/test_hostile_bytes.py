"""What is hardly HTTP: each connection gets an answer that blames the request, or an end."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.fakes import run
from tests.server.hostile import assert_quiet, nothing_left, upgrade
from tests.server.serving import Server, serving
from workbench.server.limits import Limits

REQUESTS = 600
AT_ONCE = 10
BASES = [
    b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"POST /v1/audio/speech HTTP/1.1\r\nhost: localhost\r\ncontent-length: 20\r\n\r\n" + b'{"input": "Hi there"}',
    b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n"
    b"content-type: multipart/form-data; boundary=x\r\n\r\n5\r\n--x\r\n\r\n0\r\n\r\n",
    upgrade("stages=vad"),
]
PIECES = [
    b"\0", b"\r", b"\n", b"\r\n\r\n", b" ", b":", b"%", b"%00", b"%ff", b"\xff", b"/../", b"?", b"#", b"HTTP/9.9",
    b"-1", b"9" * 30, b"content-length: 5\r\n", b"transfer-encoding: chunked\r\n", b"host: x\r\n",
    b"expect: 100-continue\r\n", b"ffffffffffffffff\r\n", b"A" * 5000, b"upgrade: websocket\r\n",
    b"connection: close\r\n",
]  # fmt: skip


def broken(rng: random.Random) -> bytes:
    """A request with bytes put in, taken out and written over."""
    data = bytearray(rng.choice(BASES))
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0:
                data[at:at] = rng.choice(PIECES)
            case 1:
                del data[at : at + rng.randrange(1, 9)]
            case 2:
                data[at : at + 1] = rng.randbytes(1)
            case _:
                data[at:at] = data[: rng.randrange(len(data) + 1)]
    return bytes(data)


async def statuses(server: Server, data: bytes) -> list[int]:
    """Of the answers to `data`, after which nothing comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    found = b""
    try:
        writer.write(data)
        writer.write_eof()
        while part := await reader.read(65_536):
            found += part
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()
    return [int(line.split()[1]) for line in found.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


def test_broken_requests_get_answers_that_blame_them(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        rng = random.Random(22)
        async with serving(limits=Limits(handshake_s=0.5, idle_s=0.5)) as server, nothing_left(server):
            for _ in range(REQUESTS // AT_ONCE):
                sent = [broken(rng) for _ in range(AT_ONCE)]
                for data, answers in zip(
                    sent, await asyncio.gather(*(statuses(server, data) for data in sent)), strict=True
                ):
                    assert all(status < 500 for status in answers), (data[:300], answers)

    run(test)
    assert_quiet(caplog)
