"""Bytes in, speech out, for any number of streams."""

from __future__ import annotations

import asyncio
import math
import struct
import threading
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes import Loudness, run
from workbench import events
from workbench.audio.wav import WavWriter
from workbench.detection import Detection
from workbench.errors import EngineError, InputError, Overrun, PoolClosed, UsageError
from workbench.pool import Pool
from workbench.speech.segmenter import SegmenterOptions
from workbench.stream import FOUND_LIMIT, LIMIT_S, Found, StreamProcessor
from workbench.types import Activity, AudioChunk, Samples, SpeechSegment

RATE = 16_000
OPTIONS = SegmenterOptions(min_speech_ms=96, min_silence_ms=192, speech_pad_ms=64)


class AnyRate(Loudness):
    sample_rates: Sequence[int] = (16_000, 8_000)


def audio(*parts: tuple[float, float]) -> Samples:
    """(seconds, loudness) one after the other."""
    return np.concatenate([np.full(round(seconds * RATE), value, np.float32) for seconds, value in parts])


TALK = audio((0.512, 0.0), (0.96, 0.5), (0.64, 0.0), (0.96, 0.5), (0.64, 0.0))


def as_bytes(samples: Samples) -> bytes:
    return (samples * 32768).astype("<i2").tobytes()


def told(found: Sequence[Found]) -> list[tuple[Any, ...]]:
    """What was found, as values that can be compared."""
    return [
        (item.id, item.audio.start, item.audio.samples.tobytes())
        if isinstance(item, SpeechSegment)
        else tuple(item.to_dict().values())
        for item in found
    ]


async def whole(samples: Samples, **options: Any) -> list[Found]:
    """All that one stream finds, fed in one piece."""
    async with Pool(AnyRate) as pool, StreamProcessor(pool, options=OPTIONS, **options) as stream:
        return await stream.process_chunk(as_bytes(samples)) + await stream.flush()


def test_speech_is_found_with_its_audio_and_the_padding_around_it() -> None:
    async def test() -> None:
        started, ended, segment, *_ = await whole(TALK)
        assert isinstance(started, events.SpeechStarted)
        assert isinstance(ended, events.SpeechEnded)
        assert isinstance(segment, SpeechSegment)
        assert started.start == pytest.approx(0.512 - 0.064)
        assert (ended.start, ended.end) == pytest.approx((0.512 - 0.064, 0.512 + 0.96 + 0.064))
        assert (segment.audio.start, segment.audio.end) == pytest.approx((ended.start, ended.end))
        expected = TALK[round(ended.start * RATE) : round(ended.end * RATE)]
        assert np.abs(segment.audio.samples - expected).max() < 1 / 32768

    run(test)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(37, 9000), min_size=1, max_size=40))
def test_chunks_of_any_size_give_the_same_as_one_piece(sizes: list[int]) -> None:
    async def test() -> None:
        data, turns = as_bytes(TALK), cycle(sizes)
        async with Pool(AnyRate) as pool, StreamProcessor(pool, options=OPTIONS) as stream:
            while data:
                size = next(turns)
                stream.feed(data[:size])
                data = data[size:]
                await stream.room()
            found = await stream.flush()
        assert told(found) == told(await whole(TALK))

    run(test)


def test_streams_that_run_at_once_give_what_each_gives_alone() -> None:
    async def test() -> None:
        rng = np.random.default_rng(5)
        talks = [audio(*((float(rng.uniform(0.1, 1.5)), v) for v in (0, 0.5) * 4)) for _ in range(64)]
        found: list[list[Found]] = [[] for _ in talks]

        async def speak(index: int, pool: Pool[AudioChunk, Activity]) -> None:
            chance = np.random.default_rng(index)
            async with StreamProcessor(pool, options=OPTIONS) as stream:
                left = as_bytes(talks[index])
                while left:
                    size = int(chance.integers(1, 4000))
                    found[index] += await stream.process_chunk(left[:size])
                    left = left[size:]
                found[index] += await stream.flush()

        async with Pool(AnyRate) as pool, asyncio.TaskGroup() as tasks:
            for index in range(len(talks)):
                tasks.create_task(speak(index, pool))
        for talk, all_at_once in zip(talks, found, strict=True):
            assert told(all_at_once) == told(await whole(talk))

    run(test)


