"""Small deterministic engines, and the means to arrange threads without sleeping.

Of a `Doing` engine the items are what it does: each is called with the stream's state and returns, yields, blocks or
raises as a test wants it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, ClassVar, Final, TypeAlias, TypeVar

import numpy as np

from workbench.engines import BatchEngine, Capture, Detector, Engine, Recognizer, Settings, StageKind, Stateless
from workbench.framing import FrameDetector
from workbench.hookspecs import Register, hookimpl
from workbench.models import Model
from workbench.plugins import Plugin, Registry
from workbench.types import Activity, AudioChunk, Samples, Transcript, Window

T = TypeVar("T")
Log: TypeAlias = list[Any]
"""State of a stream: what was done, in order."""
Deed: TypeAlias = Callable[[Log], Iterable[Any]]
SMALL: Final = Model(
    name="small",
    engine="fake",
    languages=(),
    license="MIT",
    size=1,
    memory_mb=1,
    files=("model.bin", "config.*"),
    optional_files=("extra.json",),
    repository="someone/small",
    aliases=("little",),
)


def run(test: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run an asynchronous test, for a minute at most: a guard against waiting for ever, however busy the machine is."""

    async def limited() -> T:
        async with asyncio.timeout(60):
            return await test()

    return asyncio.run(limited())


async def until(condition: Callable[[], bool]) -> None:
    """Look whether `condition` holds, while the loop and the threads go on. `run` limits the wait."""
    pause_s = 0.001
    while not condition():
        await asyncio.sleep(pause_s)
        pause_s = min(1.2 * pause_s, 0.02)  # looking, at a screen say, takes time from what it waits for


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Gives seconds since the beginning, as a busy machine does not count them: 10 ms are 10 ms however late they end.

    For what waits too long by its own fault, as for an answer that cannot come.
    """
    is_over, turns = threading.Event(), 0

    def count() -> None:
        nonlocal turns
        while not is_over.wait(0.01):
            turns += 1

    counting = threading.Thread(target=count)
    counting.start()
    try:
        yield lambda: turns / 100
    finally:
        is_over.set()
        counting.join()


def registry(*engines: Any) -> Registry:
    """As if one plugin had these."""

    @hookimpl
    def register_engines(register: Register) -> None:
        for engine in engines:
            register(engine)

    found = Registry()
    found.add(Plugin("test", "test", "1"), lambda: SimpleNamespace(register_engines=register_engines))
    assert not found.plugins[0].error, found.plugins[0].error
    return found


async def outcome(work: Awaitable[T]) -> T | BaseException:
    """What `work` gives, or the exception it raises."""
    return (await asyncio.gather(work, return_exceptions=True))[0]


class Gate:
    """A deed that keeps its thread until `open`, then gives `values`."""

    def __init__(self, *values: Any) -> None:
        self.values = values
        self._entered = threading.Event()
        self._opened = threading.Event()

    def __call__(self, state: Log) -> Sequence[Any]:
        self._entered.set()
        assert self._opened.wait(60), "nobody opened the gate"
        state.extend(self.values)
        return list(self.values)

    async def entered(self) -> None:
        """Wait until a thread is held."""
        assert await asyncio.to_thread(self._entered.wait, 60), "no thread came to the gate"

    def open(self) -> None:
        self._opened.set()


class Steps:
    """A deed that makes a generator which waits for `allow` before each of its values, and counts them."""

    def __init__(self, *values: Any) -> None:
        self.values = values
        self.made = 0
        self.closed = False
        self._allowed = threading.Semaphore(0)

    def allow(self, count: int = 1) -> None:
        self._allowed.release(count)

    def __call__(self, state: Log) -> Iterator[Any]:
        try:
            for value in self.values:
                assert self._allowed.acquire(timeout=60), "nobody allowed the next value"
                self.made += 1
                yield value
        finally:
            self.closed = True


def give(*values: Any) -> Deed:
    """A deed that gives `values`."""

    def deed(state: Log) -> list[Any]:
        state.extend(values)
        return list(values)

    return deed


def generate(*values: Any) -> Deed:
    """A deed that makes a generator of `values`."""

    def deed(state: Log) -> Iterator[Any]:
        for value in values:
            state.append(value)
            yield value

    return deed


def fail(error: BaseException, *, times: int | None = None) -> Deed:
    """A deed that raises `error`: always, or so many times; then it gives "recovered"."""
    failures = iter(range(times)) if times is not None else None

    def deed(state: Log) -> list[str]:
        if failures is None or next(failures, None) is not None:
            raise error
        return ["recovered"]

    return deed


class Life:
    """How an engine was treated."""

    closed = 0
    running = 0
    aborts = 0
    _lock = threading.Lock()

    def close(self) -> None:
        assert not self.running, "closed while a call was running"
        self.closed += 1

    def do(self, deed: Deed, state: Log) -> Iterable[Any]:
        with self._lock:
            self.running += 1
        try:
            return deed(state)
        finally:
            with self._lock:
                self.running -= 1


class Doing(Life, Engine[Deed, Any, Log]):
    """Takes items one by one. `flush` gives what the stream's state holds, `release` empties it."""

    kind = StageKind.VAD
    name = "doing"

    def __init__(self, *, concurrency: int = 1, can_abort: Callable[[], bool] = lambda: False) -> None:
        self.concurrency = concurrency
        self.opened = 0
        self.released: list[Log] = []
        self._can_abort = can_abort

    def open(self, settings: Settings) -> Log:
        self.opened += 1
        return []

    def process(self, item: Deed, state: Log) -> Iterable[Any]:
        return self.do(item, state)

    def flush(self, state: Log) -> Iterable[Any]:
        return [("held back", list(state))] if state else []

    def release(self, state: Log) -> None:
        self.released.append(state)

    def cost(self, item: Deed) -> float:
        return float(getattr(item, "cost", 1.0))

    def abort(self) -> bool:
        self.aborts += 1
        return self._can_abort()


