"""Every order of what may happen to streams that share a pool: each finds what a stream alone finds."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.fakes import LoudFrames, Loudness
from workbench.audio.pcm import Encoding
from workbench.detection import Detection
from workbench.engines import Detector, Settings
from workbench.errors import EngineError, PoolClosed
from workbench.pool import Pool
from workbench.speech.segmenter import SegmenterOptions
from workbench.stream import Found, StreamProcessor
from workbench.types import Activity, AudioChunk, Samples, SpeechSegment

RATES = (16_000, 8_000, 44_100)
OPTIONS = SegmenterOptions(min_speech_ms=64, min_silence_ms=96, speech_pad_ms=32)


class Sound(Loudness):
    sample_rates: Sequence[int] = (16_000, 8_000)

    def flush(self, state: Any) -> Sequence[Activity]:
        state[0] = state[0][:0]
        return ()


class FrameSound(LoudFrames):
    """Hears nothing in the last 5 of each 16 frames of a stream: who forgets or repeats one finds other speech."""

    def judge(self, samples: Samples, sample_rate: int, memories: Sequence[int | None]) -> Any:
        loud, after = super().judge(samples, sample_rate, memories)
        places = np.array(after)[:, None] - np.arange(loud.shape[1], 0, -1)
        return loud * (places % 16 < 11).astype(np.float32), after


class Ear(Detector[Any]):
    """Breaks in the calls for which `breaks` says so; forgets each stream once."""

    max_batch = 3
    concurrency = 2
    breaks: ClassVar[Iterator[bool]] = iter(())
    known: ClassVar[list[Any]] = []

    def open(self, settings: Settings) -> Any:
        state = super().open(settings)  # type: ignore[safe-super]
        Ear.known.append(state)
        return state

    def release(self, state: Any) -> None:
        del Ear.known[next(at for at, known in enumerate(Ear.known) if known is state)]

    def may_break(self) -> None:
        if next(Ear.breaks, False):
            raise EngineError("broke")


class ChunkEar(Ear, Sound):
    """Never breaks twice with the same audio."""

    tried: ClassVar[list[Samples]] = []

    def process_batch(self, work: Sequence[tuple[AudioChunk, Any]]) -> Any:
        assert len(work) <= self.max_batch
        if not any(chunk.samples is tried for chunk, _ in work for tried in self.tried):
            try:
                self.may_break()
            except EngineError:
                self.tried.extend(chunk.samples for chunk, _ in work)
                raise
        return super().process_batch(work)


class FrameEar(Ear, FrameSound):
    def judge(self, samples: Samples, sample_rate: int, memories: Sequence[int | None]) -> Any:
        assert len(samples) <= self.max_batch
        self.may_break()
        return super().judge(samples, sample_rate, memories)


KINDS: dict[type[Detector[Any]], type[Detector[Any]]] = {ChunkEar: Sound, FrameEar: FrameSound}
"""What hears the streams that share a pool, and one alone."""


def told(found: Sequence[Found]) -> list[tuple[Any, ...]]:
    return [
        (item.id, round(item.audio.start, 9), item.audio.samples.tobytes())
        if isinstance(item, SpeechSegment)
        else tuple(round(value, 9) if isinstance(value, float) else value for value in item.to_dict().values())
        for item in found
    ]


class Speaker:
    """One stream and what it was given since it began: bytes, or None for a flush."""

    def __init__(self, pool: Pool[AudioChunk, Activity], rate: int, encoding: Encoding, seed: int) -> None:
        self.alone = KINDS[type(pool.engine)]  # type: ignore[index]
        self.format: dict[str, Any] = {"sample_rate": rate, "encoding": encoding, "options": OPTIONS}
        self.stream = StreamProcessor(pool, **self.format)
        self.given: list[bytes | None] = []
        self.found: list[Found] = []
        self.chance = np.random.default_rng(seed)
        self.tasks: list[asyncio.Task[None]] = []

    def data(self, size: int) -> bytes:
        """Of any length, some of it loud; of floats whole ones, or what a cut makes of them might be no numbers."""
        loud = np.repeat(self.chance.choice([0.0, 0.5], 1 + size // 3000), 3000)[:size]
        if self.format["encoding"] == "pcm_s16le":
            return (loud * 32767).astype("<i2").tobytes()[: 2 * size - size % 2]
        return loud.astype("<f4").tobytes()

    async def feed(self, data: bytes) -> None:
        await self.stream.room()
        self.stream.feed(data)
        self.given.append(data)

    async def process(self, data: bytes) -> None:
        """Two at once wait for the same; whichever ends first takes what was found."""
        await self.stream.room()
        self.given.append(data)
        self.found += await self.stream.process_chunk(data)

    async def flush(self) -> None:
        self.given.append(None)
        self.found += await self.stream.flush()

    async def settle(self) -> None:
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()

    def forget(self) -> None:
        self.given, self.found = [], []

    async def check(self) -> None:
        """Against a stream alone."""
        await self.settle()
        await self.flush()
        async with Pool(self.alone) as pool, StreamProcessor(pool, **self.format) as alone:
            expected: list[Found] = []
            for data in self.given:
                expected += await (alone.flush() if data is None else alone.process_chunk(data))
        assert told(self.found) == told(expected)


class Life(RuleBasedStateMachine):
    streams = st.integers(0, 3)
    sizes = st.integers(1, 8_000)

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        Ear.breaks, Ear.known, ChunkEar.tried = iter(()), [], []

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        async def limited() -> Any:
            async with asyncio.timeout(10):
                return await work

        return self.runner.run(limited())

    @initialize(encoding=st.sampled_from(["pcm_s16le", "pcm_f32le"]), kind=st.sampled_from(list(KINDS)))
    def start(self, encoding: Encoding, kind: type[Detector[Any]]) -> None:
        async def start() -> None:
            self.pool: Pool[AudioChunk, Activity] = Pool(kind, max_replacements=1000)
            await self.pool.start()
            rates = [*RATES, 16_000]
            self.speakers = [Speaker(self.pool, rate, encoding, seed) for seed, rate in enumerate(rates)]

        self.do(start())

    @rule(stream=streams, size=sizes)
    def feed(self, stream: int, size: int) -> None:
        async def feed() -> None:
            speaker = self.speakers[stream]
            await speaker.feed(speaker.data(size))

        self.do(feed())

    @rule(stream=streams, size=sizes, turns=st.integers(0, 5))
    def process(self, stream: int, size: int, turns: int) -> None:
        speaker = self.speakers[stream]
        self.begin(speaker, speaker.process(speaker.data(size)), turns)

    @rule(stream=streams, turns=st.integers(0, 5))
    def flush(self, stream: int, turns: int) -> None:
        speaker = self.speakers[stream]
        self.begin(speaker, speaker.flush(), turns)

    def begin(self, speaker: Speaker, work: Coroutine[Any, Any, None], turns: int) -> None:
        async def begin() -> None:
            speaker.tasks.append(asyncio.create_task(work))
            for _ in range(1 + turns):
                await asyncio.sleep(0)

        self.do(begin())

    @rule(stream=streams)
    def cancel(self, stream: int) -> None:
        """What was fed stays so."""
        for task in self.speakers[stream].tasks:
            task.cancel()

    @rule(stream=streams)
    def reset(self, stream: int) -> None:
        async def reset() -> None:
            speaker = self.speakers[stream]
            resetting = asyncio.create_task(speaker.stream.reset())
            await asyncio.sleep(0)
            await speaker.settle()  # before anything else is fed
            speaker.forget()
            await resetting

        self.do(reset())

    @rule(stream=streams, flushed=st.booleans())
    def close(self, stream: int, flushed: bool) -> None:
        """Another takes its place."""

        async def close() -> None:
            gone = self.speakers[stream]
            closing = asyncio.create_task(gone.stream.close())
            await asyncio.sleep(0)
            if flushed:
                await gone.stream.flush()
            await gone.stream.reset()
            await gone.settle()
            await closing
            try:
                gone.stream.feed(b"")
            except PoolClosed:
                rate, encoding = gone.format["sample_rate"], gone.format["encoding"]
                self.speakers[stream] = Speaker(self.pool, rate, encoding, int(gone.chance.integers(1000)))
            else:
                raise AssertionError("a closed stream takes audio")

        self.do(close())

    @rule()
    def swap(self) -> None:
        self.do(self.pool.swap(type(self.pool.engine)))

    @rule(calls=st.integers(0, 5))
    def break_engine(self, calls: int) -> None:
        """What is at work then is tried again on another; frames in another array, which may not break then."""
        if isinstance(self.pool.engine, ChunkEar) or not Detection.of(self.pool)._runs:
            Ear.breaks = iter([*[False] * calls, True])

    @rule(stream=streams)
    def check(self, stream: int) -> None:
        self.do(self.speakers[stream].check())

    def teardown(self) -> None:
        async def end() -> None:
            try:
                for speaker in self.speakers:
                    await speaker.check()
                for speaker in self.speakers:
                    await speaker.stream.close()
                assert Detection.of(self.pool).streams == 0
                assert not self.pool._dispatcher.stages
                assert Ear.known == []
            finally:
                await self.pool.close()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        try:
            if hasattr(self, "pool"):
                self.do(end())
        finally:
            self.runner.close()


Life.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
test_streams_find_what_each_finds_alone = Life.TestCase
