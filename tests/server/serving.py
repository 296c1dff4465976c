"""A server in this process, with quick engines, and clients for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx2
import numpy as np
from websockets.asyncio.client import ClientConnection, connect

import workbench
from tests.fakes import Loudness, registry
from workbench.builtin.file import FileCapture
from workbench.builtin.subtitles import SubtitleExporter
from workbench.engines import Settings
from workbench.profiles.schema import parse_profile
from workbench.server.access import Access, access, bind, url
from workbench.server.limits import Limits
from workbench.server.serving import serve
from workbench.session import Session
from workbench.types import Samples

RATE = 16_000
PROFILE = 'schema = 1\nname = "test"\n[vad]\nengine = "loudness"\noptions.speech_pad_ms = 100\n'


class Ear(Loudness):
    """What is loud is speech."""

    def __init__(self, options: Any) -> None:
        super().__init__()


class Parrot(workbench.Recognizer):
    """Says the same of every segment. It waits until `held` is set."""

    name = "parrot"
    held: ClassVar[threading.Event] = threading.Event()
    held.set()
    fails: ClassVar[bool] = False
    running: ClassVar[int] = 0

    class Options(workbench.Options):
        model: str = "small-parrot"

    def __init__(self, options: Options) -> None:
        if self.fails:
            raise workbench.EngineError("the parrot is ill", hint="Call for help.")

    def process(self, item: workbench.Window, state: Settings) -> Iterator[workbench.Transcript]:
        Parrot.running += 1
        try:
            while not self.held.wait(0.01):
                yield from ()
        finally:
            Parrot.running -= 1
        start = 0.0
        for segment in item.segments:
            middle, end = start + segment.audio.duration / 2, start + segment.audio.duration
            words = [workbench.Word(start, middle, " Hello", 0.75), workbench.Word(middle, end, " there.", 0.5)]
            language = state.language or "en"
            yield item.transcript("Hello there.", language=language, start=start, end=end, words=words)
            start = end + item.pause_s

    def detect_language(self, window: workbench.Window) -> str:
        return "en"


class Mirror(workbench.Translator):
    """Writes English backwards."""

    name = "mirror"
    pairs: ClassVar[Sequence[tuple[str, str]]] = (("en", "xx"),)

    def __init__(self, options: Any) -> None:
        """Takes none."""

    def process(self, item: workbench.Transcript, state: Settings) -> Iterator[workbench.Translation]:
        yield item.translated(item.text[::-1], "xx")


class Hum(workbench.Synthesizer):
    """A tenth of a second of a tone for each word."""

    name = "hum"
    voices: ClassVar[dict[str, str]] = {"anna": "en", "otto": "xx"}

    def __init__(self, options: Any) -> None:
        """Takes none."""

    def process(self, item: Any, state: Settings) -> Iterator[workbench.Speech]:
        start = 0.0
        for _ in item.text.split():
            audio = workbench.AudioChunk(tone(0.1, 8_000), 8_000, start)
            yield workbench.Speech(segment_id=item.segment_id, audio=audio)
            start = audio.end


ENGINES = (Ear, Parrot, Mirror, Hum, FileCapture, SubtitleExporter)


def tone(seconds: float, rate: int = RATE) -> Samples:
    samples: Samples = (0.5 * np.sin(np.arange(round(seconds * rate)) / 5)).astype(np.float32)
    return samples


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def talk(*lengths: float) -> Samples:
    """Speech of these lengths in seconds, a second of silence after each."""
    return np.concatenate([part for length in lengths for part in (tone(length), silence(1.0))])


def pcm(samples: Samples) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


@dataclass
class Server:
    """One that runs."""

    access: Access
    sockets: Sequence[socket.socket]
    session: Session
    said: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        return url(self.sockets[0])

    @asynccontextmanager
    async def http(self, **how: Any) -> AsyncIterator[httpx2.AsyncClient]:
        how = {"timeout": 60, "verify": False} | how  # it is no TLS: to read certificates takes longer than most tests
        async with httpx2.AsyncClient(base_url=self.url, **how) as client:
            yield client

    def listen(self, query: str = "", **how: Any) -> Any:
        """Connect to /v1/listen."""
        return connect(f"ws://127.0.0.1:{self.port}/v1/listen?{query}", compression=None, proxy=None, **how)

    async def ready(self) -> None:
        """Wait until the engines are loaded."""
        async with self.http() as client:
            while True:
                with contextlib.suppress(httpx2.TransportError):  # a busy loop may outlast what the server keeps open
                    if (await client.get("/readyz", headers=self.authorization)).status_code == 200:
                        return

    @property
    def authorization(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.access.token}"} if self.access.token else {}

    async def raw(self, data: bytes) -> bytes:
        """What comes back on a connection of its own, until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        try:
            return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    *, limits: Limits | None = None, allowed: Access | None = None, profile: str = PROFILE, ready: bool = True
) -> AsyncIterator[Server]:
    """A server with the engines above. Its folders are those of the environment."""
    sockets = bind("127.0.0.1", 0)
    allowed = allowed or access("127.0.0.1", sockets, [], [], None)
    async with Session(parse_profile(profile), registry(*ENGINES)) as session:
        server = Server(allowed, sockets, session)
        task = asyncio.create_task(
            serve(session, Settings(), sockets, allowed, limits or Limits(), server.said.append), name="server"
        )
        try:
            if ready:
                await server.ready()
            yield server
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()


async def told(socket: ClientConnection, until: str) -> list[dict[str, Any]]:
    """The messages up to the first of type `until`."""
    messages: list[dict[str, Any]] = []
    while not messages or messages[-1]["type"] != until:
        messages.append(json.loads(await socket.recv()))
    return messages
