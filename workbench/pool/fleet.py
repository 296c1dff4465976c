"""The loaded engines of a pool: how many there are, and what becomes of one that breaks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeAlias, TypeVar

from workbench.engines import Engine
from workbench.errors import EngineError, PoolClosed, is_expected
from workbench.pool.instance import Instance
from workbench.pool.memory import Cost, Memory, cost_between
from workbench.pool.statistics import Counters
from workbench.threads import to_thread

In = TypeVar("In")
Out = TypeVar("Out")
Load: TypeAlias = Callable[[], Engine[In, Out, Any]]

RETRY_S: Final = 30.0
"""Seconds without another try after a further instance could not be loaded, or would not have fitted."""
LOOK_S: Final = 5.0
"""Seconds between two looks at whether memory is short."""
_log = logging.getLogger(__name__)


class Fleet(Generic[In, Out]):
    """Runs on the loop; engines are loaded and closed in worker threads, each closed once."""

    engine: Engine[In, Out, Any]
    """The newest one, for what they all have in common."""

    _load: Load[In, Out]
    """What made it."""

    def __init__(
        self,
        counters: Counters,
        *,
        minimum: int,
        maximum: int,
        max_replacements: int,
        close_limit_s: float,
        memory: Callable[[], Memory],
        memory_mb: int,
        changed: Callable[[], None],
    ) -> None:
        """An engine that takes longer than `close_limit_s` to close is left behind. `memory` is called in a thread;
        where it raises, the number of engines stays. `memory_mb` is what one takes at least, where its weights are in
        RAM.

        `changed` is called when there is a new instance, when one broke, and when `error` was set because there will be
        none.
        """
        self.minimum, self.maximum = minimum, maximum
        self.instances: list[Instance[In, Out]] = []
        self.generation = 0
        self.error: Exception | None = None
        """Why nothing can run any more."""
        self.failures = 0
        """Engines that broke since one last worked."""
        self._counters = counters
        self._max_replacements = max_replacements
        self._close_limit_s = close_limit_s
        self._changed = changed
        self._memory = memory
        self._memory_mb = memory_mb
        self._cost = Cost()
        self._looking = False
        self._next_look = float("-inf")
        self._lacked = False
        self._loading = 0
        self._no_growth_before = float("-inf")
        self._tasks: set[asyncio.Task[Any]] = set()

    def sound(self) -> list[Instance[In, Out]]:
        return [instance for instance in self.instances if not instance.retiring]

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` as a task that `close` waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def load(self, load: Load[In, Out]) -> list[Engine[In, Out, Any]]:
        """As many engines as there must at least be; or none and the exception of the first that fails."""
        engines: list[Engine[In, Out, Any]] = []
        try:
            while len(engines) < self.minimum:
                engines.append(await self._load_one(load))
            if isinstance(self.error, PoolClosed):
                raise self.error
        except Exception:
            for engine in engines:
                await self._close_engine(engine)
            raise
        return engines

    def renew(self, load: Load[In, Out], engines: list[Engine[In, Out, Any]]) -> None:
        """Put `engines`, made by `load`, in the place of all there are."""
        self._load, self.error, self.failures = load, None, 0
        old = self.sound()
        for engine in engines:
            self._add(engine)
        for instance in old:
            instance.retiring = True
            self.retire(instance)

    def replace(self, instance: Instance[In, Out], error: EngineError) -> None:
        """`instance` broke: it gets no more work, and another is loaded."""
        if instance.retiring:
            return
        instance.retiring = True
        self.failures += 1
        self._counters.replaced += 1
        _log.warning("%s broke and is replaced: %s", instance.engine.name, error)
        if self.error is not None:
            return
        if self.failures > self._max_replacements:
            self._break(EngineError(f"{instance.engine.name} broke {self.failures} times in a row"), error)
        else:
            self.spawn(self._heal(instance))
            self._changed()

    def retire(self, instance: Instance[In, Out]) -> None:
        """Close `instance` if it is to be closed and nothing of it is needed any more."""
        if instance.retiring and not instance.hops and not instance.pinned and instance in self.instances:
            self.instances.remove(instance)
            instance.closing = self.spawn(self._close_engine(instance.engine))

    def grow(self) -> None:
        """Load one more if there may be more and it fits into memory, unless one is being loaded or was not lately."""
        may = len(self.sound()) < self.maximum and not self._loading and self.error is None
        if may and not self._looking and time.monotonic() > self._no_growth_before:
            self._looking = True
            self.spawn(self._grow_if_it_fits())

    def shrink(self, idle_s: float) -> None:
        """Close one that had nothing to do for `idle_s`, if there are more than the minimum."""
        since = time.perf_counter() - idle_s
        idle = (i for i in self.sound() if not i.hops and not i.pinned and i.idle_since < since)
        if (instance := next(idle, None)) is not None and len(self.sound()) > self.minimum:
            instance.retiring = True
            self.retire(instance)

    def shed(self) -> None:
        """Close one when memory is short, if there are more than the minimum; it ends first what it is at."""
        if len(self.sound()) > self.minimum and not self._looking and time.monotonic() > self._next_look:
            self._looking = True
            self.spawn(self._shed_if_short())

    def hurry(self, close_limit_s: float) -> None:
        """Load nothing in the place of what breaks, and close within `close_limit_s`."""
        self._max_replacements, self._close_limit_s = 0, close_limit_s

    async def close(self) -> None:
        """Close every engine but those in which a thread was given up."""
        for instance in list(self.instances):
            instance.retiring = True
            self.retire(instance)
        while self._tasks:
            done, _ = await asyncio.wait(self._tasks, timeout=self._close_limit_s)
            if not done:
                _log.error("an engine that is being loaded or closed takes too long and is left behind")
                return

    async def _load_one(self, load: Load[In, Out]) -> Engine[In, Out, Any]:
        self._loading += 1
        try:
            if self.maximum == self.minimum:
                return await to_thread(load)
            engine, self._cost = await to_thread(self._measured, load)
            return engine
        finally:
            self._loading -= 1

    def _measured(self, load: Load[In, Out]) -> tuple[Engine[In, Out, Any], Cost]:
        """In a worker thread: load, and what that took."""
        before = self._measure()
        engine = load()
        after = self._measure()
        return engine, cost_between(before, after, self._memory_mb) if before and after else Cost(self._memory_mb)

    def _measure(self) -> Memory | None:
        """In a worker thread. None: that failed, which is no reason to lose an engine."""
        try:
            return self._memory()
        except Exception:
            _log.warning("how much memory is free cannot be told", exc_info=True)
            return None

    async def _grow_if_it_fits(self) -> None:
        memory = await self._look()
        if memory is None:
            self._no_growth_before = time.monotonic() + RETRY_S
        elif lacking := self._cost.lacking(memory):
            self._no_growth_before = time.monotonic() + RETRY_S
            if not self._lacked:
                self._lacked = True
                _log.warning("no further %s is loaded: %s", self.engine.name, lacking)
        elif self.error is None:
            self._lacked = False
            await self._grow()

    async def _shed_if_short(self) -> None:
        memory = await self._look()
        sound = self.sound()
        if memory and self._cost.is_short(memory) and len(sound) > self.minimum:
            _log.warning("memory is short: one %s less is kept", self.engine.name)
            self._no_growth_before = time.monotonic() + RETRY_S
            least_busy = min(sound, key=lambda instance: len(instance.hops) + instance.pinned)
            least_busy.retiring = True
            self.retire(least_busy)

    async def _look(self) -> Memory | None:
        try:
            return await to_thread(self._measure)
        finally:
            self._looking = False
            self._next_look = time.monotonic() + LOOK_S

    async def _heal(self, broken: Instance[In, Out]) -> None:
        if broken.closing is not None:  # its memory first: there may not be enough for two
            await asyncio.wait([broken.closing], timeout=self._close_limit_s)
        await self._grow()

    async def _grow(self) -> None:
        load = self._load
        try:
            engine = await self._load_one(load)
        except Exception as error:
            self._no_growth_before = time.monotonic() + RETRY_S
            if self.sound() or self._loading or self.error is not None or load is not self._load:
                detail = None if is_expected(error) else error
                _log.warning("a further engine could not be loaded: %s", error, exc_info=detail)
            else:
                self._break(EngineError("no engine could be loaded in the place of the broken one"), error)
            return
        if self.error is None and load is self._load:
            self._add(engine)
        else:
            await self._close_engine(engine)

    def _add(self, engine: Engine[In, Out, Any]) -> None:
        self.engine = engine
        self.instances.append(Instance(engine, self.generation, time.perf_counter()))
        self._changed()

    def _break(self, error: EngineError, cause: Exception) -> None:
        error.__cause__ = cause
        self.error = error
        self._changed()

    async def _close_engine(self, engine: Engine[In, Out, Any]) -> None:
        try:
            await to_thread(engine.close)
        except Exception:
            _log.exception("%s did not close well", engine.name)
