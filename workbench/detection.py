"""Speech detection for many streams: what they have ready is judged together.

A pool gives each item a rank, a retry and a reply of its own, and that costs more than Silero takes for a frame. Here
the audio of a stream stays bytes until it goes to a worker thread with that of others, as one call of the pool; what
the detector makes of all of it comes back as one reply.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import Any, Final, Self, TypeAlias, cast

import numpy as np

from workbench.audio.pcm import Decoder, Piece, decode, length
from workbench.engines import BatchEngine, Engine, Settings
from workbench.errors import EngineError, PoolClosed, WorkbenchError
from workbench.pool import Pool, Reply, Stage
from workbench.threads import as_exception, uninterrupted
from workbench.types import Activity, AudioChunk, Samples

Detector: TypeAlias = Engine[AudioChunk, Activity, Any]

INTERVAL_S: Final = 0.004
"""Between two batches that are not full: it makes them larger."""
BESIDE_S: Final = 0.008
"""Before a batch begins beside another: where one thread keeps up, two get in each other's way at the interpreter."""
PER_STREAM_S: Final = 0.0001
"""Batches of few streams lie only this far apart for each: about what a turn of a thread costs."""
MAX_BATCH: Final = 64
"""Streams in a batch, for a detector that takes them one by one."""
_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Turn:
    """One stream's part of a batch."""

    stream: DetectedStream
    pieces: list[Piece]
    length: int
    """Samples, at the rate of the source."""
    ends: bool
    """Whether what the detector holds back is wanted after them."""
    chunk: AudioChunk | None = None
    """The same for the detector; set in a worker thread. Silence as long as them where they could not be decoded."""
    is_heard: bool = False
    is_flushed: bool = False
    found: Sequence[Activity] = ()
    error: Exception | None = None


class DetectedStream:
    """One stream. All methods are called on the loop."""

    __slots__ = (
        "_detection",
        "at_work",
        "closing",
        "decoder",
        "ends",
        "is_listed",
        "is_plain",
        "left",
        "pieces",
        "position",
        "sample_rate",
        "source_rate",
        "state",
        "state_of",
        "take",
        "waiting",
    )

    def __init__(
        self,
        pool: Pool[AudioChunk, Activity],
        source_rate: int,
        sample_rate: int,
        take: Callable[[Turn], None],
    ) -> None:
        """Audio comes at `source_rate` and is judged at `sample_rate`, hertz. `take` gets each turn when it is over."""
        self.take = take
        self.source_rate, self.sample_rate = source_rate, sample_rate
        self.pieces: list[Piece | None] = []  # None: an end
        self.ends = 0  # of these
        self.waiting = 0  # samples in them, at the rate of the source
        self.is_listed = False  # among those that are ready, or at work
        self.at_work = False
        self.left: asyncio.Event | None = None  # set when it is at work no more
        self.closing: asyncio.Task[None] | None = None
        self.is_plain = source_rate == sample_rate  # and all that came is int16: it is decoded together with others
        # in a worker thread at a time
        self.decoder = Decoder(source_rate, sample_rate)
        self.position = 0  # samples
        self.state: Any = None
        self.state_of: type[Detector] | None = None
        self._detection = Detection.of(pool)
        self._detection.streams += 1

    def put(self, piece: Piece) -> int:
        """How many samples that are. Not after `close`."""
        if type(piece) is bytes:
            samples = len(piece) // 2
        else:
            samples, self.is_plain = len(piece), False
        if samples:
            self.pieces.append(piece)
            self.waiting += samples
            if not self.is_listed:
                self._detection.is_ready(self)
        return samples

    def end(self) -> None:
        """Ask for what the detector holds back, after all that was put. Not after `close`."""
        self.ends += 1
        self.pieces.append(None)
        if not self.is_listed:
            self._detection.is_ready(self)

    @property
    def is_busy(self) -> bool:
        """Whether anything waits or is at work."""
        return self.at_work or bool(self.pieces)

    def release(self, engine: Detector) -> None:
        """In a worker thread. One of another class would not know its state."""
        if self.state_of is type(engine):
            engine.release(self.state)

    async def close(self) -> None:
        """Drop what waits, wait for what runs, let the detector forget the stream. Harmless when called again."""
        if self.closing is None:
            self.closing = asyncio.ensure_future(self._close())
        await uninterrupted(self.closing)

    async def _close(self) -> None:
        self.pieces.clear()
        if self.at_work:
            self.left = asyncio.Event()
            await self.left.wait()
        await self._detection.leave(self)

    def turn(self) -> Turn:
        """All that waits, up to an end."""
        self.at_work, ends = True, self.ends > 0
        pieces, self.pieces = cast("list[Piece]", self.pieces), []
        taken, self.waiting = self.waiting, 0
        if ends:
            at = next(place for place, piece in enumerate(pieces) if piece is None)
            pieces, self.pieces = pieces[:at], [*pieces[at + 1 :]]
            self.ends -= 1
            whole = sum(map(length, pieces))
            taken, self.waiting = whole, taken - whole
        return Turn(self, pieces, taken, ends)

    def chunk(self, samples: Samples) -> AudioChunk:
        """The next on the stream's timeline."""
        start = self.position / self.sample_rate
        self.position += len(samples)
        return AudioChunk(samples, self.sample_rate, start)

    def silence(self, length: int) -> AudioChunk:
        """In the place of so many samples of the source, or what comes after them would be heard too early."""
        return self.chunk(np.zeros(round(length * self.sample_rate / self.source_rate), np.float32))