def test_events_come_while_the_stream_goes_on_and_end_with_it() -> None:
    async def test() -> None:
        heard: list[str] = []
        ended = asyncio.Event()

        async def listen(stream: StreamProcessor) -> None:
            async for item in stream.events():
                heard.append(type(item).__name__)
                if isinstance(item, SpeechSegment):
                    ended.set()

        async with (
            Pool(AnyRate) as pool,
            asyncio.TaskGroup() as tasks,
            StreamProcessor(pool, options=OPTIONS) as stream,
        ):
            tasks.create_task(listen(stream))
            for first in range(0, len(TALK) // 2, 160):
                stream.feed(TALK[first : first + 160])
                await stream.room()
            await ended.wait()
        assert heard == ["SpeechStarted", "SpeechEnded", "SpeechSegment"]

    run(test)


@pytest.mark.parametrize("encoding", ["pcm_s16le", "pcm_f32le"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 48_000])
def test_audio_of_any_rate_and_encoding_is_taken(rate: int, encoding: str) -> None:
    import soxr

    async def test() -> None:
        talk = soxr.resample(TALK, RATE, rate).clip(-1, 1)
        data = talk.astype("<f4").tobytes() if encoding == "pcm_f32le" else as_bytes(talk)
        async with Pool(AnyRate) as pool:
            stream = StreamProcessor(pool, sample_rate=rate, encoding=encoding, options=OPTIONS)  # type: ignore[arg-type]
            async with stream:
                assert stream.sample_rate == (8_000 if rate == 8_000 else RATE)
                found = await stream.process_chunk(data[:-3]) + await stream.process_chunk(data[-3:])
                found += await stream.flush()
                segments = [item for item in found if isinstance(item, SpeechSegment)]
                assert [segment.audio.sample_rate for segment in segments] == [stream.sample_rate] * 2
                starts = [segment.audio.start for segment in segments]
                assert starts == pytest.approx([0.512 - 0.064, 2.112 - 0.064], abs=0.07)
                assert stream.statistics().received_s == pytest.approx(len(talk) / rate)

    run(test)


def test_a_flush_ends_speech_that_goes_on_and_the_stream_can_be_used_again() -> None:
    async def test() -> None:
        async with Pool(AnyRate) as pool, StreamProcessor(pool, options=OPTIONS) as stream:
            first = await stream.process_chunk(audio((0.5, 0.5)))
            assert [type(item) for item in first] == [events.SpeechStarted]
            ended, segment = await stream.flush()
            assert isinstance(ended, events.SpeechEnded)
            assert isinstance(segment, SpeechSegment)
            assert ended.end == pytest.approx(0.48)  # whole frames
            again = await stream.process_chunk(audio((0.5, 0.5)))
            assert [
                (item.segment_id, item.start >= 0.48) for item in again if isinstance(item, events.SpeechStarted)
            ] == [(1, True)]

    run(test)


def test_a_reset_begins_the_timeline_anew() -> None:
    async def test() -> None:
        async with Pool(AnyRate) as pool, StreamProcessor(pool, options=OPTIONS) as stream:
            first = await stream.process_chunk(as_bytes(TALK) + b"\x01")  # half a sample more
            stream.feed(TALK)
            await stream.reset()
            assert told(await stream.process_chunk(as_bytes(TALK))) == told(first)

    run(test)


def test_a_file_is_processed_to_its_end(tmp_path: Path) -> None:
    async def test() -> None:
        with WavWriter(tmp_path / "talk.wav", RATE) as wav:
            for _ in range(10):
                wav.write(TALK)
            wav.commit()
        async with Pool(AnyRate) as pool, StreamProcessor(pool, options=OPTIONS) as stream:
            found = await stream.process_file(tmp_path / "talk.wav")
            assert len([item for item in found if isinstance(item, SpeechSegment)]) == 20
            with pytest.raises(UsageError):
                await stream.process_file(tmp_path / "nothing.wav")

    run(test)


def test_statistics_tell_what_was_received_and_judged() -> None:
    async def test() -> None:
        async with Pool(AnyRate) as pool, StreamProcessor(pool, options=OPTIONS) as stream:
            assert stream.statistics().frames_received == 0
            await stream.process_chunk(TALK[:5300])
            told = stream.statistics()
            assert (told.received_s, told.frames_received, told.frames_judged) == (5300 / RATE, 10, 10)
            assert told.waiting_s == 0.0
            assert told.judged_s == pytest.approx(0.32)
            assert set(told.to_dict()) >= {"received_s", "segments", "errors"}

    run(test)


def test_without_audio_only_events_are_given() -> None:
    async def test() -> None:
        found = await whole(TALK, keep_audio=False)
        assert [type(item) for item in found] == [events.SpeechStarted, events.SpeechEnded] * 2

    run(test)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (struct.pack("<f", math.nan), "not numbers"),
        (struct.pack("<f", -math.inf), "not numbers"),
        (np.zeros(10), "float64"),
        (np.zeros((10, 2), np.float32), "2 dimensions"),
    ],
)
def test_what_is_no_audio_is_refused_and_the_stream_goes_on(data: Any, complaint: str) -> None:
    async def test() -> None:
        async with (
            Pool(AnyRate) as pool,
            StreamProcessor(pool, encoding="pcm_f32le", options=OPTIONS) as stream,
        ):
            with pytest.raises(InputError, match=complaint):
                stream.feed(data)
            assert stream.statistics().received_s == 0
            assert len(await stream.process_chunk(TALK)) == 6

    run(test)