class OtherDoing(Doing):
    """Another class: states of `Doing` mean nothing to it."""

    name = "other"


class DoingAtOnce(Life, Stateless[Deed, Any]):
    """Remembers nothing of a stream."""

    kind = StageKind.ASR
    name = "at-once"

    def __init__(self, *, concurrency: int = 1) -> None:
        self.concurrency = concurrency

    def process(self, item: Deed, state: Settings) -> Iterable[Any]:
        return self.do(item, [])

    def cost(self, item: Deed) -> float:
        return float(getattr(item, "cost", 1.0))


class DoingBatches(Life, BatchEngine[Deed, Any, Log]):
    """Takes batches, all or nothing: when one deed raises, no state has changed. `sizes` lists how large they were."""

    kind = StageKind.VAD
    name = "batches"

    def __init__(self, *, max_batch: int = 64, concurrency: int = 1) -> None:
        self.max_batch = max_batch
        self.concurrency = concurrency
        self.sizes: list[int] = []

    def open(self, settings: Settings) -> Log:
        return []

    def process_batch(self, work: Sequence[tuple[Deed, Log]]) -> Sequence[Iterable[Any]]:
        self.sizes.append(len(work))
        copies = [list(state) for _, state in work]
        results = [self.do(deed, copy) for (deed, _), copy in zip(work, copies, strict=True)]
        for (_, state), copy in zip(work, copies, strict=True):
            state[:] = copy
        return results

    def cost(self, item: Deed) -> float:
        return float(getattr(item, "cost", 1.0))


class Loads:
    """Loads engines for a pool, and remembers them. `before` runs first, in the worker thread; it may raise."""

    def __init__(self, make: Callable[[], Any] = Doing, before: Callable[[int], object] = lambda count: None) -> None:
        self.engines: list[Any] = []
        self._make = make
        self._before = before
        self._count = 0

    def __call__(self) -> Any:
        self._count += 1
        self._before(self._count)
        engine = self._make()
        self.engines.append(engine)
        return engine

    @property
    def closes(self) -> list[int]:
        """How often each engine was closed."""
        return [engine.closed for engine in self.engines]

    @property
    def all_closed_once(self) -> bool:
        return self.closes == [1] * len(self.engines)


class Answers(Recognizer):
    """Recognizes whatever it is told: the next text for each window, then nothing."""

    name = "answers"

    def __init__(self, texts: Iterable[str] = (), language: str = "en") -> None:
        self.language = language
        self.heard: list[Window] = []
        self._texts = iter(texts)
        self._lock = threading.Lock()

    def process(self, item: Window, state: Settings) -> Iterator[Transcript]:
        with self._lock:
            self.heard.append(item)
            text = next(self._texts, None)
        if text is not None:
            yield item.transcript(text, language=state.language or self.language, start=0.0, end=item.duration)

    def detect_language(self, window: Window) -> str:
        return self.language


class Loudness(BatchEngine[AudioChunk, Activity, Log], Detector[Log]):
    """Speech is what is louder than 0.01. Keeps what does not fill a frame of 32 ms, and leaves it out at the end."""

    name = "loudness"
    frame: ClassVar[int] = 512

    def __init__(self) -> None:
        """Takes no options."""

    def open(self, settings: Settings) -> Log:
        return [np.zeros(0, np.float32)]

    def process_batch(self, work: Sequence[tuple[AudioChunk, Log]]) -> Sequence[Iterable[Activity]]:
        return [self._frames(chunk, state) for chunk, state in work]

    def _frames(self, chunk: AudioChunk, state: Log) -> list[Activity]:
        samples = np.concatenate([state[0], chunk.samples])
        start = chunk.end - len(samples) / chunk.sample_rate
        whole = len(samples) // self.frame * self.frame
        state[0] = samples[whole:]
        loud = np.abs(samples[:whole].reshape(-1, self.frame)).max(axis=1, initial=0.0) > 0.01
        frame_s = self.frame / chunk.sample_rate
        return [Activity(start, frame_s, loud.astype(np.float32))] if whole else []


class LoudFrames(FrameDetector[int]):
    """The same, given whole frames, and with what is incomplete at the end. Its memory is how many it has heard."""

    name = "loud frames"
    sample_rates: Sequence[int] = (16_000, 8_000)
    frame_s: ClassVar[float] = 0.032

    def __init__(self) -> None:
        """Takes no options."""

    def frame(self, sample_rate: int) -> int:
        return round(self.frame_s * sample_rate)

    def judge(
        self, samples: Samples, sample_rate: int, memories: Sequence[int | None]
    ) -> tuple[Samples, Sequence[int]]:
        peaks = np.abs(samples.reshape(len(samples), -1, self.frame(sample_rate))).max(axis=2)
        return (peaks > 0.01).astype(np.float32), [(heard or 0) + peaks.shape[1] for heard in memories]


class Recording(Capture):
    """Gives `samples` (16 kHz) in chunks; raises `error`, if there is one, after the last."""

    name = "recording"

    def __init__(self, samples: Samples, *, chunk_s: float = 0.1, error: Exception | None = None) -> None:
        self.duration = len(samples) / 16_000
        self.closed = False
        self._samples, self._chunk, self._error = samples, round(chunk_s * 16_000), error

    def open(self, settings: Settings) -> Iterator[AudioChunk]:
        try:
            for first in range(0, len(self._samples), self._chunk):
                yield AudioChunk(self._samples[first : first + self._chunk], 16_000, first / 16_000)
            if self._error is not None:
                raise self._error
        finally:
            self.closed = True