class Detection:
    """The streams of one pool. On the loop, but for `_judge`."""

    def __init__(self, pool: Pool[AudioChunk, Activity]) -> None:
        self.streams = 0
        self._pool = pool
        self._ready: deque[DetectedStream] = deque()
        self._idle: list[Stage[AudioChunk, Activity]] = []
        self._at_work = 0  # batches
        self._full = _at_once(pool.engine)
        self._handle: asyncio.Handle | None = None
        self._at_once = False
        self._last = float("-inf")

    @classmethod
    def of(cls, pool: Pool[AudioChunk, Activity]) -> Self:
        """The one of that pool."""
        if pool.gatherer is None:
            pool.gatherer = cls(pool)
        found: Self = pool.gatherer
        return found

    def is_ready(self, stream: DetectedStream) -> None:
        stream.is_listed = True
        self._ready.append(stream)
        if self._handle is None or not (self._at_once or self._at_work or len(self._ready) < self._full):
            self._schedule()

    async def leave(self, stream: DetectedStream) -> None:
        self.streams -= 1
        if stream.state_of is not None and stream.state_of.release is not Engine.release:
            try:
                async with self._pool.open() as stage:
                    await stage.call(lambda engine: stream.release(engine))
            except PoolClosed:
                pass  # the whole engine goes
            except Exception:
                _log.exception("%s could not release a stream", stream.state_of.name)
        if not self.streams:
            idle, self._idle = self._idle, []
            for stage in idle:
                await stage.close()

    def _schedule(self) -> None:
        """Begin at the end of this turn of the loop if there is a full batch, else a while after the last."""
        if not self._ready or self._at_work >= self._pool.engine.concurrency:
            return
        if self._handle is not None:
            self._handle.cancel()
        loop = asyncio.get_running_loop()
        apart = BESIDE_S if self._at_work else min(INTERVAL_S, PER_STREAM_S * (self.streams - 1))
        wait = self._last + apart - loop.time()
        self._at_once = wait <= 0 or (len(self._ready) >= self._full and not self._at_work)
        self._handle = loop.call_soon(self._begin) if self._at_once else loop.call_later(wait, self._begin)

    def _begin(self) -> None:
        self._handle, self._last = None, asyncio.get_running_loop().time()
        self._full = _at_once(self._pool.engine)  # it may have been swapped
        streams = [self._ready.popleft() for _ in range(min(self._full, len(self._ready)))]
        for stream in streams:
            stream.is_listed = bool(stream.pieces)  # not if it is closed
        if turns := [stream.turn() for stream in streams if stream.pieces]:
            self._at_work += 1
            stage: Stage[AudioChunk, Activity] | None = None
            try:
                stage = self._idle.pop() if self._idle else self._pool.open()
                stage.operate(partial(_judge, turns), partial(self._settle, stage, turns))
            except WorkbenchError as error:
                self._settle(stage, turns, Reply(error=error))
        if self._handle is None:
            self._schedule()

    def _settle(self, stage: Stage[AudioChunk, Activity] | None, turns: Sequence[Turn], reply: Reply[Any]) -> None:
        self._at_work -= 1
        is_lost = stage is not None and stage.closed is not None
        if stage is not None and not is_lost:
            self._idle.append(stage)
        for turn in turns:
            stream = turn.stream
            stream.at_work = stream.is_listed = False
            if is_lost:  # a thread that did not come back holds it
                stream.state_of = None
            if turn.chunk is None:  # no thread took it up
                turn.chunk = stream.silence(turn.length)
            if reply.error is not None:
                turn.error = reply.error
            if stream.left is not None:
                stream.left.set()
            elif stream.pieces:
                stream.is_listed = True
                self._ready.append(stream)
            try:
                stream.take(turn)
            except Exception:  # other streams still wait for their turns
                _log.exception("what was detected could not be taken")
        self._schedule()


