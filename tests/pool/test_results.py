"""Generators and the consumers they wait for."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import fakes
from tests.fakes import Doing, DoingAtOnce, DoingBatches, Steps, fail, generate, give
from workbench.errors import PoolClosed
from workbench.pool import Pool
from workbench.pool.call import ROOM


def test_a_value_leaves_before_the_next_is_made() -> None:
    async def test() -> None:
        started = asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow_second(state: list[object]):  # type: ignore[no-untyped-def]
            began = loop.time()
            while loop.time() < began + 0.006:  # longer than a slice
                pass
            yield "first"
            loop.call_soon_threadsafe(started.set)
            assert taken.wait_in_thread()
            yield "second"

        class Taken(fakes.Gate):
            def wait_in_thread(self) -> bool:
                return self([]) == []

        taken = Taken()
        async with Pool(Doing) as pool, pool.open() as stage:
            results = stage.results(slow_second)
            assert await anext(results) == "first"
            await started.wait()
            taken.open()
            assert await results.collect() == ["second"]

    fakes.run(test)


def test_the_engine_does_not_run_ahead_of_a_consumer_that_takes_nothing() -> None:
    async def test() -> None:
        steps = Steps(*range(1000))
        steps.allow(1000)
        async with Pool(Doing) as pool, pool.open() as stage:
            results = stage.results(steps)
            for taken in range(1, 101):
                await anext(results)
                for _ in range(20):
                    await asyncio.sleep(0)
                assert steps.made - taken <= 2 * ROOM
            await results.aclose()
            assert steps.closed

    fakes.run(test)


def test_all_values_arrive_in_order_whatever_the_pace() -> None:
    async def test() -> None:
        async with Pool(Doing) as pool, pool.open() as stage:
            got = []
            async for value in stage.results(generate(*range(200))):
                got.append(value)
                if value % 7 == 0:
                    await asyncio.sleep(0.0001)
            assert got == list(range(200))
            assert await stage.process(generate()) == []
            assert await stage.process(generate(*range(ROOM))) == list(range(ROOM))

    fakes.run(test)


def test_who_waits_for_values_gets_them_though_a_callback_fails(caplog: pytest.LogCaptureFixture) -> None:
    def raises(results: object) -> None:
        raise ValueError("of the callback")

    async def test() -> None:
        async with Pool(Doing) as pool, pool.open() as stage:
            assert await stage.results(give(1), ended=raises).collect() == [1]

    fakes.run(test)
    assert "a reply could not be delivered" in caplog.text


ACTIONS = st.sampled_from(["submit", "replace", "fail", "operate", "raise", "close"])


@pytest.mark.parametrize("engine", [Doing, DoingAtOnce, DoingBatches])
@settings(deadline=None)  # threads take turns
@given(script=st.lists(ACTIONS, max_size=12))
def test_whatever_callbacks_do_each_call_ends_once_and_nothing_is_left(engine: type[Any], script: list[str]) -> None:
    async def test() -> None:
        todo, numbers, closing = deque(script), count(), list[asyncio.Task[None]]()
        begun: Counter[int] = Counter()
        ends: Counter[int] = Counter()

        def begin(action: str) -> None:
            number = next(numbers)
            deed = fail(ValueError("an item")) if action == "fail" else give(number)
            key = "same" if action == "replace" else None
            with suppress(PoolClosed):
                stage.results(deed, replaces=key, ended=lambda results: ended(number))
                begun[number] += 1

        def ended(number: int) -> None:
            ends[number] += 1
            match todo.popleft() if todo else "nothing":
                case "submit" | "replace" | "fail" as action:
                    begin(action)
                    begin("replace")
                case "operate":
                    stage.operate(lambda engine, state: (), lambda reply: None)
                case "close":
                    closing.append(asyncio.create_task(stage.close()))
                case "raise":
                    raise ValueError("of the callback")

        async with Pool(engine) as pool:
            stage = pool.open()
            for action in ("replace", "replace", "submit"):
                begin(action)
            await pool.drain()
            await asyncio.gather(*closing)
            assert not stage.inbox
            assert not stage.running
        assert ends == begun

    logging.disable(logging.ERROR)
    try:
        fakes.run(test)
    finally:
        logging.disable(logging.NOTSET)


def test_results_that_are_exhausted_stay_so() -> None:
    async def test() -> None:
        async with Pool(Doing) as pool, pool.open() as stage:
            results = stage.results(give(1))
            assert await results.collect() == [1]
            with pytest.raises(StopAsyncIteration):
                await anext(results)
            await results.aclose()

    fakes.run(test)
