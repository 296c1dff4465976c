"""Streaming voice activity detection: bytes of any size in, speech and its audio out.

    async with StreamProcessor(pool) as stream:
        for found in await stream.process_chunk(data):
            ...

Any number of streams share one pool of engines, which judges what all of them have ready in one batch. `feed` costs
microseconds, makes no task and no future, and may be called from a WebSocket's callback; `events` gives what was found.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Self, TypeAlias, cast

from workbench import events
from workbench.audio.pcm import Audio, Cutter, Encoding
from workbench.audio.recent import RecentAudio
from workbench.detection import DetectedStream
from workbench.engines import Detector
from workbench.errors import EngineHung, Overrun, PoolClosed, Severity, WorkbenchError, in_one_line
from workbench.judging import Turn
from workbench.pool import Pool
from workbench.speech.segmenter import Segmenter, SegmenterOptions, SpeechEvent
from workbench.threads import to_thread
from workbench.types import Activity, AudioChunk, SpeechSegment

Found: TypeAlias = events.SpeechStarted | events.SpeechEnded | events.Error | SpeechSegment

LIMIT_S: Final = 10.0
"""Audio of one stream that may wait, in seconds."""
FOUND_LIMIT: Final = 1000
"""What was found in one stream and may wait to be taken."""
_ROUNDING: Final = 1e-6
"""Frames. Audio that is whole frames long stays so in floating point."""


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """What one stream took and what became of it."""

    received_s: float
    """Seconds of audio that were fed."""
    judged_s: float
    """Seconds of audio that have a probability."""
    waiting_s: float
    """Seconds of audio that were fed and not judged yet, but for an incomplete frame."""
    frames_received: int
    """Frames of the length that the detector judges: complete, or filled up at a flush; 0 until it has judged one."""
    frames_judged: int
    segments: int
    """That were announced."""
    errors: int
    """Chunks that could not be judged."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class StreamProcessor:
    """One stream. All methods are called on the loop; the pool outlives it.

    Leaving the context drops what waits, and ends `events`. What was found is taken either with `events` or with
    `process_chunk`, `process_file` and `flush`, which give what has been found until then.
    """

    __slots__ = (
        "_answered",
        "_changed",
        "_closed",
        "_cutter",
        "_ended",
        "_ended_frames",
        "_ends",
        "_ends_taken",
        "_errors",
        "_found",
        "_frames",
        "_keep_audio",
        "_last",
        "_limit",
        "_pool",
        "_received",
        "_recent",
        "_segmenter",
        "_segments",
        "_source_rate",
        "_stream",
        "_told",
        "options",
        "sample_rate",
    )

    def __init__(
        self,
        pool: Pool[AudioChunk, Activity],
        *,
        sample_rate: int = 16_000,
        encoding: Encoding = "pcm_s16le",
        options: SegmenterOptions | None = None,
        keep_audio: bool = True,
    ) -> None:
        """`pool` is started. `sample_rate` (Hz, 8,000 to 384,000) and `encoding` (mono) are those of what is fed.

        A rate that the detector does not take is resampled. `options.speech_pad_ms` of audio from before the speech are
        part of it, and after. With `keep_audio`, each segment comes with its audio after its `SpeechEnded`; without, a
        stream remembers no audio. Raises `UsageError` for a rate or encoding there is not.
        """
        self._cutter = Cutter(sample_rate, encoding)
        rates = cast("Detector[Any]", pool.engine).sample_rates
        self.sample_rate = sample_rate if sample_rate in rates else rates[0]
        """Hertz, of segments."""
        self.options = options or SegmenterOptions()
        self._pool = pool
        self._source_rate = sample_rate
        self._limit = LIMIT_S * sample_rate
        self._keep_audio = keep_audio
        self._found: deque[Found] = deque()
        self._told = asyncio.Event()  # something was found, or nothing will be
        self._changed = asyncio.Event()  # less waits
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        self._stream = DetectedStream(self._pool, self._source_rate, self.sample_rate, self._take)
        self._segmenter = Segmenter(self.options)
        self._recent = RecentAudio(self.sample_rate) if self._keep_audio else None
        self._cutter.end()
        self._received = 0  # samples at the rate of the source
        self._answered = 0  # of these, how many the detector is done with
        self._ends = self._ends_taken = 0  # flushes, and to how many of them the detector has come
        self._ended = self._ended_frames = 0  # at the last of these: samples of the source, and the frames they made
        self._frames = self._segments = self._errors = 0
        self._last: Activity | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop what waits and wait for what runs. Harmless when called again."""
        self._closed = True
        self._told.set()
        self._changed.set()
        await self._stream.close()

    # in

    def feed(self, data: Audio) -> None:
        """Take the next audio, of any length: bytes in the stream's encoding, or an array of int16 or float32.

        Raises, and takes nothing: `Overrun` when more than 10 seconds wait, or 1000 events that nobody takes,
        `InputError` for what is no audio, `PoolClosed` when the stream or its pool has ended.
        """
        if len(self._found) >= FOUND_LIMIT and not self._closed:
            raise Overrun(f"{FOUND_LIMIT} events wait to be taken", hint="Take what is found while you feed.")
        self._feed(data)

    def _feed(self, data: Audio) -> None:
        if self._closed:
            raise PoolClosed("the stream is closed")
        if self._pool.broken is not None:
            raise self._pool.broken.with_traceback(None)
        if self._received - self._answered >= self._limit:
            raise Overrun(f"more than {LIMIT_S:g} s of audio wait", hint="Send it no faster than it is said.")
        self._received += self._stream.put(self._cutter.cut(data))

    @property
    def is_full(self) -> bool:
        """Whether half of what may wait does."""
        return self._is_behind or 2 * len(self._found) >= FOUND_LIMIT

    @property
    def _is_behind(self) -> bool:
        return 2 * (self._received - self._answered) >= self._limit

    async def room(self) -> None:
        """Wait while it is full: whoever awaits this before each `feed` never overruns."""
        while self.is_full and not self._closed:
            await self._change()

    # out

    async def events(self) -> AsyncIterator[Found]:
        """What is found, as it is found, until the stream is closed."""
        while True:
            while self._found:
                yield self._found.popleft()
                self._changed.set()  # there is room
            if self._closed:
                return
            self._told.clear()
            await self._told.wait()

    async def process_chunk(self, data: Audio) -> list[Found]:
        """Feed `data`, and give what was found in all that was fed, once it is judged. Raises what `feed` does."""
        while self._is_behind and not self._closed:  # what was found waits for nobody but this
            await self._change()
        self._feed(data)
        await self.judged()
        return self._take_found()

    async def process_file(self, path: Path) -> list[Found]:
        """All of an audio or video file, and the end of the stream. Raises what decoding it raises."""
        from workbench.audio.decode import decode

        found: list[Found] = []
        with closing(decode(path, sample_rate=self._source_rate)) as chunks:
            while (chunk := await to_thread(next, chunks, None)) is not None:
                found += await self.process_chunk(chunk.samples)
        return found + await self.flush()

    async def flush(self) -> list[Found]:
        """End the speech that goes on, as if the audio ended here. The next audio begins a new one."""
        self._cutter.end()
        stream = self._stream
        if not self._closed:
            self._ends += 1
            stream.end()
        end = self._ends
        while self._ends_taken < end and not self._closed and stream is self._stream:
            await self._change()
        if self._closed:
            self._end()
        return self._take_found()

    async def reset(self) -> None:
        """Forget everything: the timeline begins again at 0. What was found and not taken is dropped.

        What waits for the stream waits no more. A stream that is closed stays so.
        """
        stream = self._stream
        self._found.clear()
        if not self._closed:
            self._begin()
            self._changed.set()
        await stream.close()

    async def judged(self) -> None:
        """Wait until everything that was fed is judged, or the stream is closed."""
        while self._stream.is_busy and not self._closed:
            await self._change()

    @property
    def waiting_s(self) -> float:
        """Seconds of audio that were fed and that the detector is not done with."""
        return (self._received - self._answered) / self._source_rate

    def statistics(self) -> StreamStatistics:
        received_s = self._received / self._source_rate
        return StreamStatistics(
            received_s=received_s,
            judged_s=min(self._last.end, received_s) if self._last else 0.0,
            waiting_s=self.waiting_s,
            frames_received=self._ended_frames + math.floor(self._frames_in(self._received - self._ended) + _ROUNDING),
            frames_judged=self._frames,
            segments=self._segments,
            errors=self._errors,
        )

    def _frames_in(self, samples: int) -> int:
        """Complete ones, in so many samples of the source."""
        if self._last is None:
            return 0
        return math.floor(samples / self._source_rate / self._last.frame_s + _ROUNDING)

    # what the detector gave; on the loop

    def _take(self, turn: Turn) -> None:
        if self._closed or turn.stream is not self._stream:
            return
        self._answered += turn.length
        self._changed.set()
        error = turn.error
        try:
            if self._recent is not None and (chunk := turn.chunk) is not None:
                self._recent.append(chunk)
            for activity in turn.found:
                for event in self._segmenter.process(activity):
                    self._tell(event)
                self._frames += len(activity.probabilities)
                self._last = activity
        except Exception as nonsense:  # of a detector
            error = nonsense
        if error is not None:
            self._fail(error)
        if turn.ends:
            self._ends_taken += 1
            self._end()
        if self._recent is not None:
            self._recent.forget(self._segmenter.needed_from)

    def _end(self) -> None:
        """Of the speech that goes on, where the audio ends that the detector is done with."""
        complete = self._ended_frames + self._frames_in(self._answered - self._ended)
        self._ended, self._ended_frames = self._answered, max(complete, self._frames)  # it may fill up the last
        for event in self._segmenter.flush():
            self._tell(event)

    def _tell(self, event: SpeechEvent) -> None:
        self._segments += isinstance(event, events.SpeechStarted)
        if isinstance(event, events.SpeechEnded):  # the last frame reaches beyond the audio
            event = replace(event, end=min(event.end, self._answered / self._source_rate))
        self._found.append(event)
        self._told.set()
        if isinstance(event, events.SpeechEnded) and self._recent is not None:
            self._found.append(SpeechSegment(id=event.segment_id, audio=self._recent.cut(event.start, event.end)))

    def _fail(self, error: Exception) -> None:
        """One chunk was not judged: speech before it has ended, and the stream goes on if the pool does."""
        self._errors += 1
        fatal = isinstance(error, PoolClosed | EngineHung) or self._pool.broken is not None
        self._closed |= fatal
        ours = isinstance(error, WorkbenchError)
        self._found.append(
            events.Error(
                code=error.code if isinstance(error, WorkbenchError) else "stage",
                message=str(error) if ours else in_one_line(error),
                hint=error.hint if isinstance(error, WorkbenchError) else "",
                stage="vad",
                severity=Severity.FATAL if fatal else Severity.ERROR,
            )
        )
        self._told.set()

    def _take_found(self) -> list[Found]:
        found = list(self._found)
        self._found.clear()
        self._changed.set()  # there is room
        return found

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
