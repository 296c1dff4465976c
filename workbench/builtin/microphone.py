"""Capture from a microphone, or from the monitor of an output."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

import numpy as np

import workbench
from workbench.audio import portaudio
from workbench.audio.devices import open_stream
from workbench.audio.pulse import SourceWatch
from workbench.errors import DeviceLost
from workbench.types import SAMPLE_RATE, AudioChunk, Samples

_BLOCK_S: Final = 0.05
_LATENCY_S: Final = 0.1
_QUEUED: Final = round(10 / _BLOCK_S)
"""Blocks that wait for whoever stores them."""
_FIRST_S: Final = 5.0
"""Until the first block: a source that slept takes up to 2 s, a Bluetooth headset longer."""
_NEXT_S: Final = 1.5
"""Without a block: the source is wedged."""


class MicrophoneCapture(workbench.Capture):
    """What a microphone hears, or what an output plays, at 16 kHz."""

    name = "microphone"

    class Options(workbench.Options):
        device: str | None = None
        """Id or name of the source, as `workbench devices` lists it; none: the system's default source."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def open(self, settings: workbench.Settings) -> _Chunks:
        """Starts the device at once. The chunks' `close` may be called from any thread, and ends a wait in `next`."""
        return _Chunks(self, self.options.device)


class _Chunks(Iterator[AudioChunk]):
    """The chunks of one opened device. `next` is called in one thread; PortAudio and the watch have their own."""

    def __init__(self, capture: MicrophoneCapture, wanted: str | None) -> None:
        self._capture, self._wanted = capture, wanted
        self._blocks: queue.Queue[tuple[int, Samples] | None] = queue.Queue(_QUEUED)
        self._dropped = 0
        """Samples, of blocks that found the queue full, before the next one in it."""
        self._ended, self._closed, self._closing = threading.Event(), threading.Event(), threading.Lock()
        self._why = ""
        token = uuid4().hex
        self._source = open_stream(
            wanted,
            "input",
            self._take,
            finished=lambda: self._end("it stopped"),
            block_s=_BLOCK_S,
            latency_s=_LATENCY_S,
            token=token,
        )
        capture.label = self._source.device.name
        self._watch = SourceWatch(token, self._moved) if self._source.is_pulse else None
        self._chunks = self._resampled()

    def __next__(self) -> AudioChunk:
        """Raises `DeviceLost` when the device gives nothing any more, after everything that it gave."""
        return next(self._chunks)

    def close(self) -> None:
        """Let the device go; from any thread, as often as you like."""
        if self._release(portaudio.close) and self._watch:
            self._watch.join()
        with suppress(ValueError):  # another thread is in `next`, and ends it
            self._chunks.close()

    def _release(self, close: Callable[[Any], None]) -> bool:
        """False: another thread does it, or did."""
        with self._closing:
            if self._closed.is_set():
                return False
            self._closed.set()
        self._end("it was closed")
        if self._watch:
            self._watch.close()
        close(self._source.stream)
        return True

    def _resampled(self) -> Generator[AudioChunk, None, None]:
        import soxr

        stream = soxr.ResampleStream(self._source.device.sample_rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        given = 0
        for block in self._until_lost():
            samples = stream.resample_chunk(block, last=not len(block))
            np.clip(samples, -1.0, 1.0, out=samples)  # the resampler's filter rings past the loudest samples
            if len(samples):
                yield AudioChunk(samples, SAMPLE_RATE, given / SAMPLE_RATE)
            given += len(samples)

    def _until_lost(self) -> Iterator[Samples]:
        """Blocks at the device's rate; an empty one and `DeviceLost` when it is lost. When closed, they just end."""
        patience_s = _FIRST_S
        while item := self._next(patience_s):
            patience_s = _NEXT_S
            dropped, block = item
            yield np.concatenate([np.zeros(dropped, np.float32), block]) if dropped else block
        if self._closed.is_set():
            return
        yield np.zeros(0, np.float32)
        self._release(portaudio.close_later)  # it may hang
        raise DeviceLost(
            f"{self._capture.label!r} gives no sound any more: {self._why}",
            hint="Connect it again, or choose another one of: workbench devices",
        )

    def _next(self, patience_s: float) -> tuple[int, Samples] | None:
        """None: it has ended."""
        if self._ended.is_set() and (self._closed.is_set() or self._blocks.empty()):
            return None
        try:
            item = self._blocks.get(timeout=patience_s)
        except queue.Empty:
            self._end(f"nothing came for {patience_s:g} s")
            return None
        return None if self._closed.is_set() else item

    def _take(self, samples: Samples, count: int, time: Any, status: Any) -> None:
        """PortAudio's callback, in its thread: copies, counts, and enqueues. `samples` has the shape (count, 1)."""
        if status.input_overflow:
            self._capture.overflows += 1
        if self._ended.is_set():
            return
        try:
            self._blocks.put_nowait((self._dropped, samples[:, 0].copy()))
            self._dropped = 0
        except queue.Full:
            self._capture.overflows += 1
            self._dropped += count

    def _moved(self, source: str, description: str) -> None:
        """The stream leads to `source`: all right where any default one was wanted."""
        if self._wanted is None:
            self._capture.label = description
        elif source != self._source.device.id:
            self._end(f"the sound server took {description!r} instead")

    def _end(self, why: str) -> None:
        if not self._ended.is_set():
            self._why = why
            self._ended.set()
            with suppress(queue.Full):  # then something is there to be taken, and nobody waits
                self._blocks.put_nowait(None)