@pytest.mark.parametrize("wrong", [{"sample_rate": 7_999}, {"sample_rate": 384_001}, {"encoding": "mp3"}])
def test_a_format_there_is_not_is_refused(wrong: dict[str, Any]) -> None:
    async def test() -> None:
        async with Pool(AnyRate) as pool:
            with pytest.raises(UsageError):
                StreamProcessor(pool, **wrong)

    run(test)


class Stuck(AnyRate):
    """Fails as often as `failures` says, with the error that `error` makes."""

    failures: int = 0
    error: Callable[[], Exception] = RuntimeError

    def process_batch(self, work: Sequence[tuple[AudioChunk, Any]]) -> Any:
        if type(self).failures:
            type(self).failures -= 1
            raise type(self).error()
        return super().process_batch(work)


def test_a_chunk_that_cannot_be_judged_is_told_and_the_stream_goes_on() -> None:
    class Once(Stuck):
        failures = 1
        error = lambda: ValueError("too loud")  # noqa: E731

    async def test() -> None:
        async with Pool(Once) as pool, StreamProcessor(pool, options=OPTIONS) as stream:
            (error,) = await stream.process_chunk(TALK)
            assert isinstance(error, events.Error)
            assert (error.message, error.severity) == ("ValueError: too loud", "error")
            assert len(await stream.process_chunk(TALK)) == 6
            assert stream.statistics().errors == 1

    run(test)


def test_a_pool_that_breaks_ends_the_stream() -> None:
    class Broken(Stuck):
        failures = 99
        error = lambda: EngineError("out of memory")  # noqa: E731

    async def test() -> None:
        async with Pool(Broken, max_replacements=0) as pool, StreamProcessor(pool, options=OPTIONS) as stream:
            stream.feed(TALK)
            (error,) = [item async for item in stream.events()]
            assert isinstance(error, events.Error)
            assert (error.severity, "out of memory" in error.message) == ("fatal", True)
            with pytest.raises(PoolClosed):
                stream.feed(TALK)

    run(test)


def test_a_flush_after_the_end_finds_nothing_and_harms_no_other_stream() -> None:
    async def test() -> None:
        async with Pool(AnyRate) as pool, StreamProcessor(pool, options=OPTIONS) as other:
            gone = StreamProcessor(pool, options=OPTIONS)
            gone.feed(TALK)
            await asyncio.sleep(0)  # it is at work
            await gone.close()
            flushed = asyncio.ensure_future(gone.flush())
            await asyncio.sleep(0)  # both would be in the next batch
            assert told(await other.process_chunk(TALK) + await other.flush()) == told(await whole(TALK))
            assert await flushed == []

    run(test)


