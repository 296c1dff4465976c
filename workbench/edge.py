"""A bounded queue between two nodes of a pipeline that can be looked at."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class EdgeStatistics(NamedTuple):
    depth: int
    """Items that wait now."""
    high_water: int
    """The most that ever waited."""
    items: int
    """Items that were put in."""
    blocked_s: float
    """Seconds for which the producer had to wait for room."""


class Edge(Generic[T]):
    """Holds at most `limit` items: `put` waits for room, iteration waits for an item and ends after `close`."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._items: deque[T] = deque()
        self._closed = False
        self._changed = asyncio.Event()
        self._high_water = self._count = 0
        self._blocked_s = 0.0

    async def put(self, item: T) -> None:
        """Append `item` when there is room."""
        if len(self._items) >= self.limit:
            began = time.perf_counter()
            while len(self._items) >= self.limit:
                await self._change()
            self._blocked_s += time.perf_counter() - began
        self._items.append(item)
        self._count += 1
        self._high_water = max(self._high_water, len(self._items))
        self._changed.set()

    def close(self) -> None:
        """Say that nothing more comes. What waits is still given out."""
        self._closed = True
        self._changed.set()

    async def peek(self) -> T | None:
        """The next item, which stays; None: there will be none."""
        while not self._items and not self._closed:
            await self._change()
        return self._items[0] if self._items else None

    def __aiter__(self) -> Edge[T]:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            await self._change()
        self._changed.set()
        return self._items.popleft()

    def statistics(self) -> EdgeStatistics:
        return EdgeStatistics(len(self._items), self._high_water, self._count, self._blocked_s)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
