"""Small files that are much when they are decoded, or that lie: each is refused with the reason, at little cost."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import AsyncIterator, Callable

import av
import numpy as np
import psutil
import pytest

from tests.fakes import run
from tests.server.hostile import nothing_left
from tests.server.serving import Server, pcm, serving, talk
from tests.server.test_http import stored
from workbench.audio.wav import header
from workbench.server.limits import Limits

LIMITS = Limits(audio_s=600.0, decode_s=5.0)


def silence(codec: str, container: str, seconds: int, rate: int = 48_000) -> bytes:
    """A file of that many seconds in few bytes. It does not say how long it is: its end was not known."""
    file = io.BytesIO()
    file.seekable = lambda: False  # type: ignore[method-assign]
    with av.open(file, "w", container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        for second in range(seconds):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, rate), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, second * rate
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def wav(*, channels: int = 1, rate: int = 16_000, bits: int = 16, claimed: int | None = None) -> bytes:
    """A second of silence whose header says what is given here."""
    width = channels * bits // 8
    data = bytes(min(width * rate, 1_000_000))
    size = len(data) if claimed is None else claimed
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, min(rate * width, 2**32 - 1), width & 0xFFFF, bits)
    return struct.pack("<4sI4s", b"RIFF", 0xFFFFFFFF, b"WAVE") + fmt + struct.pack("<4sI", b"data", size) + data


def tracks(count: int) -> bytes:
    """A video with so many tracks of sound."""
    file = io.BytesIO()
    with av.open(file, "w", "matroska") as output:
        streams = [output.add_stream("pcm_s16le", rate=8_000, layout="mono") for _ in range(count)]
        for stream in streams:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 8_000, 0
            output.mux(stream.encode(frame))
    return file.getvalue()


async def answer(server: Server, name: str, data: bytes) -> tuple[int, str]:
    async with server.http() as client:
        found = await client.post("/v1/audio/transcriptions", files={"file": (name, data)})
        return found.status_code, found.json().get("error", {}).get("message", "")


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("long.flac", lambda: silence("flac", "flac", 620), "is longer than 0.1"),
        ("long.ogg", lambda: silence("libopus", "ogg", 620), "is longer than 0.1"),
        ("wide.wav", lambda: wav(channels=255), "has 255 channels"),
        ("fast.wav", lambda: wav(rate=1_000_000_000), "at 1000000000 Hz"),
        ("slow.wav", lambda: wav(rate=1), "at 1 Hz"),
    ],
)
def test_a_file_beyond_the_limits_is_refused_with_the_limit(name: str, make: Callable[[], bytes], said: str) -> None:
    data = make()
    assert len(data) < 1_100_000

    async def test() -> None:
        async with serving(limits=LIMITS) as server, nothing_left(server):
            memory, began = psutil.Process().memory_info().rss, time.process_time()
            status, message = await answer(server, name, data)
            assert (status, message[: len(name) + 2]) == (400, f"'{name}'")
            assert said in message
            assert psutil.Process().memory_info().rss - memory < 100_000_000
            assert time.process_time() - began < 10
            assert stored() == []

    run(test)


LYING = {
    "none.wav": wav(claimed=0),
    "endless.wav": wav(claimed=0xFFFFFFFF),
    "odd.wav": wav(channels=0),
    "deep.wav": wav(bits=255),
    "head.wav": header(16_000, 16_000),
    "tracks.mkv": tracks(300),
    "twice.wav": (header(16_000, 16_000) + pcm(talk(1.0))) * 2,
    "RIFF.wav": b"RIFF\xff\xff\xff\xffWAVE" + b"LIST\xff\xff\xff\xff" + bytes(1000),
    "ogg.ogg": b"OggS" * 5000,
    "mp4.mp4": b"\0\0\0\x18ftypmp42" + b"\0\0\0\x08moov" * 5000,
    "id3.mp3": b"ID3\x04\0\x80\x7f\x7f\x7f\x7f" + bytes(5000),
}


@pytest.mark.parametrize("name", LYING)
def test_a_file_that_lies_is_heard_or_refused(name: str) -> None:
    async def test() -> None:
        async with serving(limits=LIMITS) as server, nothing_left(server):
            status, message = await answer(server, name, LYING[name])
            assert status == 200 or (status == 400 and message), (status, message)
            assert stored() == []

    run(test)


def test_decoding_that_costs_too_much_is_given_up() -> None:
    data = silence("flac", "flac", 300, 96_000)

    async def test() -> None:
        async with serving(limits=Limits(decode_s=0.01, decode_factor=1e-6)) as server, nothing_left(server):
            status, message = await answer(server, "costly.flac", data)
            assert status == 400
            assert "takes too long to decode" in message

    run(test)


def test_an_upload_goes_to_disk_and_takes_no_memory() -> None:
    size, block = 60_000_000, bytes(60_000)

    async def body() -> AsyncIterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for _ in range(size // len(block)):
            yield block
        yield b"\r\n--x--\r\n"

    async def test() -> None:
        async with serving() as server, server.http() as client:
            memory = psutil.Process().memory_info().rss
            kind = {"content-type": "multipart/form-data; boundary=x"}
            found = await client.post("/v1/audio/transcriptions", content=body(), headers=kind)
            assert found.status_code == 400  # it holds nothing
            assert psutil.Process().memory_info().rss - memory < 20_000_000
            assert stored() == []

    run(test)
