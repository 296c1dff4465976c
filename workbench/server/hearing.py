"""One client's audio through the engines: speech found, or recognized and translated too."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, Protocol

import numpy as np

from workbench import events
from workbench.audio.pcm import Cutter, Decoder, length
from workbench.engines import Capture, Settings
from workbench.errors import PoolClosed, Severity
from workbench.node import Emit
from workbench.pipeline import Pipeline
from workbench.speech.segmenter import SegmenterOptions
from workbench.stages import LiveMode, Stages
from workbench.stream import StreamProcessor
from workbench.types import SAMPLE_RATE, AudioChunk, Samples

WAITING_S: Final = 5.0
"""Audio of one stream that may wait for the recognizer."""
LOOK_UP_S: Final = 0.2
"""How long audio is waited for before the pipeline may see whether something else is wanted."""
TOLERANCE: Final = 3
"""Failures in a row that end a stream."""


class Hearing(Protocol):
    """All on the loop. What is found goes to the `emit` that it was made with."""

    @property
    def is_full(self) -> bool:
        """Whether to wait for `room` before the next `feed`."""

    async def room(self) -> None:
        """Wait until there is."""

    def feed(self, data: bytes) -> None:
        """Take the next audio, of any length. Raises `InputError`, and takes nothing."""

    async def flush(self) -> None:
        """End the speech that goes on, as if the audio ended here; everything of it is told when this returns."""

    async def configure(self, stages: Stages, settings: Settings) -> None:
        """Flush; what comes is heard with these."""

    def statistics(self) -> dict[str, Any]:
        """Plain values, since the start."""

    async def close(self) -> None:
        """Drop what is not done."""


class Detection:
    """Finds speech. The audio's timeline goes on when options change, and ids count on."""

    def __init__(self, stages: Stages, sample_rate: int, encoding: Any, emit: Emit) -> None:
        self._format = {"sample_rate": sample_rate, "encoding": encoding}
        self._emit = emit
        self._before: dict[str, float] = {}
        self._start, self._first_id = 0.0, 0
        self._open(stages)

    def _open(self, stages: Stages) -> None:
        assert stages.detector is not None
        self._stream = StreamProcessor(stages.detector, options=stages.segmenter, keep_audio=False, **self._format)

    async def run(self) -> None:
        """Tell what is found, until closed."""
        while True:
            stream = self._stream
            async for found in stream.events():
                self._tell(found)
            if stream is self._stream:
                return

    def _tell(self, found: Any) -> None:
        if isinstance(found, events.SpeechStarted):
            found = replace(found, segment_id=found.segment_id + self._first_id, start=found.start + self._start)
        elif isinstance(found, events.SpeechEnded):
            moved = {"start": found.start + self._start, "end": found.end + self._start}
            found = replace(found, segment_id=found.segment_id + self._first_id, **moved)
        self._emit(found)
        if isinstance(found, events.Error) and found.severity == Severity.FATAL:
            raise PoolClosed(found.message, hint=found.hint)

    @property
    def is_full(self) -> bool:
        return self._stream.is_full

    async def room(self) -> None:
        await self._stream.room()

    def feed(self, data: bytes) -> None:
        self._stream.feed(data)

    async def flush(self) -> None:
        for found in await self._stream.flush():
            self._tell(found)

    async def configure(self, stages: Stages, settings: Settings) -> None:
        if stages.segmenter == self._stream.options:
            return
        await self.flush()
        self._before, old = self.statistics(), self._stream
        self._start, self._first_id = float(self._before["received_s"]), int(self._before["segments"])
        self._open(stages)
        await old.close()

    def statistics(self) -> dict[str, Any]:
        return {k: self._before.get(k, 0) + v for k, v in self._stream.statistics().to_dict().items()}

    async def close(self) -> None:
        await self._stream.close()


