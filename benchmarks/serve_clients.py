"""The clients of `benchmarks.serve`, in a process of their own. They write frames themselves, to cost little."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np

from benchmarks import recording
from workbench.events import SpeechEnded, SpeechStarted
from workbench.pool import Pool
from workbench.stream import StreamProcessor

RATE: Final = 16_000
MESSAGE: Final = RATE // 10
"""Samples."""
SOURCES: Final = 10
"""Places of the recording at which clients begin."""
STARTS_S: Final = 10.0
"""Within which clients connect."""
AT_ONCE: Final = 20
"""Clients that drop."""
UPGRADE: Final = (
    b"GET /v1/listen?stages=vad HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes) -> bytes:
    """Masked with zeros. At most 65,535 bytes."""
    if len(payload) < 126:
        return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload
    return bytes([0x80 | opcode, 0xFE]) + len(payload).to_bytes(2, "big") + bytes(4) + payload


STOP: Final = frame(_TEXT, b'{"type": "stop"}')


@dataclass(slots=True)
class Source:
    """What a client sends, and what it should hear."""

    messages: list[bytes]
    """Frames."""
    expected: dict[tuple[str, int], tuple[int, float]]
    """For each event, by its type and segment: the message that decides it, and the start."""


@dataclass(slots=True)
class Heard:
    """By all clients."""

    latencies: list[float] = field(default_factory=list)
    events: int = 0
    expected: int = 0
    """Events that are those of a stream alone."""
    errors: int = 0
    frames_judged: int = 0
    done: int = 0


# that speak


async def speak(url: str, clients: int, seconds: float) -> dict[str, Any]:
    pcm, name = sound(seconds)
    sources = [await source(one) for one in pcm]
    heard, started, cpu = Heard(), time.monotonic(), time.process_time()
    async with asyncio.TaskGroup() as tasks:
        for number in range(clients):
            tasks.create_task(client(url, sources[number % SOURCES], STARTS_S * number / clients, heard))
    return {
        "source": name,
        "prepared_s": started - BEGAN,
        "took_s": time.monotonic() - started,
        "cores": (time.process_time() - cpu) / (time.monotonic() - started),
        "messages": sum(len(sources[number % SOURCES].messages) for number in range(clients)),
        "frames_sent": sum(-(-len(pcm[number % SOURCES]) // 512) for number in range(clients)),
        "frames_judged": heard.frames_judged,
        "clients_done": heard.done,
        "events": heard.events,
        "expected": heard.expected,
        "errors": heard.errors,
        "latency_p50_ms": float(np.percentile(heard.latencies, 50)) * 1e3,
        "latency_p99_ms": float(np.percentile(heard.latencies, 99)) * 1e3,
    }


def sound(seconds: float) -> tuple[list[Any], str]:
    """What clients say, in int16, each from another place of the recording; and where it comes from."""
    clips, name = recording.clips()
    whole = (np.clip(recording.samples(clips), -1, 1) * 32767).astype("<i2")
    count = round(seconds * 10) * MESSAGE
    return [np.resize(np.roll(whole, -place), count) for place in range(0, len(whole), len(whole) // SOURCES + 1)], name


async def source(pcm: Any) -> Source:
    from workbench_silero_vad import Silero  # type: ignore[import-untyped]

    parts = [pcm[first : first + MESSAGE].tobytes() for first in range(0, len(pcm), MESSAGE)]
    expected: dict[tuple[str, int], tuple[int, float]] = {}
    async with Pool(lambda: Silero(Silero.Options())) as pool, StreamProcessor(pool, keep_audio=False) as stream:
        for number, part in enumerate(parts):
            for event in await stream.process_chunk(part):
                assert isinstance(event, SpeechStarted | SpeechEnded)
                expected[event.type, event.segment_id] = number, event.start
    return Source([frame(_BINARY, part) for part in parts], expected)


async def client(url: str, source: Source, wait_s: float, heard: Heard) -> None:
    await asyncio.sleep(wait_s)
    reader, writer = await connected(url)
    writer.write(UPGRADE)
    await reader.readuntil(b"\r\n\r\n")
    sent: list[float] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(listen(reader, writer, source, sent, heard))
        began = time.monotonic()
        for number, message in enumerate(source.messages):
            writer.write(message)
            sent.append(time.monotonic())
            await asyncio.sleep(began + (number + 1) / 10 - time.monotonic())
        writer.write(STOP)
    writer.close()


async def listen(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, source: Source, sent: list[float], heard: Heard
) -> None:
    while True:
        first, length = await reader.readexactly(2)
        if length == 126:
            length = int.from_bytes(await reader.readexactly(2), "big")
        payload = await reader.readexactly(length)
        match first & 0x0F:
            case 8:
                return
            case 9:
                writer.write(frame(_PONG, payload))
            case 1:
                take(json.loads(payload), source, sent, heard)


def take(event: dict[str, Any], source: Source, sent: list[float], heard: Heard) -> None:
    now = time.monotonic()
    if event["type"] == "done":
        heard.done += 1
        heard.frames_judged += event["statistics"]["frames_judged"]
    elif event["type"] == "error":
        heard.errors += 1
    elif event["type"].startswith("speech_") and len(sent) < len(source.messages):  # the rest is decided by the stop
        heard.events += 1
        number, start = source.expected.get((event["type"], event["segment_id"]), (0, -1.0))
        if abs(start - event["start"]) < 1e-6:
            heard.expected += 1
            heard.latencies.append(now - sent[number])


async def connected(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(url)
    return await asyncio.open_connection(address.hostname, address.port)


# that drop


async def drop(url: str, count: int) -> dict[str, Any]:
    rng, began = random.Random(0), time.monotonic()
    pcm = sound(2.0)[0][0].tobytes()
    messages = [frame(_BINARY, pcm[first : first + 2 * MESSAGE]) for first in range(0, len(pcm), 2 * MESSAGE)]
    said = b"".join([UPGRADE, *messages, frame(_PING, b"?"), STOP, frame(_CLOSE, b"\x03\xe8")])
    for _ in range(0, count, AT_ONCE):
        await asyncio.gather(*(drop_one(url, said, rng) for _ in range(AT_ONCE)), return_exceptions=True)
    return {"drops": count, "took_s": time.monotonic() - began}


async def drop_one(url: str, said: bytes, rng: random.Random) -> None:
    reader, writer = await connected(url)
    count = rng.randrange(len(said) + 1) if rng.random() < 0.7 else rng.randrange(len(UPGRADE) + 1)
    try:
        writer.write(said[: min(count, len(UPGRADE))])
        if count > len(UPGRADE):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said[len(UPGRADE) : count])
        if rng.random() < 0.5:
            writer.write_eof()
            await reader.read(1)
    finally:
        writer.transport.abort()


BEGAN = time.monotonic()

if __name__ == "__main__":
    what, url, *numbers = sys.argv[1:]
    work = speak(url, int(numbers[0]), float(numbers[1])) if what == "speak" else drop(url, int(numbers[0]))
    print(json.dumps(asyncio.run(work)))
