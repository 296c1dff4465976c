"""Many streams, judged together: whatever becomes of an engine, each hears its own audio once and in order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any, ClassVar

import numpy as np
import pytest

from tests.fakes import LoudFrames, Loudness, run, until
from workbench import detection
from workbench.audio.pcm import Cutter, Piece
from workbench.detection import DetectedStream, Detection
from workbench.engines import Detector, Settings
from workbench.errors import EngineError, EngineHung, PoolClosed
from workbench.judging import Turn
from workbench.pool import Pool
from workbench.threads import busy
from workbench.types import Activity, AudioChunk, Samples

RATE = 16_000
FRAME_S = 0.032


class Ear(Loudness):
    """Fails when it hears its `trigger`, until `failures` are used up; counts who it forgets."""

    trigger: ClassVar[float] = 0.9
    failures: ClassVar[int] = 0
    error: ClassVar[type[Exception]] = ValueError
    forgotten: ClassVar[int] = 0

    def __init__(self) -> None:
        self._heard: list[Any] = []

    def process_batch(self, work: Sequence[tuple[AudioChunk, Any]]) -> Any:
        if type(self).failures and any(np.any(chunk.samples > self.trigger) for chunk, _ in work):
            type(self).failures -= 1
            raise type(self).error("too loud")
        self._heard += [state for _, state in work]
        return super().process_batch(work)

    def release(self, state: Any) -> None:
        type(self).forgotten += any(state is one for one in self._heard)


class FrameEar(LoudFrames):
    """Fails when it hears its `trigger`, until `failures` are used up."""

    trigger: ClassVar[float] = 0.9
    failures: ClassVar[int] = 0
    error: ClassVar[type[Exception]] = ValueError

    def judge(self, samples: Samples, sample_rate: int, memories: Sequence[int | None]) -> Any:
        if type(self).failures and np.any(samples > self.trigger):
            type(self).failures -= 1
            raise type(self).error("too loud")
        return super().judge(samples, sample_rate, memories)


class OneByOne(Detector[Any]):
    """The same, without batches, and later than asked for."""

    name = "one by one"
    failures: ClassVar[int] = 0

    def __init__(self) -> None:
        self._ear = Loudness()

    def open(self, settings: Settings) -> Any:
        return self._ear.open(settings)

    def process(self, item: AudioChunk, state: Any) -> Iterable[Activity]:
        if type(self).failures and np.any(item.samples > 0.9):
            type(self).failures -= 1
            raise EngineError("broken")
        yield from self._ear.process(item, state)


class Listener:
    """One stream and what became of it."""

    def __init__(self, pool: Pool[AudioChunk, Activity], rate: int = RATE) -> None:
        self.turns: list[Turn] = []
        self._cutter = Cutter(rate, "pcm_s16le")
        self.stream = DetectedStream(pool, rate, RATE, self.turns.append)

    def hear(self, samples: Samples) -> None:
        self.stream.put(self.pcm(samples))

    def pcm(self, samples: Samples) -> Piece:
        return self._cutter.cut((samples * 32767).astype(np.int16))

    @property
    def probabilities(self) -> list[float]:
        return [float(one) for turn in self.turns for found in turn.found for one in found.probabilities]

    @property
    def errors(self) -> list[Exception]:
        return [turn.error for turn in self.turns if turn.error is not None]

    async def judged(self) -> None:
        await until(lambda: not self.stream.is_busy)


def frames(*loud: float) -> Samples:
    return np.repeat(np.array(loud, np.float32), 512)


def random_frames(seed: int, count: int = 40) -> Samples:
    return frames(*np.random.default_rng(seed).choice([0.0, 0.5], count).tolist())


@pytest.mark.parametrize("kind", [Ear, OneByOne])
def test_an_engine_that_breaks_costs_no_stream_a_frame(kind: type[Any]) -> None:
    class Broken(kind):  # type: ignore[misc]
        failures = 1
        error = EngineError

    async def test() -> None:
        pool: Pool[AudioChunk, Activity] = Pool(Broken)
        async with pool:
            listeners = [Listener(pool) for _ in range(30)]
            for index, one in enumerate(listeners):
                one.hear(random_frames(index))
                one.hear(frames(1.0 if index == 17 else 0.0))
                one.hear(random_frames(index)[:700])
                one.stream.end()
            for index, one in enumerate(listeners):
                await one.judged()
                expected = [*random_frames(index)[::512], index == 17, *random_frames(index)[:700][::512][:1]]
                assert one.probabilities == [float(value > 0.01) for value in expected]
                assert one.errors == []
                await one.stream.close()

    run(test)


@pytest.mark.parametrize("kind", [Ear, FrameEar])
def test_only_the_stream_fails_that_an_engine_cannot_judge(kind: type[Any]) -> None:
    class Picky(kind):  # type: ignore[misc]
        failures = 99

    async def test() -> None:
        pool: Pool[AudioChunk, Activity] = Pool(Picky)
        async with pool:
            good, bad = [Listener(pool) for _ in range(5)], Listener(pool)
            for one in (*good, bad):
                one.hear(frames(0.0, 1.0 if one is bad else 0.5))
            for one in good:
                await one.judged()
                assert one.probabilities == [0.0, 1.0]
            await bad.judged()
            assert [str(error) for error in bad.errors] == ["too loud"]
            bad.hear(frames(0.5))
            await bad.judged()
            assert bad.probabilities == [1.0]
            for one in (*good, bad):
                await one.stream.close()

    run(test)


def test_streams_that_an_engine_hangs_with_are_given_up_and_others_go_on() -> None:
    class Hanging(Loudness):
        let_go = threading.Event()
        hangs = True

        def process_batch(self, work: Any) -> Any:
            if Hanging.hangs:
                Hanging.hangs = False
                Hanging.let_go.wait(30)
            return super().process_batch(work)

    async def test() -> None:
        async with Pool(Hanging, hang_s=0.5) as pool:
            lost, other = Listener(pool), Listener(pool)
            lost.hear(frames(0.5))
            await until(lambda: not Hanging.hangs)
            other.hear(frames(0.5))
            await other.judged()
            assert isinstance(lost.errors[0], EngineHung)
            assert other.probabilities == [1.0]
            await lost.stream.close()
            await other.stream.close()
            assert not pool._dispatcher.stages
            Hanging.let_go.set()

    run(test)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_what_is_fed_while_a_batch_is_at_work_follows_in_order(concurrency: int) -> None:
    class Several(Loudness):
        max_batch = 4

        def __init__(self) -> None:
            self.concurrency = concurrency

    async def test() -> None:
        chance = np.random.default_rng(3)
        async with Pool(Several) as pool:
            listeners = [Listener(pool) for _ in range(20)]
            for at in range(0, 40 * 512, 256):
                for index in chance.permutation(20):
                    listeners[index].hear(random_frames(int(index))[at : at + 256])
                if chance.random() < 0.5:
                    await asyncio.sleep(0)
            for index, one in enumerate(listeners):
                await one.judged()
                assert one.probabilities == [float(value > 0.01) for value in random_frames(index)[::512]]
                starts = [found.start for turn in one.turns for found in turn.found]
                assert starts == sorted(starts)
                await one.stream.close()

    run(test)


def test_a_batch_that_takes_long_does_not_keep_others_waiting() -> None:
    class Slow(Loudness):
        concurrency = 2
        let_go = threading.Event()

        def process_batch(self, work: Sequence[tuple[AudioChunk, Any]]) -> Any:
            if any(np.any(chunk.samples > 0.9) for chunk, _ in work):
                assert self.let_go.wait(5)
            return super().process_batch(work)

    async def test() -> None:
        async with Pool(Slow) as pool:
            held, free = Listener(pool), Listener(pool)
            held.hear(frames(1.0))
            await until(lambda: pool.statistics().running == 1)
            free.hear(frames(0.5))
            await free.judged()
            assert (free.probabilities, held.probabilities) == ([1.0], [])
            Slow.let_go.set()
            await held.judged()
            for one in (held, free):
                await one.stream.close()

    run(test)


def test_an_end_comes_between_what_was_fed_before_and_after_it() -> None:
    class Later(Loudness):
        def flush(self, state: Any) -> Iterable[Activity]:
            state[0] = state[0][:0]
            yield Activity(0.0, FRAME_S, np.array([0.25], np.float32))

    async def test() -> None:
        async with Pool(Later) as pool:
            one = Listener(pool)
            one.hear(frames(0.5))
            one.stream.end()
            one.hear(frames(0.0, 0.5))
            one.stream.end()
            one.stream.end()
            await one.judged()
            assert one.probabilities == [1.0, 0.25, 0.0, 1.0, 0.25, 0.25]
            await one.stream.close()

    run(test)


def test_a_stream_that_leaves_is_waited_for_and_forgotten_by_the_engine_once() -> None:
    class Slow(Ear):
        begun, go_on = threading.Event(), threading.Event()

        def process_batch(self, work: Any) -> Any:
            Slow.begun.set()
            Slow.go_on.wait(30)
            return super().process_batch(work)

    async def test() -> None:
        async with Pool(Slow) as pool:
            never, one = Listener(pool), Listener(pool)
            one.hear(frames(0.5))
            await until(Slow.begun.is_set)
            one.hear(frames(0.5))
            leaving = asyncio.ensure_future(one.stream.close())
            leaving_too = asyncio.ensure_future(one.stream.close())
            await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.sleep(0)
            assert not leaving.done()
            Slow.go_on.set()
            await asyncio.wait([leaving, leaving_too])
            assert leaving.cancelled()
            assert Slow.forgotten == 1
            await never.stream.close()
            assert Slow.forgotten == 1
            assert Detection.of(pool).streams == 0

    run(test)


def test_streams_go_on_with_an_engine_of_another_class() -> None:
    async def test() -> None:
        async with Pool(Loudness) as pool:
            one = Listener(pool)
            one.hear(frames(0.5))
            await one.judged()
            await pool.swap(OneByOne)
            one.hear(frames(0.0, 0.5))
            await one.judged()
            assert one.probabilities == [1.0, 0.0, 1.0]
            await one.stream.close()

    run(test)


def test_what_waits_when_the_pool_closes_is_told() -> None:
    async def test() -> None:
        async with Pool(Loudness) as pool:
            first, second = Listener(pool), Listener(pool)
            for one in (first, second):
                one.hear(frames(0.5))
                one.hear(frames(0.5))
        await first.judged()
        await second.judged()
        assert [type(error) for one in (first, second) for error in one.errors] == [PoolClosed] * 2
        for one in (first, second):
            await one.stream.close()

    run(test)


def test_bytes_floats_and_other_rates_are_judged_in_one_batch() -> None:
    async def test() -> None:
        async with Pool(Loudness) as pool:
            whole, slow, mixed = Listener(pool), Listener(pool, 8_000), Listener(pool)
            talk = frames(*[0.0] * 10, *[0.5] * 20, *[0.0] * 10)
            whole.hear(talk)
            slow.hear(talk[::2])
            mixed.hear(talk[: 15 * 512])
            mixed.stream.put(Cutter(RATE, "pcm_f32le").cut(talk[15 * 512 :].copy()))
            floats = Listener(pool)
            floats.stream.put(Cutter(RATE, "pcm_f32le").cut(talk))
            every = (whole, slow, mixed, floats)
            for one in every:
                one.stream.end()
            for one in every:
                await one.judged()
            assert floats.probabilities == whole.probabilities
            assert mixed.probabilities == whole.probabilities == [0.0] * 10 + [1.0] * 20 + [0.0] * 10
            assert len(slow.probabilities) == 40
            assert sum(slow.probabilities) == pytest.approx(20, abs=2)  # the filter rings
            for one in every:
                await one.stream.close()

    run(test)


def test_one_that_makes_its_results_late_and_breaks_fails_that_stream_alone() -> None:
    class Late(Ear):
        def process_batch(self, work: Sequence[tuple[AudioChunk, Any]]) -> Any:
            made = super().process_batch(work)
            return [self._late(chunk, found) for (chunk, _), found in zip(work, made, strict=True)]

        def _late(self, chunk: AudioChunk, found: Iterable[Activity]) -> Iterable[Activity]:
            if np.any(chunk.samples > self.trigger):
                raise EngineError("broke late")
            yield from found

    async def test() -> None:
        async with Pool(Late) as pool:
            good, bad = Listener(pool), Listener(pool)
            good.hear(frames(0.0, 0.5))
            bad.hear(frames(1.0))
            for one in (good, bad):
                await one.judged()
            assert (good.probabilities, good.errors) == ([0.0, 1.0], [])
            assert [str(error) for error in bad.errors] == ["broke late"]
            for one in (good, bad):
                await one.stream.close()

    run(test)


def test_a_stream_that_cannot_be_opened_fails_alone() -> None:
    class Shy(Loudness):
        opened: ClassVar[int] = 0

        def open(self, settings: Settings) -> Any:
            Shy.opened += 1
            if Shy.opened == 3:  # the first is the pool's own
                raise ValueError("no more")
            return super().open(settings)

    async def test() -> None:
        async with Pool(Shy) as pool:
            listeners = [Listener(pool) for _ in range(4)]
            for one in listeners:
                one.hear(frames(0.0, 0.5))
            for one in listeners:
                await one.judged()
            assert [one.probabilities for one in listeners] == [[0.0, 1.0], [], [0.0, 1.0], [0.0, 1.0]]
            assert [str(error) for error in listeners[1].errors] == ["no more"]
            listeners[1].hear(frames(0.5))
            await listeners[1].judged()
            assert [found.start for turn in listeners[1].turns for found in turn.found] == [2 * FRAME_S]
            for one in listeners:
                await one.stream.close()

    run(test)


def test_a_stream_that_cannot_be_decoded_fails_alone() -> None:
    async def test() -> None:
        async with Pool(Loudness) as pool:
            good, bad, late = Listener(pool), Listener(pool, 8_000), Listener(pool, 8_000)
            bad.stream.put(np.zeros((256, 2), np.float32))
            for one in (good, late):
                one.hear(frames(*[0.5] * 10))
            for one in (good, bad, late):
                await one.judged()
            assert good.probabilities == [1.0] * 10
            assert len(late.probabilities) >= 18
            assert (good.errors, late.errors, len(bad.errors)) == ([], [], 1)
            bad.hear(frames(*[0.5] * 10))
            await bad.judged()
            assert bad.turns[-1].chunk is not None
            assert bad.turns[-1].chunk.start == FRAME_S
            for one in (good, bad, late):
                await one.stream.close()

    run(test)


def test_no_engine_is_asked_to_forget_what_one_of_another_class_knew() -> None:
    class Other(Ear):
        asked: ClassVar[list[Any]] = []

        def open(self, settings: Settings) -> Any:
            return ["of the other"]

        def release(self, state: Any) -> None:
            self.asked.append(state)

    async def test() -> None:
        async with Pool(Ear) as pool:
            one = Listener(pool)
            one.hear(frames(0.5))
            await one.judged()
            await pool.swap(Other)
            await one.stream.close()
            assert all(isinstance(state[0], str) for state in Other.asked)

    run(test)


def test_no_engine_takes_more_streams_at_once_than_it_says() -> None:
    class Few(Loudness):
        max_batch = 2
        most: ClassVar[int] = 0

        def process_batch(self, work: Sequence[tuple[AudioChunk, Any]]) -> Any:
            Few.most = max(Few.most, len(work))
            return super().process_batch(work)

    async def test() -> None:
        async with Pool(Loudness) as pool:
            listeners = [Listener(pool) for _ in range(9)]
            for one in listeners:
                one.hear(frames(0.5))
            await pool.swap(Few)
            for one in listeners:
                one.hear(frames(0.5))
            for one in listeners:
                await one.judged()
                assert one.probabilities == [1.0, 1.0]
                await one.stream.close()
            assert Few.most == 2

    run(test)


def test_a_program_that_ends_while_streams_close_leaves_none_of_the_others_behind() -> None:
    class Held(Loudness):
        begun, go_on = threading.Event(), threading.Event()

        def process_batch(self, work: Sequence[tuple[AudioChunk, Any]]) -> Any:
            Held.begun.set()
            assert Held.go_on.wait(30)
            return super().process_batch(work)

    async def test() -> None:
        async with Pool(Held) as pool:
            going, other = Listener(pool), Listener(pool)
            for one in (going, other):
                one.hear(frames(0.5))
            await until(Held.begun.is_set)
            leaving = asyncio.ensure_future(going.stream.close())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert going.stream.closing is not None
            going.stream.closing.cancel()  # as asyncio.run does at its end
            await asyncio.wait([leaving])
            Held.go_on.set()
            await other.judged()
            assert other.probabilities == [1.0]
            await other.stream.close()

    run(test)


def heard(one: Listener) -> Samples:
    """All that the detector got of a stream."""
    return np.concatenate([turn.samples for turn in one.turns if turn.samples is not None])


def starts(one: Listener) -> list[float]:
    return [found.start for turn in one.turns for found in turn.found]


def test_frames_that_cannot_be_judged_leave_what_waits_of_the_next_and_the_memory_as_they_were() -> None:
    class Picky(FrameEar):
        failures = 99

    async def test() -> None:
        async with Pool(Picky) as pool:
            one = Listener(pool)
            one.hear(frames(0.0, 1.0))
            one.hear(frames(0.5)[:300])
            await one.judged()
            one.hear(frames(0.5)[300:])
            await one.judged()
            assert (one.probabilities, one.stream.state.memory, starts(one)) == ([1.0], 1, [2 * FRAME_S])
            await one.stream.close()

    run(test)


def test_an_engine_that_breaks_costs_no_stream_a_frame_of_those_judged_in_one_array() -> None:
    class Broken(FrameEar):
        failures = 1
        error = EngineError

    async def test() -> None:
        async with Pool(Broken) as pool:
            listeners = [Listener(pool) for _ in range(30)]
            for index, one in enumerate(listeners):
                one.hear(random_frames(index, 5 + index % 3)[: -100 * (index % 2) or None])
                one.hear(frames(1.0 if index == 17 else 0.5))
                one.hear(random_frames(index)[: 40 * index])
            for index, one in enumerate(listeners):
                await one.judged()
                one.hear(random_frames(index, 3))
                one.stream.end()
            for index, one in enumerate(listeners):
                await one.judged()
                first = random_frames(index, 5 + index % 3)[: -100 * (index % 2) or None]
                talk = np.concatenate([first, frames(0.5), random_frames(index)[: 40 * index], random_frames(index, 3)])
                expected = [float(talk[at : at + 512].max() > 0.01) for at in range(0, len(talk), 512)]
                assert (one.probabilities, one.errors) == (expected, [])
                assert one.stream.state.memory == len(expected)
                assert len(heard(one)) == len(talk)
                await one.stream.close()
            assert Broken.failures == 0

    run(test)


def test_what_is_held_back_for_a_frame_goes_on_to_a_detector_of_other_frames_or_of_chunks() -> None:
    class Long(LoudFrames):
        frame_s = 0.048

    kinds: list[type[Detector[Any]]] = [Long, Loudness, LoudFrames, LoudFrames]

    async def test() -> None:
        async with Pool(LoudFrames) as pool:
            one = Listener(pool)
            talk = np.random.default_rng(5).uniform(-0.5, 0.5, 4000).astype(np.float32)
            parts = np.split(talk, [700, 1500, 2700])
            for part, kind in zip(parts, kinds, strict=True):
                one.hear(part)
                await one.judged()
                await pool.swap(kind)
            one.stream.end()
            await one.judged()
            assert np.array_equal(heard(one), (talk * 32767).astype(np.int16) / np.float32(32768))
            lengths = [len(turn.samples) for turn in one.turns if turn.samples is not None]
            assert lengths == [512, 768, 220 + 1200, 1024, 276]
            assert [turn.start * RATE for turn in one.turns] == pytest.approx([0, 512, 1280, 2700, 3724])
            await one.stream.close()

    run(test)


def test_a_stream_that_goes_on_with_floats_in_the_middle_of_a_frame_keeps_every_sample() -> None:
    async def test() -> None:
        async with Pool(LoudFrames) as pool:
            one, other = Listener(pool), Listener(pool)
            talk = np.repeat(np.array([0.0, 0.5, 0.0, 0.5], np.float32), 512)
            for listener in (one, other):
                listener.hear(talk[:700])
                await listener.judged()
            one.stream.put(Cutter(RATE, "pcm_f32le").cut(talk[700:1300].copy()))
            other.hear(talk[700:1300])
            one.hear(talk[1300:])  # bytes again
            other.hear(talk[1300:])
            for listener in (one, other):
                await listener.judged()
                assert listener.probabilities == [0.0, 1.0, 0.0, 1.0]
                assert len(heard(listener)) == len(talk)
                assert starts(listener)[:2] == [0.0, FRAME_S]
            assert np.allclose(heard(one), heard(other), atol=1e-4)
            for listener in (one, other):
                await listener.stream.close()

    run(test)


@pytest.mark.parametrize("failures", [0, 1])
def test_a_full_batch_follows_in_the_same_thread_without_the_loop_and_breaks_like_any(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Following(LoudFrames):
        max_batch = 2
        begun, go_on, followed = threading.Event(), threading.Event(), threading.Event()

        def judge(self, samples: Samples, sample_rate: int, memories: Sequence[int | None]) -> Any:
            if not Following.begun.is_set():
                Following.begun.set()
                assert Following.go_on.wait(30)
            elif not Following.followed.is_set():
                Following.followed.set()
                if failures:
                    raise EngineError("broke")
            return super().judge(samples, sample_rate, memories)

    monkeypatch.setattr(detection, "IN_A_ROW_S", 60.0)  # however busy the machine is

    async def test() -> None:
        async with Pool(Following) as pool:
            listeners = [Listener(pool) for _ in range(4)]
            for one in listeners[:2]:
                one.hear(frames(0.5, 0.0)[:700])
            await until(Following.begun.is_set)
            for one in listeners[2:]:
                one.hear(frames(0.5, 0.0)[:700])
            await until(lambda: all(one.stream.at_work for one in listeners))
            Following.go_on.set()
            assert Following.followed.wait(30), "it waits for the loop, which this holds up"
            for one in listeners:
                await one.judged()
                one.hear(frames(0.5, 0.0)[700:])
                await one.judged()
                assert (one.probabilities, one.errors) == ([1.0, 0.0], [])
                assert one.stream.state.memory == 2
                await one.stream.close()

    run(test)


@pytest.mark.parametrize("hangs_in", ["open", "judge", "process"])
def test_a_thread_that_comes_back_after_it_was_given_up_changes_nothing_of_its_streams(hangs_in: str) -> None:
    class Late(LoudFrames):
        let_go = threading.Event()
        calls: ClassVar[list[str]] = []

        def hang(self, call: str) -> None:
            Late.calls.append(call)
            if call == hangs_in and Late.calls.count(call) == (2 if call == "open" else 1):  # one is the pool's own
                assert Late.let_go.wait(30)

        def open(self, settings: Settings) -> Any:
            self.hang("open")
            return super().open(settings)

        def judge(self, samples: Samples, sample_rate: int, memories: Sequence[int | None]) -> Any:
            self.hang("judge")
            return super().judge(samples, sample_rate, memories)

        def process(self, item: AudioChunk, state: Any) -> Iterable[Activity]:
            self.hang("process")
            return super().process(item, state)

        def process_batch(self, work: Sequence[tuple[AudioChunk, Any]]) -> Any:
            if "process" not in Late.calls and hangs_in == "process":
                raise ValueError("not together")
            return super().process_batch(work)

    def known(one: Listener) -> Any:
        stream = one.stream
        return stream.state, copy(stream.state), stream.state_of, stream.rest, stream.position

    async def test() -> None:
        async with Pool(Late, hang_s=0.5) as pool:
            lost = [Listener(pool), Listener(pool), Listener(pool), Listener(pool, 8_000)]
            for one, length in zip(lost, (700, 1300, 700, 3000), strict=True):
                one.hear(np.full(length, 0.5, np.float32))
            lost[2].stream.put(np.full(700, 0.5, np.float32))
            for one in lost:
                await one.judged()
                assert isinstance(one.errors[0], EngineHung)
                one.hear(frames(*[0.5] * 10)[:-200])
                await one.judged()
                assert set(one.probabilities) == {1.0}
                assert one.stream.position == len(heard(one))
            before, at_work = [known(one) for one in lost], busy()
            Late.let_go.set()
            await until(lambda: busy() < at_work)
            for one, then in zip(lost, before, strict=True):
                assert known(one) == then
                assert one.stream.state is then[0]
                await one.stream.close()

    run(test)


def test_a_batch_that_breaks_its_engine_is_tried_again_where_the_one_before_it_was_too() -> None:
    class Breaking(LoudFrames):
        max_batch = 2
        begun, go_on = threading.Event(), threading.Event()
        calls: ClassVar[int] = 0

        def judge(self, samples: Samples, sample_rate: int, memories: Sequence[int | None]) -> Any:
            Breaking.calls += 1
            Breaking.begun.set()
            assert Breaking.go_on.wait(30)
            if Breaking.calls in (1, 3):  # the first of each batch
                raise EngineError("broke")
            return super().judge(samples, sample_rate, memories)

    async def test() -> None:
        async with Pool(Breaking) as pool:
            listeners = [Listener(pool) for _ in range(4)]
            for one in listeners[:2]:
                one.hear(frames(0.5, 0.0))
            await until(Breaking.begun.is_set)
            for one in listeners[2:]:
                one.hear(frames(0.5, 0.0))
            await until(lambda: all(one.stream.at_work for one in listeners))
            Breaking.go_on.set()
            for one in listeners:
                await one.judged()
                assert (one.probabilities, one.errors) == ([1.0, 0.0], [])
                await one.stream.close()
            assert Breaking.calls == 4

    run(test)


def test_a_part_of_a_frame_that_could_not_be_judged_at_an_end_is_judged_with_what_follows() -> None:
    class Once(FrameEar):
        failures = 1

    async def test() -> None:
        async with Pool(Once) as pool:
            one = Listener(pool)
            one.hear(frames(1.0)[:300])
            one.stream.end()
            await one.judged()
            assert [str(error) for error in one.errors] == ["too loud"]
            one.hear(frames(0.5, 0.0)[300:])
            await one.judged()
            assert (one.probabilities, starts(one)) == ([1.0, 0.0], [0.0])
            await one.stream.close()

    run(test)
