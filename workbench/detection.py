"""Speech detection for many streams: what they have ready is judged together.

A pool gives each item a rank, a retry and a reply of its own, and that costs more than Silero takes for a frame. Here
the audio of a stream stays bytes until it goes to a worker thread in a batch with that of others. A call of the pool is
a stay in such a thread, for one batch or several: while it is at work the next full one is made, and it need not wait
for the loop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self, cast

import numpy as np

from workbench.audio.pcm import Decoder, Piece, length
from workbench.engines import Engine
from workbench.errors import EngineError, PoolClosed, WorkbenchError
from workbench.judging import Detector, Turn, at_once, judge
from workbench.pool import Pool, Reply, Stage
from workbench.threads import uninterrupted
from workbench.types import Activity, AudioChunk, Samples

INTERVAL_S: Final = 0.008
"""Between two batches that are not full: waiting makes them larger."""
PER_STREAM_S: Final = 0.0001
"""While no thread is at work, batches of few streams lie only this far apart for each stream: about what it costs."""
IN_A_ROW_S: Final = 0.1
"""For so long a thread goes from one batch to the next before it lets others have the engine."""
_log = logging.getLogger(__name__)


class DetectedStream:
    """One stream. Methods are called on the loop, but for `place` and `lose`: by the one that has its turn."""

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
        "rest",
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
        # from here on: used by one worker thread at a time
        self.decoder = Decoder(source_rate, sample_rate)
        self.rest = b""  # of a frame that is not complete: int16 that the detector has not got yet
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
        """In a worker thread. An engine of another class would not know the state."""
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

    def place(self, turn: Turn, samples: Samples) -> None:
        """Let `turn` give the detector these: the next on the stream's timeline."""
        turn.samples, turn.start = samples, self.position / self.sample_rate
        self.position += len(samples)

    def lose(self, turn: Turn) -> None:
        """Let silence stand in the place of its audio, or what comes after would be heard too early."""
        held, self.rest = len(self.rest) // 2, b""
        self.place(turn, np.zeros(held + round(turn.length * self.sample_rate / self.source_rate), np.float32))


@dataclass(slots=True, eq=False)
class _Run:
    """A stay in a worker thread: for one batch, then for those that wait when it is done."""

    turns: Sequence[Turn]
    """The batch at work."""
    is_last: bool = False
    """Whether no batch follows: the engine broke once, or the loop waits for the thread no more."""


class Detection:
    """The streams of one pool. On the loop, but for `_work`."""

    def __init__(self, pool: Pool[AudioChunk, Activity]) -> None:
        self.streams = 0
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._ready: deque[DetectedStream] = deque()
        self._idle: list[Stage[AudioChunk, Activity]] = []
        self._ahead: deque[Sequence[Turn]] = deque()  # batches that wait for a thread: one that is done, or another
        self._runs = 0
        self._lock = threading.Lock()  # for a moment, while a batch passes from one side to the other
        self._full = at_once(pool.engine)
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
        if self._handle is None or not (self._at_once or self._ahead or len(self._ready) < self._full):
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
        """Set a time for the next batch: the end of this turn of the loop if it is full, else a while after the last.

        While all threads are at work there is none, but one that is full is made ahead.
        """
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if not self._ready and not self._ahead:
            return
        is_full = len(self._ready) >= self._full
        if self._runs >= self._pool.engine.concurrency and (self._ahead or not is_full):
            return
        if is_full or (self._ahead and not self._runs):
            apart = 0.0
        else:
            apart = INTERVAL_S if self._runs else min(INTERVAL_S, PER_STREAM_S * (self.streams - 1))
        wait = self._last + apart - self._loop.time()
        self._at_once = wait <= 0
        self._handle = self._loop.call_soon(self._begin) if self._at_once else self._loop.call_later(wait, self._begin)

    def _begin(self) -> None:
        """Make a batch. If it is full and no other waits, a thread at work will take it; else another begins."""
        self._handle, self._last = None, self._loop.time()
        self._full = at_once(self._pool.engine)  # it may have been swapped
        streams = [self._ready.popleft() for _ in range(min(self._full, len(self._ready)))]
        for stream in streams:
            stream.is_listed = bool(stream.pieces)  # not if it is closed
        is_first = not self._ahead
        if turns := [stream.turn() for stream in streams if stream.pieces]:
            self._ahead.append(turns)
        if not (self._runs and is_first and len(turns) == self._full):
            self._start()
        self._schedule()

    def _start(self) -> None:
        """Let another thread begin with the batch that waits longest."""
        with self._lock:
            if not self._ahead:
                return
            run = _Run(self._ahead.popleft())
        self._runs += 1
        stage: Stage[AudioChunk, Activity] | None = None
        try:
            stage = self._idle.pop() if self._idle else self._pool.open()
            stage.operate(partial(self._work, run), partial(self._end, stage, run))
        except WorkbenchError as error:
            self._end(stage, run, Reply(error=error))

    def _work(self, run: _Run, engine: Detector, _: object) -> tuple[()]:
        """In a worker thread. Called again on another engine, with what was not done, when this one breaks.

        It goes from one batch to the next without the loop, which tells meanwhile what came of the first. If it waited
        for the loop, it would be idle for a third of the time with a thousand streams and Silero.
        """
        until = time.perf_counter() + IN_A_ROW_S
        while True:
            try:
                judge(run.turns, engine)
            except EngineError:
                run.is_last = True  # a batch is tried twice, and so is a run
                raise
            with self._lock:
                if run.is_last or not self._ahead or time.perf_counter() >= until:
                    return ()
                done, run.turns = run.turns, self._ahead.popleft()
            self._loop.call_soon_threadsafe(self._settle, done)

    def _end(self, stage: Stage[AudioChunk, Activity] | None, run: _Run, reply: Reply[Any]) -> None:
        with self._lock:
            run.is_last = True
        self._runs -= 1
        is_lost = stage is not None and stage.closed is not None  # a thread that did not come back holds its streams
        if stage is not None and not is_lost:
            self._idle.append(stage)
        self._settle(run.turns, reply.error, is_lost=is_lost)

    def _settle(self, turns: Sequence[Turn], error: Exception | None = None, *, is_lost: bool = False) -> None:
        for turn in turns:
            stream = turn.stream
            stream.at_work = stream.is_listed = False
            if is_lost:
                stream.state_of = None
            if turn.samples is None:  # no thread took it up
                stream.lose(turn)
            if error is not None:
                turn.error = error
            if stream.left is not None:
                stream.left.set()
            elif stream.pieces:
                stream.is_listed = True
                self._ready.append(stream)
            try:
                stream.take(turn)
            except Exception:  # other streams still wait for their turns
                _log.exception("what was detected could not be taken")
            if is_lost:
                turn.stream = copy(stream)  # which the thread changes instead, should it come back
        self._schedule()
