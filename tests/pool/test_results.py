"""Generators and the consumers they wait for."""

from __future__ import annotations

import asyncio

import pytest

from tests import fakes
from tests.fakes import Doing, Steps, generate, give
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


def test_results_that_are_exhausted_stay_so() -> None:
    async def test() -> None:
        async with Pool(Doing) as pool, pool.open() as stage:
            results = stage.results(give(1))
            assert await results.collect() == [1]
            with pytest.raises(StopAsyncIteration):
                await anext(results)
            await results.aclose()

    fakes.run(test)