def _at_once(engine: Detector) -> int:
    """Streams in a batch."""
    return engine.max_batch if isinstance(engine, BatchEngine) else MAX_BATCH


def _judge(turns: Sequence[Turn], engine: Detector, _: object) -> Sequence[Turn]:
    """In a worker thread. Called again on another engine, with what was not done, when this one breaks."""
    _decode([turn for turn in turns if turn.chunk is None])
    for turn in turns:
        if turn.stream.state_of is not type(engine):
            _contain(turn, _open, turn.stream, engine)
    well = [turn for turn in turns if turn.error is None]
    heard = [turn for turn in well if not turn.is_heard and turn.chunk is not None and len(turn.chunk.samples)]
    full = _at_once(engine)  # of one that came since the batch was made it may be less
    for together in [heard[first : first + full] for first in range(0, len(heard), full)]:
        if not (isinstance(engine, BatchEngine) and _hear_together(engine, together)):
            for turn in together:
                _contain(turn, engine.process, turn.chunk, turn.stream.state)
                turn.is_heard = True
    for turn in turns:
        if turn.ends and not turn.is_flushed and turn.error is None:
            _contain(turn, engine.flush, turn.stream.state)
            turn.is_flushed = True
    return ()


def _open(stream: DetectedStream, engine: Detector) -> tuple[()]:
    stream.state, stream.state_of = engine.open(Settings()), type(engine)
    return ()


def _decode(turns: Sequence[Turn]) -> None:
    """Bytes of all in one array: for each alone, calls into numpy would cost the most."""
    plain = [turn.stream.is_plain for turn in turns]  # once: the loop may change it, for what comes after these
    octets = [piece for turn in compress(turns, plain) for piece in turn.pieces]
    samples, at = decode(b"".join(cast("list[bytes]", octets))), 0
    for turn, is_plain in zip(turns, plain, strict=True):
        stream = turn.stream
        if is_plain:
            turn.chunk, at = stream.chunk(samples[at : at + turn.length]), at + turn.length
            continue
        try:
            turn.chunk = stream.chunk(stream.decoder.decode_all(turn.pieces, last=turn.ends))
        except BaseException as error:
            turn.chunk, turn.error = stream.silence(turn.length), as_exception(error)


def _hear_together(engine: BatchEngine[AudioChunk, Activity, Any], turns: Sequence[Turn]) -> bool:
    """False: that failed and changed nothing, so that only the culprit fails when they are heard one by one."""
    try:
        results = engine.process_batch([(turn.chunk, turn.stream.state) for turn in turns if turn.chunk])
        count = len(results)
    except EngineError:
        raise
    except BaseException as error:
        if len(turns) > 1:
            return False
        turns[0].is_heard, turns[0].error = True, as_exception(error)
        return True
    for turn in turns:
        turn.is_heard = True
    if count != len(turns):  # whose they are is not known, and the states have moved on
        for turn in turns:
            turn.error = TypeError(f"{engine.name} gave {count} results for {len(turns)} streams")
        return True
    for turn, result in zip(turns, results, strict=True):
        try:
            turn.found = tuple(result)
        except BaseException as error:  # of an engine that makes it late: its states have moved on
            turn.error = as_exception(error)
    return True


def _contain(turn: Turn, function: Callable[..., Iterable[Activity]], *arguments: object) -> None:
    try:
        turn.found = (*turn.found, *function(*arguments))
    except EngineError:
        raise
    except BaseException as error:
        turn.error = as_exception(error)