class Recognition:
    """Recognizes speech. A pipeline ends with each flush; the next goes on where it ended."""

    def __init__(
        self,
        stages: Stages,
        settings: Settings,
        sample_rate: int,
        encoding: str,
        emit: Emit,
        spawn: Callable[[Any], asyncio.Task[None]],
    ) -> None:
        """`spawn` makes a task whose error ends the stream."""
        self._settings, self._emit, self._spawn = settings, emit, spawn
        self._stages = stages
        self._rate = sample_rate
        self._cutter, self._decoder = Cutter(sample_rate, encoding), Decoder(sample_rate, SAMPLE_RATE)
        self._received = 0  # samples at the rate of the client
        self._segments = self._failures = 0
        self._begin()

    def _begin(self, position: float = 0.0, first_id: int = 0) -> None:
        self._source = _Fed(position)
        live = LiveMode(first_segment=first_id, start=position)
        self._pipeline = Pipeline(
            self._source, self._stages, self._settings, self._tell, tolerance=TOLERANCE, live=live
        )
        self._running = self._spawn(self._pipeline.run())

    def _tell(self, event: events.Event) -> None:
        self._segments += isinstance(event, events.SpeechStarted)
        self._failures += isinstance(event, events.Error)
        if not isinstance(event, events.Ready | events.Done):
            self._emit(event)

    @property
    def is_full(self) -> bool:
        return self._source.is_full

    async def room(self) -> None:
        await self._source.room()

    def feed(self, data: bytes) -> None:
        piece = self._cutter.cut(data)
        self._received += length(piece)
        self._source.put(self._decoder.decode(piece))

    async def flush(self) -> None:
        await self._go_on()

    async def configure(self, stages: Stages, settings: Settings) -> None:
        await self._go_on(stages, settings)

    async def _go_on(self, stages: Stages | None = None, settings: Settings | None = None) -> None:
        self._cutter.end()
        self._source.put(self._decoder.end())
        self._source.end()
        await asyncio.wait([self._running])
        self._stages, self._settings = stages or self._stages, settings or self._pipeline.settings
        self._begin(self._source.end_s, self._pipeline.next_segment)

    def statistics(self) -> dict[str, Any]:
        received_s = self._received / self._rate
        return {
            "received_s": received_s,
            "recognized_s": min(self._pipeline.reached, received_s),
            "waiting_s": self._source.waiting_s,
            "segments": self._segments,
            "errors": self._failures,
        }

    async def close(self) -> None:
        self._source.end()
        self._running.cancel()
        await asyncio.wait([self._running])


class _Fed(Capture):
    """What is put in on the loop comes out in the pipeline's thread. Where nothing comes, an empty chunk does."""

    name = "client"

    def __init__(self, start: float) -> None:
        """`start`: seconds on the timeline."""
        self._origin = start
        self._put = self._taken = 0  # samples
        self._queue: queue.SimpleQueue[Samples | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    @property
    def end_s(self) -> float:
        """Seconds on the timeline: where what was put in ends."""
        return self._origin + self._put / SAMPLE_RATE

    @property
    def waiting_s(self) -> float:
        return (self._put - self._taken) / SAMPLE_RATE

    def put(self, samples: Samples) -> None:
        if len(samples):
            self._put += len(samples)
            self._queue.put(samples)

    def end(self) -> None:
        self._queue.put(None)

    @property
    def is_full(self) -> bool:
        return self.waiting_s >= WAITING_S

    async def room(self) -> None:
        while self.is_full:
            self._changed.clear()
            await self._changed.wait()

    def open(self, settings: Settings) -> Iterator[AudioChunk]:
        while True:
            start = self._origin + self._taken / SAMPLE_RATE
            try:
                samples = self._queue.get(timeout=LOOK_UP_S)
            except queue.Empty:
                samples = np.zeros(0, np.float32)
            if samples is None:
                return
            yield AudioChunk(samples, SAMPLE_RATE, start)
            self._taken += len(samples)
            self._loop.call_soon_threadsafe(self._changed.set)


def with_options(stages: Stages, given: dict[str, Any]) -> Stages:
    """With the options in `given` changed of how speech is found. Raises pydantic's `ValidationError`."""
    return replace(stages, segmenter=SegmenterOptions(**(stages.segmenter.model_dump() | given)))