def test_too_much_at_once_is_refused_until_there_is_room() -> None:
    async def test() -> None:
        second = np.zeros(RATE, np.float32)
        async with Pool(AnyRate) as pool, StreamProcessor(pool, options=OPTIONS) as stream:
            for _ in range(round(LIMIT_S)):
                stream.feed(second)
            with pytest.raises(Overrun):
                stream.feed(second)
            await stream.room()
            assert stream.waiting_s < LIMIT_S / 2
            stream.feed(second)
            await stream.judged()
            assert stream.statistics().judged_s == pytest.approx(LIMIT_S + 1, abs=0.04)

    run(test)


def test_what_nobody_takes_holds_the_sender_up() -> None:
    async def test() -> None:
        blip = audio((0.096, 0.5), (0.224, 0.0))
        async with Pool(AnyRate) as pool, StreamProcessor(pool, options=OPTIONS, keep_audio=False) as stream:
            for _ in range(FOUND_LIMIT // 4):  # each blip begins and ends
                await stream.room()
                stream.feed(blip)
                await stream.judged()
            room = asyncio.ensure_future(stream.room())
            taken = stream.events()
            await asyncio.sleep(0)
            assert not room.done()
            for _ in range(3):
                await anext(taken)
            await room

    run(test)


def test_leaving_drops_what_waits_and_ends_who_waits_for_it() -> None:
    async def test() -> None:
        async with Pool(AnyRate) as pool:
            async with StreamProcessor(pool, options=OPTIONS) as stream:
                for _ in range(9):
                    stream.feed(np.zeros(RATE, np.float32))
                waits = [asyncio.ensure_future(work()) for work in (stream.room, stream.judged)]
                rest = asyncio.ensure_future(anext(stream.events(), None))
                await asyncio.sleep(0)
            await asyncio.gather(*waits)
            assert await rest is None
            with pytest.raises(PoolClosed):
                stream.feed(TALK)
            await stream.close()
            assert pool.statistics().depth == 0

    run(test)


def test_a_cancelled_process_chunk_leaves_the_stream_in_order() -> None:
    async def test() -> None:
        async with Pool(AnyRate) as pool, StreamProcessor(pool, options=OPTIONS) as stream:
            task = asyncio.ensure_future(stream.process_chunk(TALK))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert told(await stream.flush()) == told(await whole(TALK))[: 2 * 3]

    run(test)


@pytest.mark.parametrize("work", ["process_chunk", "flush", "judged", "room"])
def test_a_reset_ends_who_waits_for_what_was_before_it(work: str) -> None:
    async def test() -> None:
        async with Pool(AnyRate) as pool, StreamProcessor(pool, options=OPTIONS) as stream:
            for _ in range(5):
                stream.feed(np.zeros(RATE, np.float32))
            await asyncio.sleep(0)  # it is at work
            arguments = [TALK] if work == "process_chunk" else []
            waits = asyncio.ensure_future(getattr(stream, work)(*arguments))
            await asyncio.sleep(0)
            await stream.reset()
            await waits
            await stream.reset()
            assert told(await stream.process_chunk(TALK) + await stream.flush()) == told(await whole(TALK))

    run(test)


def test_a_reset_of_a_closed_stream_opens_none() -> None:
    async def test() -> None:
        async with Pool(AnyRate) as pool:
            stream = StreamProcessor(pool, options=OPTIONS)
            await stream.process_chunk(TALK)
            await stream.close()
            await stream.reset()
            with pytest.raises(PoolClosed):
                stream.feed(TALK)
            assert Detection.of(pool).streams == 0
            assert not pool._dispatcher.stages

    run(test)


def test_a_flush_ends_speech_where_the_audio_ended_whatever_is_fed_meanwhile() -> None:
    async def test() -> None:
        talk, more = audio((0.512, 0.5)), audio((0.512, 0.5))
        async with Pool(AnyRate) as pool, StreamProcessor(pool, options=OPTIONS) as stream:
            stream.feed(talk)
            flush = asyncio.ensure_future(stream.flush())
            await asyncio.sleep(0)
            stream.feed(more)
            found = await flush
            await stream.judged()
            found += await stream.flush()
            ends = [(item.start, item.end) for item in found if isinstance(item, events.SpeechEnded)]
            assert ends == [(0.0, 0.512), (0.512, 1.024)]

    run(test)


def test_what_is_fed_and_never_taken_does_not_stop_who_would_take_it() -> None:
    async def test() -> None:
        blip = audio((0.096, 0.5), (0.224, 0.0))
        async with Pool(AnyRate) as pool, StreamProcessor(pool, options=OPTIONS, keep_audio=False) as stream:
            for _ in range(FOUND_LIMIT // 2):
                stream.feed(blip)
                await stream.judged()
            with pytest.raises(Overrun, match="events"):
                stream.feed(blip)
            room = asyncio.ensure_future(stream.room())
            await asyncio.sleep(0)
            assert len(await stream.process_chunk(blip)) > FOUND_LIMIT
            await room

    run(test)


@pytest.mark.parametrize("nonsense", [None, Activity(0.0, 0.0, np.ones(1, np.float32))])
def test_a_detector_that_gives_nonsense_fails_that_chunk_and_nobody_waits_for_it(nonsense: Any) -> None:
    class Nonsense(AnyRate):
        def process_batch(self, work: Sequence[tuple[AudioChunk, Any]]) -> Any:
            made = super().process_batch(work)
            return [
                [nonsense] if np.any(chunk.samples > 0.9) else found
                for (chunk, _), found in zip(work, made, strict=True)
            ]

    async def test() -> None:
        async with (
            Pool(Nonsense) as pool,
            StreamProcessor(pool, options=OPTIONS) as stream,
            StreamProcessor(pool, options=OPTIONS) as other,
        ):
            other.feed(TALK)
            (error,) = await stream.process_chunk(audio((0.512, 1.0)))
            assert isinstance(error, events.Error)
            assert error.severity == "error"
            again = [item for item in await stream.process_chunk(TALK) if isinstance(item, events.SpeechStarted)]
            assert [item.start for item in again] == pytest.approx([0.96, 2.56])
            assert told(await other.flush()) == told(await whole(TALK))

    run(test)


def test_a_detector_that_gives_too_few_results_fails_that_batch_alone() -> None:
    class Short(AnyRate):
        is_short = True

        def process_batch(self, work: Sequence[tuple[AudioChunk, Any]]) -> Any:
            made = super().process_batch(work)
            if not Short.is_short:
                return made
            Short.is_short = False
            return made[1:]

    async def test() -> None:
        async with Pool(Short) as pool:
            streams = [StreamProcessor(pool, options=OPTIONS) for _ in range(4)]
            first = await asyncio.gather(*(stream.process_chunk(TALK) for stream in streams))
            assert [[type(item) for item in found] for found in first] == [[events.Error]] * 4
            assert [stream.statistics().judged_s for stream in streams] == [0.0] * 4
            for found in await asyncio.gather(*(stream.process_chunk(TALK) for stream in streams)):
                starts = [item.start for item in found if isinstance(item, events.SpeechStarted)]
                assert starts == pytest.approx([3.712 + 0.512 - 0.064, 3.712 + 2.112 - 0.064])
            for stream in streams:
                await stream.close()

    run(test)


def test_audio_that_no_engine_came_to_leaves_a_hole_in_time() -> None:
    class Held(AnyRate):
        let_go = threading.Event()

        def process_batch(self, work: Sequence[tuple[AudioChunk, Any]]) -> Any:
            assert Held.let_go.wait(30)
            return super().process_batch(work)

    async def test() -> None:
        async with Pool(Held, acquire_timeout_s=0.05) as pool, pool.open() as busy:
            hold = asyncio.ensure_future(busy.call(lambda engine: Held.let_go.wait(30)))
            async with StreamProcessor(pool, options=OPTIONS) as stream:
                (error,) = await stream.process_chunk(TALK)
                assert isinstance(error, events.Error)
                Held.let_go.set()
                await hold
                found = await stream.process_chunk(TALK)
                starts = [item.start for item in found if isinstance(item, events.SpeechStarted)]
                assert starts == pytest.approx([3.712 + 0.512 - 0.064, 3.712 + 2.112 - 0.064])

    run(test)
