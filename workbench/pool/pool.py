"""Loaded engines of one kind, shared by all streams that want them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

from workbench.engines import BatchEngine, Engine, Settings, Stateless
from workbench.errors import PoolBusy, PoolClosed
from workbench.pool.dispatcher import Dispatcher
from workbench.pool.fleet import Fleet, Load
from workbench.pool.memory import Memory, read_memory
from workbench.pool.stage import Stage
from workbench.pool.statistics import Counters, PoolStatistics
from workbench.threads import uninterrupted

In = TypeVar("In")
Out = TypeVar("Out")


class Pool(Generic[In, Out]):
    """Between `minimum` and `maximum` instances of one engine. All runs on the loop; engines run in threads.

    A call's rank is fixed when it is submitted: now, plus its cost in seconds of audio times `patience`. Short work
    goes before long, and long work grows old until it is the most urgent. An ordinary exception of an engine fails the
    item alone. `EngineError` means that the instance is broken: another is loaded in its place and the item runs once
    more. `max_replacements` such failures in a row break the pool.
    """

    def __init__(
        self,
        load: Load[In, Out],
        *,
        minimum: int = 1,
        maximum: int = 1,
        interval_s: float | None = None,
        patience: float = 1.0,
        hang_s: float = 600.0,
        acquire_timeout_s: float | None = None,
        grow_after_s: float = 1.0,
        idle_s: float = 60.0,
        max_replacements: int = 5,
        memory: Callable[[], Memory] = read_memory,
        memory_mb: int = 0,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`load` makes an instance, in a worker thread.

        `interval_s` is the least time between two batches that are not full: it makes them larger. By default it grows
        with the number of streams, to 8 ms for a `BatchEngine`; it is 0 for others, and for a lone stream.

        A call that gives no value for `hang_s` fails and its instance is given up; one that waits longer than
        `acquire_timeout_s` fails with `PoolBusy`. A further instance is loaded when a call has waited `grow_after_s`,
        and closed when it had nothing to do for `idle_s`. None is loaded that would not fit into `memory`, by what the
        last one took or `memory_mb`, its least; and when memory is short, one that is not needed is closed.

        `changed` is called on the loop when loading begins, and when `loaded` or `failure` may have changed. It must
        not raise.
        """
        self.minimum, self.maximum = minimum, max(minimum, maximum)
        self.acquire_timeout_s, self.grow_after_s, self.idle_s = acquire_timeout_s, grow_after_s, idle_s
        self._load = load
        self._changed = changed
        self._start_failure: Exception | None = None
        self._counters = Counters()
        self._fleet: Fleet[In, Out] = Fleet(
            self._counters,
            minimum=self.minimum,
            maximum=self.maximum,
            max_replacements=max_replacements,
            close_limit_s=hang_s,
            memory=memory,
            memory_mb=memory_mb,
            changed=self._fleet_changed,
        )
        self._dispatcher: Dispatcher[In, Out] = Dispatcher(
            self._fleet,
            self._counters,
            interval_s=interval_s,
            patience=patience,
            hang_s=hang_s,
            queued=self._tend_later,
        )
        self.gatherer: Any = None
        """What gathers the work of many streams for this pool, once there is something that does."""
        self._starting: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._tend_timer: asyncio.TimerHandle | None = None

    # lifetime

    async def start(self) -> None:
        """Load `minimum` instances. Raises what the engine's constructor raises. Harmless when called again."""
        if isinstance(self.broken, PoolClosed):
            raise self.broken
        if self._starting is None:
            self._start_failure = None
            self._starting = self._fleet.spawn(self._start())
            self._changed()
        await asyncio.shield(self._starting)

    async def _start(self) -> None:
        try:
            self._fleet.renew(self._load, await self._fleet.load(self._load))
        except Exception as error:
            self._starting = None  # it may be tried again
            self._start_failure = error
            self._changed()
            raise

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def engine(self) -> Engine[In, Out, Any]:
        """One of the instances, for what they all have in common. There is none before `start`."""
        return self._fleet.engine

    @property
    def max_batch(self) -> int:
        """Items that an instance takes in one call."""
        return self.engine.max_batch if isinstance(self.engine, BatchEngine) else 1

    @property
    def at_once(self) -> int:
        """The most items that can be at work at once, of all streams."""
        return self.engine.concurrency * self.max_batch * self.maximum

    @property
    def broken(self) -> Exception | None:
        """Why nothing can run any more: `PoolClosed`, or the `EngineError` that broke it."""
        return self._fleet.error

    @property
    def loaded(self) -> bool:
        """Whether there is an instance that works."""
        return bool(self._fleet.sound())

    @property
    def failure(self) -> Exception | None:
        """Why there is no instance: `broken`, or what the last `start` raised."""
        return self.broken or self._start_failure

    def open(self, settings: Settings | None = None, *, head_start_s: float = 0.0) -> Stage[In, Out]:
        """A place for one stream, whose items rank as if submitted `head_start_s` earlier than they are."""
        if self.broken is not None:
            raise self.broken.with_traceback(None)
        return Stage(self._dispatcher, settings or Settings(), head_start_s)

    async def swap(self, load: Load[In, Out]) -> None:
        """Put freshly loaded instances in the place of all. Once begun it is carried out, even if cancelled.

        What runs ends where it is, what waits starts on the new. Streams keep their states if the new engine is of
        the same class; otherwise what the old one held back of a stream leaves before anything of the new one.
        When loading fails, that is raised and nothing has changed.
        """
        await self.start()
        await uninterrupted(self._fleet.spawn(self._swap(load)))

    async def _swap(self, load: Load[In, Out]) -> None:
        engines = await self._fleet.load(load)
        if type(engines[0]) is not type(self.engine):
            old, generation = self._fleet.sound(), self._fleet.generation
            self._fleet.generation += 1
            for stage in self._dispatcher.stages:
                if old and stage.serial and stage.has_state(generation):
                    stage.hand_over(old[0])
                stage.serial |= not isinstance(engines[0], Stateless)
        self._fleet.renew(load, engines)

    async def drain(self) -> None:
        """Wait until nothing waits and nothing runs."""
        while self._counters.depth or self._counters.running:
            self._dispatcher.changed.clear()
            await self._dispatcher.changed.wait()

    def hurry(self, limit_s: float) -> None:
        """Before `close`, where nobody is to wait long: calls that take `limit_s` from now on are given up."""
        self._dispatcher.hurry(limit_s)
        self._fleet.hurry(limit_s)

    async def close(self) -> None:
        """Fail what waits, end generators, wait for running threads, free the engines."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await uninterrupted(self._closing)

    async def _close(self) -> None:
        self._fleet.error = PoolClosed("the pool is closed")
        await self._dispatcher.close()
        await self._fleet.close()
        if self._tend_timer is not None:
            self._tend_timer.cancel()

    def statistics(self) -> PoolStatistics:
        return self._counters.snapshot(len(self._fleet.instances))

    # in time

    def _fleet_changed(self) -> None:
        if self.broken is None:
            self._dispatcher.pump.schedule()
            self._tend_later()
        else:
            self._dispatcher.fail_waiting(self.broken)
        self._changed()

    def _tend_later(self) -> None:
        """Look again soon, while anything waits that may wait too long or there are not as many instances as needed."""
        if self._tend_timer is not None:
            return
        count = len(self._fleet.instances)
        timed = self.acquire_timeout_s is not None and self._counters.depth
        scaled = self.maximum > self.minimum and (self._counters.depth or count > self.minimum)
        if (timed or scaled or count < self.minimum) and not isinstance(self.broken, PoolClosed):
            period = min(self.grow_after_s, self.idle_s, self.acquire_timeout_s or 1.0, 1.0) / 2
            self._tend_timer = asyncio.get_running_loop().call_later(max(period, 0.005), self._tend)

    def _tend(self) -> None:
        self._tend_timer = None
        now = time.perf_counter()
        if (limit := self.acquire_timeout_s) is not None:
            busy = PoolBusy(f"no {self.engine.name} engine became free within {limit:g} s")
            self._dispatcher.fail_waiting(busy, submitted_before=now - limit)
        if now - self._dispatcher.pump.oldest(now) > self.grow_after_s:
            self._fleet.grow()
        elif not self._counters.depth:
            self._fleet.shrink(self.idle_s)
        self._fleet.shed()
        self._tend_later()
