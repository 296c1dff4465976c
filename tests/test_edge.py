"""The bounded queue between two nodes."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tests import fakes
from workbench.edge import Edge, EdgeStatistics


def test_items_come_out_in_order_and_iteration_ends_after_close() -> None:
    async def test() -> None:
        edge: Edge[int] = Edge(3)
        for n in range(3):
            await edge.put(n)
        edge.close()
        assert [item async for item in edge] == [0, 1, 2]
        assert [item async for item in edge] == []

    fakes.run(test)


def test_a_producer_waits_for_room_and_its_wait_is_counted() -> None:
    async def test() -> None:
        edge: Edge[int] = Edge(2)
        await edge.put(0)
        await edge.put(1)
        third = asyncio.create_task(edge.put(2))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not third.done()
        assert edge.statistics() == EdgeStatistics(depth=2, high_water=2, items=2, blocked_s=0.0)
        assert await anext(edge) == 0
        await third
        statistics = edge.statistics()
        assert statistics[:3] == (2, 2, 3)
        assert statistics.blocked_s > 0

    fakes.run(test)


def test_a_consumer_that_waits_is_woken_by_an_item_and_by_close() -> None:
    async def test() -> None:
        edge: Edge[str] = Edge(1)
        first = asyncio.create_task(anext(edge, "none"))
        await asyncio.sleep(0)
        await edge.put("item")
        assert await first == "item"
        second = asyncio.create_task(anext(edge, "none"))
        await asyncio.sleep(0)
        edge.close()
        assert await second == "none"

    fakes.run(test)


def test_a_peeked_item_stays() -> None:
    async def test() -> None:
        edge: Edge[str] = Edge(1)
        peeking = asyncio.create_task(edge.peek())
        await asyncio.sleep(0)
        await edge.put("item")
        assert await peeking == "item"
        assert await edge.peek() == "item"
        edge.close()
        assert [item async for item in edge] == ["item"]
        assert await edge.peek() is None

    fakes.run(test)


def test_a_cancelled_producer_puts_nothing_in() -> None:
    async def test() -> None:
        edge: Edge[int] = Edge(1)
        await edge.put(0)
        waiting = asyncio.create_task(edge.put(1))
        await asyncio.sleep(0)
        waiting.cancel()
        await fakes.outcome(waiting)
        edge.close()
        assert [item async for item in edge] == [0]

    fakes.run(test)


@given(st.integers(1, 5), st.lists(st.integers(0, 3), max_size=40), st.lists(st.integers(0, 3), min_size=1, max_size=7))
def test_nothing_is_lost_and_the_limit_holds_whatever_the_pace(limit: int, pauses: list[int], takes: list[int]) -> None:
    async def test() -> None:
        edge: Edge[int] = Edge(limit)

        async def produce() -> None:
            for n, pause in enumerate(pauses):
                for _ in range(pause):
                    await asyncio.sleep(0)
                await edge.put(n)
            edge.close()

        producer = asyncio.create_task(produce())
        got: list[int] = []
        async for item in edge:
            got.append(item)
            for _ in range(takes[len(got) % len(takes)]):
                await asyncio.sleep(0)
        await producer
        assert got == list(range(len(pauses)))
        assert edge.statistics().high_water <= limit

    fakes.run(test)
