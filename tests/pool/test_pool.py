"""Batches, priority, faults of items, time limits, and the end of a pool."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import pytest

from tests import fakes
from tests.fakes import Deed, Doing, DoingAtOnce, DoingBatches, Gate, Loads, Steps, fail, generate, give
from workbench.errors import EngineError, EngineHung, PoolBusy, PoolClosed
from workbench.pool import Pool, Reply


class Sized:
    """Gives its cost."""

    def __init__(self, cost: float) -> None:
        self.cost = cost

    def __call__(self, state: Any) -> list[float]:
        return [self.cost]


# batches


def test_items_of_many_streams_share_one_call() -> None:
    async def test() -> None:
        loads = Loads(DoingBatches)
        async with Pool(loads) as pool:
            outputs = await asyncio.gather(*(pool.open().process(give(n)) for n in range(50)))
        assert outputs == [[n] for n in range(50)]
        assert loads.engines[0].sizes == [50]

    fakes.run(test)


def test_a_batch_is_no_larger_than_the_engine_takes() -> None:
    async def test() -> None:
        loads = Loads(partial(DoingBatches, max_batch=8))
        async with Pool(loads) as pool:
            await asyncio.gather(*(pool.open().process(give(n)) for n in range(20)))
        assert sorted(loads.engines[0].sizes, reverse=True) == [8, 8, 4]

    fakes.run(test)


def test_a_batch_holds_items_of_like_size() -> None:
    async def test() -> None:
        loads = Loads(DoingBatches)
        async with Pool(loads) as pool:
            await asyncio.gather(*(pool.open().process(Sized(cost)) for cost in (1.0, 30.0, 2.0, 25.0, 3.9)))
        assert loads.engines[0].sizes == [3, 2]

    fakes.run(test)


def test_an_item_that_does_not_join_others_is_a_batch_of_its_own() -> None:
    class Choosy(DoingBatches):
        def joins(self, item: Deed) -> bool:
            return self.cost(item) < 5.0

    async def test() -> None:
        loads = Loads(Choosy)
        async with Pool(loads) as pool:
            await asyncio.gather(*(pool.open().process(Sized(cost)) for cost in (1.0, 2.0, 6.0, 7.0)))
        assert sorted(loads.engines[0].sizes) == [1, 1, 2]

    fakes.run(test)


def test_an_engine_that_cannot_tell_what_joins_gets_items_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    class Unsure(DoingBatches):
        def joins(self, item: Any) -> bool:
            raise AttributeError("no such thing")

    async def test() -> None:
        engine = Unsure()
        async with Pool(lambda: engine) as pool:
            assert await asyncio.gather(*(pool.open().process(give(n)) for n in range(3))) == [[0], [1], [2]]
        assert engine.sizes == [1, 1, 1]

    fakes.run(test)
    assert "cannot tell what can share a batch" in caplog.text


def test_a_stream_has_one_item_in_a_batch() -> None:
    async def test() -> None:
        loads = Loads(DoingBatches)
        async with Pool(loads) as pool, pool.open() as one, pool.open() as other:
            await asyncio.gather(*(stage.process(give(n)) for n in range(3) for stage in (one, other)))
            assert one.state.value == other.state.value == [0, 1, 2]
        assert loads.engines[0].sizes == [2, 2, 2]

    fakes.run(test)


async def _seconds(pool: Pool[Any, Any], rounds: int) -> float:
    """How long a stream takes that waits for each item before it sends the next."""
    async with pool, pool.open() as stage:
        await stage.process(give(0))
        began = time.perf_counter()
        for n in range(rounds):
            await stage.process(give(n))
        return time.perf_counter() - began


def test_a_batch_that_is_not_full_waits_for_more() -> None:
    async def test() -> None:
        assert await _seconds(Pool(DoingBatches, interval_s=0.03), 4) >= 0.12
        assert await _seconds(Pool(partial(DoingBatches, max_batch=1), interval_s=1000.0), 4) < 1000.0

    fakes.run(test)


def test_a_lone_stream_is_not_delayed() -> None:
    async def test() -> None:
        lone = [await _seconds(Pool(DoingBatches), 100) for _ in range(3)]
        at_once = [await _seconds(Pool(DoingBatches, interval_s=0.0), 100) for _ in range(3)]
        assert min(lone) < 3 * max(at_once)  # with the 8 ms that many streams are given, it would be ten times as long

    fakes.run(test)


def test_free_instances_share_the_work() -> None:
    async def test() -> None:
        gates, loads = [Gate(0), Gate(1)], Loads()
        async with Pool(loads, minimum=2) as pool:
            tasks = [asyncio.create_task(pool.open().process(gate)) for gate in gates]
            for gate in gates:
                await gate.entered()
                assert not any(task.done() for task in tasks)
            for gate in gates:
                gate.open()
            assert await asyncio.gather(*tasks) == [[0], [1]]
        assert len(loads.engines) == 2

    fakes.run(test)


# priority


async def _order(pool: Pool[Any, Any], *submits: Any) -> list[Any]:
    """In which order work runs that was submitted while the only engine was busy."""
    gate, order = Gate(), list[Any]()
    blocked = asyncio.create_task(pool.open().process(gate))
    await gate.entered()
    for submit in submits:
        submit(lambda reply: order.extend(reply.outputs))
    gate.open()
    await blocked
    await pool.drain()
    return order


def test_short_work_goes_before_long() -> None:
    async def test() -> None:
        async with Pool(Doing) as pool:
            stages = [pool.open() for _ in range(4)]
            costs = (30.0, 5.0, 1800.0, 1.0)
            submits = [partial(stage.submit, Sized(cost)) for stage, cost in zip(stages, costs, strict=True)]
            assert await _order(pool, *submits) == [1.0, 5.0, 30.0, 1800.0]

    fakes.run(test)


def test_long_work_is_not_starved_by_short_work_that_comes_later() -> None:
    async def test() -> None:
        async with Pool(Doing, patience=0.001) as pool:

            def later(take: Any) -> None:
                began = loop.time()
                while loop.time() < began + 0.05:
                    pass
                pool.open().submit(Sized(1.0), take)

            loop = asyncio.get_running_loop()
            assert await _order(pool, partial(pool.open().submit, Sized(30.0)), later) == [30.0, 1.0]

    fakes.run(test)


def test_a_stream_with_a_head_start_goes_first() -> None:
    async def test() -> None:
        async with Pool(Doing) as pool:
            patient, urgent = pool.open(), pool.open(head_start_s=10.0)
            submits = partial(patient.submit, Sized(2.0)), partial(urgent.submit, Sized(9.0))
            assert await _order(pool, *submits) == [9.0, 2.0]

    fakes.run(test)


@pytest.mark.parametrize("cost", [float("nan"), -5.0, "long", None])
def test_an_engine_that_tells_nonsense_about_costs_still_works(cost: Any) -> None:
    class Confused(Doing):
        def cost(self, item: Any) -> float:
            return cost  # type: ignore[no-any-return]

    async def test() -> None:
        async with Pool(Confused) as pool:
            assert await asyncio.gather(*(pool.open().process(give(n)) for n in range(3))) == [[0], [1], [2]]

    fakes.run(test)


# faults of items


def test_only_the_culprit_of_a_failed_batch_fails() -> None:
    async def test() -> None:
        async with Pool(DoingBatches) as pool:
            stages = [pool.open() for _ in range(5)]
            await asyncio.gather(*(stage.process(give("before")) for stage in stages))
            deeds = [fail(ValueError("mine")) if n == 2 else give(n) for n in range(5)]
            work = (stage.process(deed) for stage, deed in zip(stages, deeds, strict=True))
            outcomes = await asyncio.gather(*work, return_exceptions=True)
            assert isinstance(outcomes.pop(2), ValueError)
            assert outcomes == [[0], [1], [3], [4]]
            await asyncio.gather(*(stage.process(give("after")) for stage in stages))
            states = [stage.state.value for stage in stages]
            assert states.pop(2) == ["before", "after"]
            assert states == [["before", n, "after"] for n in (0, 1, 3, 4)]
            statistics = pool.statistics()
            assert (statistics.failed, statistics.replaced) == (1, 0)

    fakes.run(test)


class Custom(BaseException):
    pass


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), StopIteration(), Custom("x"), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()],
)
@pytest.mark.parametrize("engine", [Doing, DoingBatches, DoingAtOnce])
def test_whatever_an_engine_raises_becomes_the_error_of_the_item(engine: Any, error: BaseException) -> None:
    def late(state: Any) -> Iterable[int]:
        yield 1
        raise error

    async def test() -> None:
        async with Pool(engine) as pool, pool.open() as stage:
            for deed in (fail(error), late):
                caught = await fakes.outcome(stage.process(deed))
                assert isinstance(caught, RuntimeError)
            assert await stage.process(give("well")) == ["well"]

    fakes.run(test)


def test_values_made_before_a_generator_failed_are_delivered() -> None:
    def breaks(state: Any) -> Iterable[int]:
        yield 1
        yield 2
        raise EngineError("late")

    async def test() -> None:
        async with Pool(Doing) as pool, pool.open() as stage:
            results = stage.results(breaks)
            assert [await anext(results), await anext(results)] == [1, 2]
            with pytest.raises(EngineError):
                await anext(results)
            assert pool.statistics().retried == 0

    fakes.run(test)


@pytest.mark.parametrize("wrong", [None, 7, object()])
def test_an_engine_that_returns_no_values_fails_the_item(wrong: Any) -> None:
    async def test() -> None:
        async with Pool(Doing) as pool, pool.open() as stage:
            with pytest.raises(TypeError):
                await stage.process(lambda state: wrong)
            assert await stage.process(give(1)) == [1]

    fakes.run(test)


@pytest.mark.parametrize("wrong", [[[1]], [[1], [2], [3]], [], None, iter([[1], [2]])])
def test_an_engine_that_loses_count_of_a_batch_fails_it_and_runs_nothing_twice(wrong: Any) -> None:
    class Careless(DoingBatches):
        calls = 0

        def process_batch(self, work: Sequence[Any]) -> Sequence[Iterable[Any]]:
            self.calls += 1
            return wrong  # type: ignore[no-any-return]

    async def test() -> None:
        loads = Loads(Careless)
        async with Pool(loads) as pool:
            work = (pool.open().process(give(n)) for n in range(2))
            assert all(isinstance(o, TypeError) for o in await asyncio.gather(*work, return_exceptions=True))
        if isinstance(wrong, list):
            assert loads.engines[0].calls == 1

    fakes.run(test)


# time limits


def test_a_call_that_waits_too_long_fails_and_those_that_run_go_on() -> None:
    async def test() -> None:
        gate = Gate("slow")
        async with Pool(Doing, acquire_timeout_s=0.03) as pool:
            running = asyncio.create_task(pool.open().process(gate))
            await gate.entered()
            with pytest.raises(PoolBusy, match=r"no doing engine became free within 0\.03 s"):
                await pool.open().process(give("never"))
            gate.open()
            assert await running == ["slow"]
            assert await pool.open().process(give("now")) == ["now"]

    fakes.run(test)


def test_a_hung_call_fails_its_instance_is_given_up_and_others_go_on() -> None:
    async def test() -> None:
        gate, loads = Gate("too late"), Loads()
        pool = Pool(loads, hang_s=0.5)
        async with pool:
            hanging, other = pool.open(), pool.open()
            hung = asyncio.create_task(hanging.process(gate))
            await gate.entered()
            behind = asyncio.create_task(hanging.process(give("behind")))
            assert await other.process(give("elsewhere")) == ["elsewhere"]
            for task in (hung, behind):
                with pytest.raises(EngineHung, match=r"doing has not answered for 0\.5 s"):
                    await task
            with pytest.raises(EngineHung):
                await hanging.process(give("its state is lost"))
            await hanging.close()
            assert pool.statistics().abandoned == 1
        assert loads.closes == [0, 1], "the engine of a thread that is still in it must not be closed"
        gate.open()
        await fakes.until(lambda: loads.all_closed_once)

    fakes.run(test)


def test_calls_bound_to_an_instance_that_hangs_fail_with_it() -> None:
    async def test() -> None:
        steps, gate = Steps(*range(100)), Gate()
        steps.allow(100)
        async with Pool(Doing, hang_s=0.5) as pool:
            results = pool.open().results(steps)
            assert await anext(results) == 0
            await fakes.until(lambda: pool.statistics().hops > 1)
            hung = asyncio.create_task(pool.open().process(gate))
            with pytest.raises(EngineHung):
                await hung
            with pytest.raises(EngineHung):
                await results.collect()
            gate.open()

    fakes.run(test)


def test_an_engine_that_can_abort_keeps_its_thread_and_fails_only_what_hung() -> None:
    async def test() -> None:
        gate = Gate()

        def abort() -> bool:
            gate.open()
            return True

        def hang(state: Any) -> list[Any]:
            gate(state)
            raise OSError("killed")

        loads = Loads(partial(Doing, can_abort=abort))
        async with Pool(loads, hang_s=0.5) as pool, pool.open() as stage:
            with pytest.raises(EngineHung):
                await stage.process(hang)
            assert await stage.process(give("same stream")) == ["same stream"]
            assert (pool.statistics().abandoned, pool.statistics().replaced) == (0, 1)
        assert loads.all_closed_once

    fakes.run(test)


def test_what_an_abort_takes_down_beside_the_hung_call_is_done_again() -> None:
    async def test() -> None:
        gates = [Gate(), Gate()]

        def abort() -> bool:
            for gate in gates:
                gate.open()
            return True

        def killed(gate: Gate, state: Any) -> list[str]:
            if gate._opened.is_set():
                return ["done again"]
            gate(state)
            raise OSError("killed")

        async with Pool(partial(Doing, concurrency=2, can_abort=abort), hang_s=0.1) as pool:
            hung = asyncio.create_task(pool.open().process(partial(killed, gates[0])))
            await gates[0].entered()
            pool._dispatcher._hang_s = 60.0  # of what begins from now on: only the first call is to hang
            beside = asyncio.create_task(pool.open().process(partial(killed, gates[1])))
            with pytest.raises(EngineHung):
                await hung
            assert await beside == ["done again"]

    fakes.run(test)


@pytest.mark.parametrize("answer", [True, OSError("broken abort")])
def test_an_abort_that_does_nothing_does_not_save_a_hung_engine(answer: Any) -> None:
    def abort() -> bool:
        if answer is not True:
            raise answer
        return True

    async def test() -> None:
        gate = Gate()
        async with Pool(partial(Doing, can_abort=abort), hang_s=0.5) as pool:
            with pytest.raises(EngineHung):
                await pool.open().process(gate)
            assert await pool.open().process(give("well")) == ["well"]
            gate.open()

    fakes.run(test)


# the end


def test_drain_waits_for_all_that_was_submitted() -> None:
    async def test() -> None:
        replies: list[Reply[Any]] = []
        async with Pool(Doing) as pool:
            for n in range(10):
                pool.open().submit(give(n), replies.append)
            await pool.drain()
            assert len(replies) == 10
            await pool.drain()

    fakes.run(test)


def test_closing_fails_what_waits_and_waits_for_what_runs() -> None:
    async def test() -> None:
        gate, loads = Gate("ran"), Loads()
        pool = Pool(loads)
        await pool.start()
        stage = pool.open()
        running = asyncio.create_task(stage.process(gate))
        await gate.entered()
        waiting = [asyncio.create_task(s.process(give("never"))) for s in (stage, pool.open())]
        await asyncio.sleep(0)
        closing = [asyncio.create_task(pool.close()) for _ in range(2)]
        for task in waiting:
            assert isinstance(await fakes.outcome(task), PoolClosed)
        assert not any(task.done() for task in closing)
        assert loads.closes == [0]
        gate.open()
        await asyncio.gather(*closing)
        assert await running == ["ran"]
        assert loads.all_closed_once
        await pool.close()
        await stage.close()
        for attempt in (pool.start, lambda: pool.swap(loads), lambda: stage.process(give(1))):
            with pytest.raises(PoolClosed):
                await attempt()
        with pytest.raises(PoolClosed):
            pool.open()
        assert len(loads.engines) == 1

    fakes.run(test)


def test_closing_ends_generators_between_two_values() -> None:
    async def test() -> None:
        steps, loads = Steps(*range(100)), Loads()
        steps.allow(100)
        async with Pool(loads) as pool:
            results = pool.open().results(steps)
            assert await anext(results) == 0
        assert steps.closed
        assert loads.all_closed_once
        with pytest.raises(PoolClosed):
            await results.collect()

    fakes.run(test)


def test_a_cancelled_close_still_waits_for_the_thread_and_frees_the_engine() -> None:
    async def test() -> None:
        gate, loads = Gate(), Loads()
        pool = Pool(loads)
        await pool.start()
        running = asyncio.create_task(pool.open().process(gate))
        await gate.entered()
        closing = asyncio.create_task(pool.close())
        for _ in range(2):
            await asyncio.sleep(0)
            closing.cancel()
        await asyncio.sleep(0)
        assert not closing.done()
        gate.open()
        assert isinstance(await fakes.outcome(closing), asyncio.CancelledError)
        assert loads.all_closed_once
        await running

    fakes.run(test)


def test_a_pool_that_was_never_started_can_be_closed() -> None:
    fakes.run(lambda: Pool(Doing).close())


def test_statistics_count_what_happened() -> None:
    async def test() -> None:
        async with Pool(DoingBatches) as pool:
            stages = [pool.open() for _ in range(4)]
            await asyncio.gather(*(stage.process(give(1)) for stage in stages))
            await fakes.outcome(stages[0].process(fail(ValueError())))
            await stages[0].process(fail(EngineError("once"), times=1))
            statistics = pool.statistics()
            assert statistics.items == 6
            assert (statistics.failed, statistics.retried, statistics.replaced, statistics.abandoned) == (1, 1, 1, 0)
            assert (statistics.depth, statistics.running, statistics.high_water) == (0, 0, 4)
            assert statistics.hops == 4
            assert 0 < statistics.latency_p50_s <= statistics.latency_p95_s
            assert statistics.busy_s > 0
            assert statistics.waited_s > 0

    fakes.run(test)


def test_short_work_gets_in_between_two_values_of_long_work() -> None:
    def slowly(state: Any) -> Iterable[int]:
        for n in range(30):
            ends = time.perf_counter() + 0.006
            while time.perf_counter() < ends:
                pass
            yield n

    slowly.cost = 30.0  # type: ignore[attr-defined]

    async def test() -> None:
        async with Pool(Doing) as pool:
            long = pool.open().results(slowly)
            assert await anext(long) == 0
            rest = asyncio.create_task(long.collect())
            for n in range(5):
                assert await pool.open().process(give(n)) == [n]
            assert not rest.done()
            assert await rest == list(range(1, 30))

    fakes.run(test)


def test_a_generator_stays_on_the_instance_where_it_began() -> None:
    async def test() -> None:
        places: list[Any] = []

        class Placed(Doing):
            def process(self, item: Any, state: Any) -> Iterable[Any]:
                for value in super().process(item, state):
                    places.append(self)
                    yield value

        async with Pool(Placed, minimum=2) as pool:
            assert await pool.open().process(generate(*range(50))) == list(range(50))
        assert len(set(places)) == 1

    fakes.run(test)
