"""One stream: order, cancelling, replacing, fanning out, closing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from tests import fakes
from tests.fakes import Doing, DoingAtOnce, DoingBatches, Gate, Steps, fail, generate, give
from workbench.engines import Settings
from workbench.errors import EngineError, PoolClosed
from workbench.pool import Pool, Reply


def test_items_of_one_stream_leave_in_order_and_share_a_state() -> None:
    async def test() -> None:
        async with Pool(Doing) as pool, pool.open() as stage:
            outputs = await asyncio.gather(*(stage.process(give(n)) for n in range(20)))
            assert outputs == [[n] for n in range(20)]
            assert await stage.flush() == [("held back", list(range(20)))]

    fakes.run(test)


def test_streams_do_not_share_a_state() -> None:
    async def test() -> None:
        async with Pool(partial(DoingBatches, max_batch=8)) as pool:
            stages = [pool.open() for _ in range(8)]
            for n in range(3):
                await asyncio.gather(*(stage.process(give((i, n))) for i, stage in enumerate(stages)))
            for i, stage in enumerate(stages):
                assert stage.state.value == [(i, 0), (i, 1), (i, 2)]

    fakes.run(test)


def test_a_stateful_engine_gets_one_item_of_a_stream_at_a_time() -> None:
    async def test() -> None:
        first = Gate("first")
        async with Pool(partial(Doing, concurrency=4)) as pool:
            stage = pool.open()
            slow, fast = asyncio.create_task(stage.process(first)), asyncio.create_task(stage.process(give("second")))
            await first.entered()
            assert await pool.open().process(give("of another stream")) == ["of another stream"]
            assert not fast.done()
            first.open()
            assert (await slow, await fast) == (["first"], ["second"])

    fakes.run(test)


def test_a_stateless_engine_gets_several_items_of_a_stream_at_once() -> None:
    async def test() -> None:
        gates = [Gate(0), Gate(1)]
        async with Pool(partial(DoingAtOnce, concurrency=2)) as pool:
            stage = pool.open()
            tasks = [asyncio.create_task(stage.process(gate)) for gate in gates]
            for gate in gates:
                await gate.entered()
            for gate in reversed(gates):
                gate.open()
            assert await asyncio.gather(*tasks) == [[0], [1]]

    fakes.run(test)


def test_submit_delivers_one_last_reply_for_each_item() -> None:
    async def test() -> None:
        replies: list[Reply[Any]] = []
        async with Pool(Doing) as pool, pool.open() as stage:
            stage.submit(give(1, 2), replies.append)
            stage.submit(fail(ValueError("no")), replies.append)
            await pool.drain()
        assert replies[0] == ([1, 2], None, None)
        assert isinstance(replies[1].error, ValueError)
        assert len(replies) == 2

    fakes.run(test)


def test_a_consumer_that_raises_does_not_keep_others_of_its_batch_waiting(caplog: pytest.LogCaptureFixture) -> None:
    def raising(reply: Reply[Any]) -> None:
        raise RuntimeError("a bug in a consumer")

    async def test() -> None:
        async with Pool(DoingBatches) as pool:
            pool.open().submit(give(1), raising)
            assert await pool.open().process(give(2)) == [2]

    fakes.run(test)
    assert "a bug in a consumer" in caplog.text


def test_call_gives_the_value_of_a_function_of_the_engine() -> None:
    async def test() -> None:
        async with Pool(Doing) as pool, pool.open() as stage:
            assert await stage.call(lambda engine: engine.name) == "doing"
            with pytest.raises(ZeroDivisionError):
                await stage.call(lambda engine: 1 / 0)

    fakes.run(test)


# replacing


def test_an_item_that_is_replaced_while_it_waits_never_runs() -> None:
    async def test() -> None:
        gate = Gate()
        async with Pool(Doing) as pool:
            blocker, stage = pool.open(), pool.open()
            blocked = asyncio.create_task(blocker.process(gate))
            await gate.entered()
            replies: list[Reply[Any]] = []
            for n in range(5):
                stage.submit(give(n), replies.append, replaces="segment")
            gate.open()
            await blocked
            await pool.drain()
            assert stage.state.value == [4]
            assert [reply.outputs for reply in replies] == [(), (), (), (), [4]]
            assert pool.statistics().superseded == 4

    fakes.run(test)


def test_a_replacement_keeps_its_place_in_the_queue() -> None:
    async def test() -> None:
        gate, order = Gate(), list[str]()
        async with Pool(Doing) as pool:
            blocked = asyncio.create_task(pool.open().process(gate))
            await gate.entered()
            growing, other = pool.open(), pool.open()
            growing.submit(give("old"), lambda reply: None, replaces=1)
            other.submit(give("other"), lambda reply: order.extend(reply.outputs))
            growing.submit(give("new"), lambda reply: order.extend(reply.outputs), replaces=1)
            gate.open()
            await blocked
            await pool.drain()
            assert order == ["new", "other"]

    fakes.run(test)


def test_only_the_last_item_with_the_same_key_is_replaced() -> None:
    async def test() -> None:
        gate = Gate()
        async with Pool(Doing) as pool:
            blocked = asyncio.create_task(pool.open().process(gate))
            await gate.entered()
            stage = pool.open()
            for item, key in (("a", 1), ("b", 2), ("c", 1), ("d", None), ("e", 1)):
                stage.submit(give(item), lambda reply: None, replaces=key)
            gate.open()
            await blocked
            await pool.drain()
            assert stage.state.value == ["a", "b", "c", "d", "e"]

    fakes.run(test)


# cancelling


def test_an_item_cancelled_while_it_waits_never_runs() -> None:
    async def test() -> None:
        gate = Gate("gate")
        async with Pool(Doing) as pool, pool.open() as stage:
            running = asyncio.create_task(stage.process(gate))
            await gate.entered()
            waiting = asyncio.create_task(stage.process(give("dropped")))
            after = asyncio.create_task(stage.process(give("after")))
            await asyncio.sleep(0)
            waiting.cancel()
            assert isinstance(await fakes.outcome(waiting), asyncio.CancelledError)
            gate.open()
            assert (await running, await after) == (["gate"], ["after"])
            assert stage.state.value == ["gate", "after"]

    fakes.run(test)


@pytest.mark.parametrize("times", [1, 3])
def test_a_cancelled_caller_waits_for_the_running_thread(times: int) -> None:
    async def test() -> None:
        gate = Gate("done")
        async with Pool(Doing) as pool, pool.open() as stage:
            task = asyncio.create_task(stage.process(gate))
            await gate.entered()
            for _ in range(times):
                task.cancel()
                for _ in range(10):
                    await asyncio.sleep(0)
            assert not task.done()
            gate.open()
            assert isinstance(await fakes.outcome(task), asyncio.CancelledError)
            assert stage.state.value == ["done"]
            assert await stage.process(give("next")) == ["next"]

    fakes.run(test)


def test_a_cancelled_generator_is_closed_between_two_values() -> None:
    async def test() -> None:
        steps = Steps(*range(100))
        steps.allow(16)
        async with Pool(Doing) as pool, pool.open() as stage:
            results = stage.results(steps)
            assert await anext(results) == 0
            steps.allow(1)
            await results.aclose()
            await results.aclose()
            assert steps.closed
            assert steps.made <= 17
            assert await stage.process(give("next")) == ["next"]
            assert pool.statistics().running == 0

    fakes.run(test)


def test_a_parked_generator_is_closed_when_its_consumer_is_cancelled() -> None:
    async def test() -> None:
        steps = Steps(*range(100))
        steps.allow(100)
        consumed = asyncio.Event()

        async def consume() -> None:
            async for _ in (results := stage.results(steps)):
                consumed.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    await results.aclose()

        async with Pool(Doing) as pool, pool.open() as stage:
            task = asyncio.create_task(consume())
            await consumed.wait()
            task.cancel()
            assert isinstance(await fakes.outcome(task), asyncio.CancelledError)
            assert steps.closed
            assert steps.made < 100

    fakes.run(test)


def test_nothing_of_a_dropped_call_is_delivered() -> None:
    async def test() -> None:
        gate, replies = Gate("late"), list[Reply[Any]]()
        async with Pool(Doing) as pool, pool.open() as stage:
            running, waiting = stage.submit(gate, replies.append), stage.submit(give("never"), replies.append)
            await gate.entered()
            cancelling = asyncio.gather(stage.cancel(running), stage.cancel(waiting), stage.cancel(running))
            gate.open()
            await cancelling
            await stage.cancel(running)
            await pool.drain()
        assert replies == []

    fakes.run(test)


# fanning out


async def _items(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


def test_fan_out_puts_in_order_what_is_made_out_of_order() -> None:
    async def test() -> None:
        gates = [Gate(n) for n in range(3)]
        taken: list[Any] = []

        async def take(item: Any, value: Any) -> None:
            taken.append(value)

        async def backwards() -> None:
            for gate in gates:
                await gate.entered()
            for gate in reversed(gates):
                gate.open()

        async with Pool(partial(DoingAtOnce, concurrency=3)) as pool, pool.open() as stage:
            fan_out = stage.fan_out(_items(*gates), take, _unexpected, ahead=3)
            await asyncio.gather(fan_out, backwards())
        assert taken == [0, 1, 2]

    fakes.run(test)


def _unexpected(item: Any, error: Exception) -> None:
    raise error


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_fan_out_has_no_more_items_at_work_than_it_is_allowed(ahead: int) -> None:
    async def test() -> None:
        pool = Pool(partial(DoingAtOnce, concurrency=9))
        at_work: list[int] = []

        async def take(item: Any, value: Any) -> None:
            for _ in range(20):
                await asyncio.sleep(0)
            at_work.append(begun - len(at_work))

        begun = 0

        def begin(state: Any) -> list[int]:
            nonlocal begun
            begun += 1
            return [begun]

        async with pool, pool.open() as stage:
            await stage.fan_out(_items(*[begin] * 12), take, _unexpected, ahead=ahead)
        assert len(at_work) == 12
        assert max(at_work) <= ahead

    fakes.run(test)


def test_fan_out_reports_a_failure_in_its_turn_and_goes_on() -> None:
    async def test() -> None:
        seen: list[Any] = []

        async def take(item: Any, value: Any) -> None:
            seen.append(value)

        def failed(item: Any, error: Exception) -> None:
            seen.append(str(error))

        items = [give(0), fail(ValueError("one")), generate(2, 2.5), fail(SystemExit("three")), give(4)]
        async with Pool(partial(DoingAtOnce, concurrency=4)) as pool, pool.open() as stage:
            await stage.fan_out(_items(*items), take, failed, ahead=4)
        assert seen == [0, "one", 2, 2.5, "SystemExit in a worker thread: three", 4]

    fakes.run(test)


def test_when_a_consumer_of_fan_out_raises_what_is_at_work_is_dropped_and_waited_for() -> None:
    async def test() -> None:
        gate, loads = Gate(), fakes.Loads(partial(DoingAtOnce, concurrency=2))

        async def take(item: Any, value: Any) -> None:
            await gate.entered()
            asyncio.get_running_loop().call_soon(gate.open)
            raise KeyError("consumer")

        async with Pool(loads) as pool, pool.open() as stage:
            with pytest.raises(ExceptionGroup) as caught:
                await stage.fan_out(_items(give(1), gate, *[give(2)] * 5), take, _unexpected, ahead=4)
            assert caught.group_contains(KeyError)
            assert pool.statistics().running == pool.statistics().depth == 0

    fakes.run(test)


def test_a_cancelled_fan_out_waits_for_its_threads_even_when_cancelled_again() -> None:
    async def test() -> None:
        gates = [Gate(), Gate()]

        async def take(item: Any, value: Any) -> None:
            raise AssertionError("nothing is to be taken")

        async with Pool(partial(DoingAtOnce, concurrency=2)) as pool, pool.open() as stage:
            task = asyncio.create_task(stage.fan_out(_items(*gates), take, _unexpected, ahead=2))
            for gate in gates:
                await gate.entered()
                task.cancel()
                await asyncio.sleep(0)
            gates[0].open()
            await fakes.until(lambda: pool.statistics().running == 1)
            task.cancel()
            await asyncio.sleep(0)
            assert not task.done()
            gates[1].open()
            assert isinstance(await fakes.outcome(task), asyncio.CancelledError)
            assert pool.statistics().running == 0

    fakes.run(test)


# closing


def test_closing_a_stream_drops_what_waits_and_releases_its_state() -> None:
    async def test() -> None:
        gate, loads = Gate("ran"), fakes.Loads()
        async with Pool(loads) as pool:
            stage = pool.open()
            running = asyncio.create_task(stage.process(gate))
            waiting = asyncio.create_task(stage.process(give("dropped")))
            await gate.entered()
            closing = [asyncio.create_task(stage.close()) for _ in range(2)]
            await asyncio.sleep(0)
            assert isinstance(await fakes.outcome(waiting), PoolClosed)
            gate.open()
            assert await running == ["ran"]
            await asyncio.gather(*closing)
            await stage.close()
            assert loads.engines[0].released == [["ran"]]
            with pytest.raises(PoolClosed):
                await stage.process(give("late"))

    fakes.run(test)


def test_closing_a_stream_ends_its_generator_and_tells_its_consumer() -> None:
    async def test() -> None:
        steps = Steps(*range(100))
        steps.allow(100)
        async with Pool(Doing) as pool:
            stage = pool.open()
            results = stage.results(steps)
            assert await anext(results) == 0
            await stage.close()
            assert steps.closed
            with pytest.raises(PoolClosed):
                await results.collect()

    fakes.run(test)


def test_an_engine_that_cannot_release_a_stream_does_not_keep_it_from_closing(caplog: pytest.LogCaptureFixture) -> None:
    class Clinging(Doing):
        def release(self, state: Any) -> None:
            raise OSError("it clings")

    async def test() -> None:
        async with Pool(Clinging) as pool:
            stage = pool.open()
            await stage.process(give(1))
            await stage.close()
            assert await pool.open().process(give(2)) == [2]

    fakes.run(test)
    assert "it clings" in caplog.text


def test_a_stream_that_sent_nothing_opens_no_state() -> None:
    async def test() -> None:
        loads = fakes.Loads()
        async with Pool(loads) as pool:
            await pool.open().close()
        assert loads.engines[0].opened == 0

    fakes.run(test)


def test_a_broken_state_concerns_its_stream_alone() -> None:
    class Choosy(DoingBatches):
        def open(self, settings: Settings) -> list[Any]:
            if settings.language == "xx":
                raise LookupError("no such language")
            return []

    async def test() -> None:
        async with Pool(Choosy) as pool:
            good, bad = pool.open(), pool.open(Settings(language="xx"))
            outcomes = await asyncio.gather(good.process(give(1)), bad.process(give(2)), return_exceptions=True)
            assert outcomes[0] == [1]
            assert isinstance(outcomes[1], LookupError)

    fakes.run(test)


def test_a_stream_learns_why_its_pool_is_broken() -> None:
    async def test() -> None:
        async with Pool(Doing, max_replacements=0) as pool:
            stage = pool.open()
            with pytest.raises(EngineError):
                await stage.process(fail(EngineError("for good")))
            with pytest.raises(EngineError, match="1 times in a row"):
                await stage.process(give(1))
            with pytest.raises(EngineError, match="1 times in a row"):
                await stage.flush()
            with pytest.raises(EngineError):
                pool.open()

    fakes.run(test)
