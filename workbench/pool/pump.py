"""When batches begin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sized
from typing import Final, Generic, TypeVar

from workbench.engines import BatchEngine
from workbench.pool.call import Call, Phase
from workbench.pool.fleet import Fleet
from workbench.pool.instance import Instance
from workbench.pool.queue import ReadyQueue

In = TypeVar("In")
Out = TypeVar("Out")

BATCH_INTERVAL_S: Final = 0.008
PER_STREAM_S: Final = 0.0001
"""By default batches lie this far apart for each further stream: about what a hop costs."""


class Pump(Generic[In, Out]):
    """Brings calls that are ready to instances that are free: at the end of this turn of the loop when a batch is full,
    else a while after the last time."""

    def __init__(
        self,
        fleet: Fleet[In, Out],
        streams: Sized,
        interval_s: float | None,
        begin: Callable[[Instance[In, Out], list[Call[In, Out]]], None],
    ) -> None:
        self._fleet = fleet
        self._streams = streams
        self._interval_s = interval_s
        self._begin = begin
        self._ready: ReadyQueue[In, Out] = ReadyQueue()
        self._handle: asyncio.Handle | None = None
        self._at_once = False
        self._full = 1
        """So many ready calls are not made to wait for more."""
        self._last = float("-inf")

    def push(self, call: Call[In, Out]) -> None:
        """`call` could run now."""
        self._ready.push(call)
        if self._handle is None or (not self._at_once and len(self._ready) >= self._full):
            self.schedule()

    def schedule(self) -> None:
        """Look, soon, for calls that can run: some are ready, or an instance is."""
        ready = len(self._ready)
        if not ready or (self._handle is not None and (self._at_once or ready < self._full)):
            return
        free = [instance.max_batch for instance in self._fleet.instances if instance.free]
        if not free:
            return
        if self._handle is not None:
            self._handle.cancel()
        loop = asyncio.get_running_loop()
        self._full = min(free)
        wait = self._last + self._interval() - loop.time()
        self._at_once = wait <= 0 or ready >= self._full
        self._handle = loop.call_soon(self._pump) if self._at_once else loop.call_later(wait, self._pump)

    def oldest(self, default: float) -> float:
        """When the ready call that waits longest was submitted."""
        return min((call.submitted for call in self._ready if call.phase is Phase.WAITING), default=default)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _interval(self) -> float:
        if self._interval_s is not None:
            return self._interval_s
        if not isinstance(self._fleet.engine, BatchEngine):
            return 0.0
        return min(BATCH_INTERVAL_S, PER_STREAM_S * (len(self._streams) - 1))

    def _pump(self) -> None:
        self._handle, self._last = None, asyncio.get_running_loop().time()
        began = True
        while began:
            began = False
            for instance in sorted(self._fleet.instances, key=lambda i: len(i.hops)):
                if instance.free and (calls := self._ready.take(instance)):
                    self._begin(instance, calls)
                    began = True
