"""Loaded engines of one kind, shared by all streams that want them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar

from workbench.engines import BatchEngine, Engine, Settings
from workbench.errors import EngineError, EngineHung, PoolBusy, PoolClosed
from workbench.pool.call import Call, Phase, Reply
from workbench.pool.instance import Hop, Instance, Made, hop
from workbench.pool.queue import ReadyQueue
from workbench.pool.stage import Stage
from workbench.pool.statistics import Counters, PoolStatistics
from workbench.threads import Outcome, finish, submit, to_thread

In = TypeVar("In")
Out = TypeVar("Out")
Load: TypeAlias = Callable[[], Engine[In, Out, Any]]

BATCH_INTERVAL_S: Final = 0.008
_log = logging.getLogger(__name__)


class Pool(Generic[In, Out]):
    """Between `minimum` and `maximum` instances of one engine. Everything here runs on the loop; engines run in threads.

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
    ) -> None:
        """`load` makes an instance, in a worker thread.

        `interval_s` is the least time between two batches that are not full, by default 8 ms for a `BatchEngine`:
        it makes batches larger and delays no lone item. A call that gives no value for `hang_s` fails and its instance
        is given up; one that waits longer than `acquire_timeout_s` fails with `PoolBusy`. A further instance is
        loaded when a call has waited `grow_after_s`, and closed when it had nothing to do for `idle_s`.
        """
        self.minimum, self.maximum = minimum, max(minimum, maximum)
        self.patience, self.hang_s = patience, hang_s
        self.acquire_timeout_s, self.grow_after_s, self.idle_s = acquire_timeout_s, grow_after_s, idle_s
        self.max_replacements = max_replacements
        self.broken: Exception | None = None
        self._load = load
        self._interval_s = interval_s
        self._ready: ReadyQueue[In, Out] = ReadyQueue()
        self._counters = Counters()
        self._instances: list[Instance[In, Out]] = []
        self._stages: set[Stage[In, Out]] = set()
        self._loading = self._generation = self._failures = 0
        self._start: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._pump_handle: asyncio.Handle | None = None
        self._pump_is_timer = False
        self._pumped = float("-inf")
        self._tend_timer: asyncio.TimerHandle | None = None

    # lifetime

    async def start(self) -> None:
        """Load `minimum` instances. Raises what the engine's constructor raises. Harmless when called again."""
        if self._start is None:
            self._loop = asyncio.get_running_loop()
            self._start = self._spawn(self._load_minimum())
        await asyncio.shield(self._start)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def engine(self) -> Engine[In, Out, Any]:
        """One of the instances, for what they all have in common."""
        return self._engine

    def open(self, settings: Settings | None = None, *, head_start_s: float = 0.0) -> Stage[In, Out]:
        """A place for one stream, whose items rank as if submitted `head_start_s` earlier than they are."""
        if self.broken is not None:
            raise self.broken
        stage = Stage(self, settings or Settings(), head_start_s)
        self._stages.add(stage)
        return stage

    async def swap(self, load: Load[In, Out]) -> None:
        """Put freshly loaded instances in the place of all.

        What runs ends where it is, what waits starts on the new. Streams keep their states if the new engine is of
        the same class; otherwise what the old one held back of a stream leaves before anything of the new one.
        When loading fails, that is raised and nothing has changed.
        """
        if isinstance(self.broken, PoolClosed):
            raise self.broken
        engines = await self._load_all(load)
        old, generation = [i for i in self._instances if not i.retiring], self._generation
        self._load, self.broken, self._failures = load, None, 0
        if type(engines[0]) is not type(self._engine):
            self._generation += 1
            for stage in self._stages if old else ():
                if stage.serial and stage.closed is None and stage.state.generation == generation:
                    stage.hand_over(old[0])
        for engine in engines:
            self._add(engine)
        for instance in old:
            instance.retiring = True
            self._retire(instance)

    async def _load_all(self, load: Load[In, Out]) -> list[Engine[In, Out, Any]]:
        engines: list[Engine[In, Out, Any]] = []
        try:
            while len(engines) < self.minimum:
                engines.append(await to_thread(load))
        except BaseException:
            for engine in engines:
                await self._close_engine(engine)
            raise
        return engines

    async def drain(self) -> None:
        """Wait until nothing waits and nothing runs."""
        while self._counters.depth or self._counters.running:
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Fail what waits, drop generators, wait for running threads, free the engines."""
        await finish(self._close())

    def statistics(self) -> PoolStatistics:
        return self._counters.snapshot(len(self._instances))

    async def _close(self) -> None:
        if self.broken is None:
            self.broken = PoolClosed("the pool is closed")
        self._fail_waiting(self.broken)
        for stage in list(self._stages):
            for call in list(stage.running):
                await stage.cancel(call)
        while self._tasks:  # loads, and engines that are being closed
            await asyncio.wait(self._tasks)
        for handle in (self._tend_timer, self._pump_handle):
            if handle is not None:
                handle.cancel()
        for instance in self._instances:
            await self._close_engine(instance.engine)
        self._instances.clear()

    # calls

    def cost(self, item: In) -> float:
        return self._engine.cost(item)

    def enqueue(self, call: Call[In, Out], *, first: bool = False) -> None:
        """Put `call` at the end of its stream, or at the head."""
        inbox = call.stage.inbox
        if first:
            inbox.appendleft(call)
        else:
            inbox.append(call)
        self._counters.queued()
        self._make_ready(call)
        self._tend_later()

    def supersede(self, old: Call[In, Out], new: Call[In, Out]) -> None:
        """Put `new` in the place of `old`, the last that waits in its stream."""
        new.stage.inbox[-1] = new
        self._counters.superseded += 1
        self._make_ready(new)
        old.end(Reply())

    def drop(self, call: Call[In, Out]) -> None:
        """Take a call that waits out of its stream."""
        self._unqueue(call)
        call.end(Reply())
        self._make_next_ready(call.stage)
        self._changed.set()

    def pin(self, call: Call[In, Out], instance: Instance[In, Out]) -> None:
        """Let `call` run on `instance` and nowhere else, and keep that open until it did."""
        call.instance, call.pinned = instance, True
        instance.pinned += 1

    def resume(self, call: Call[In, Out]) -> None:
        """Let a parked generator go on, or be closed if its call is cancelled."""
        if call.phase is Phase.PARKED:
            call.phase = Phase.READY
            self._ready.push(call)
            self._schedule()

    def forget(self, stage: Stage[In, Out]) -> None:
        self._stages.discard(stage)

    def _make_ready(self, call: Call[In, Out]) -> None:
        stage = call.stage
        if not stage.serial or (stage.inbox[0] is call and not stage.running):
            self._ready.push(call)
            self._schedule()

    def _make_next_ready(self, stage: Stage[In, Out]) -> None:
        if stage.serial and stage.inbox:
            self._make_ready(stage.inbox[0])

    def _unqueue(self, call: Call[In, Out]) -> None:
        if call.stage.inbox[0] is call:
            call.stage.inbox.popleft()
        else:
            call.stage.inbox.remove(call)
        self._counters.depth -= 1

    def _fail_waiting(self, error: Exception, *, submitted_before: float = float("inf")) -> None:
        for stage in list(self._stages):
            for call in [c for c in stage.inbox if c.submitted < submitted_before]:
                self._unqueue(call)
                self._counters.failed += 1
                if call.pinned and call.instance is not None:
                    call.instance.pinned -= 1
                    self._retire(call.instance)
                call.end(Reply(error=error))
            self._make_next_ready(stage)
        self._changed.set()

    # scheduling

    def _schedule(self) -> None:
        """Begin batches at the end of this turn of the loop; not full ones, `interval_s` after the last."""
        if not self._ready or (self._pump_handle is not None and not self._pump_is_timer):
            return
        free = [instance.max_batch for instance in self._instances if instance.free]
        if not free:
            return
        wait = self._pumped + self._interval() - self._loop.time()
        at_once = wait <= 0 or len(self._ready) >= min(free)
        if self._pump_handle is not None:
            if not at_once:
                return
            self._pump_handle.cancel()
        self._pump_is_timer = not at_once
        self._pump_handle = self._loop.call_soon(self._pump) if at_once else self._loop.call_later(wait, self._pump)

    def _interval(self) -> float:
        if self._interval_s is not None:
            return self._interval_s
        return BATCH_INTERVAL_S if isinstance(self._engine, BatchEngine) else 0.0

    def _pump(self) -> None:
        self._pump_handle, self._pumped = None, self._loop.time()
        began = True
        while began:
            began = False
            for instance in sorted(self._instances, key=lambda i: len(i.hops)):
                if instance.free and (calls := self._ready.take(instance)):
                    self._begin(instance, calls)
                    began = True

    def _begin(self, instance: Instance[In, Out], calls: list[Call[In, Out]]) -> None:
        now = time.perf_counter()
        for call in calls:
            if call.phase is Phase.WAITING:
                self._unqueue(call)
                call.stage.running.add(call)
                self._counters.running += 1
                self._counters.waited_s += now - call.submitted
            call.phase, call.instance = Phase.RUNNING, instance
        stay = Hop(calls, now)
        stay.hang_timer = self._loop.call_later(self.hang_s, self._hung, instance, stay)
        instance.hops.add(stay)
        submit(self._loop, partial(hop, instance, calls), partial(self._settle, instance, stay))

    def _settle(self, instance: Instance[In, Out], stay: Hop[In, Out], outcome: Outcome[list[Made[Out]]]) -> None:
        """Back on the loop with what a hop made."""
        if stay not in instance.hops:
            return  # it was given up
        assert outcome.value is not None, outcome.error
        instance.hops.remove(stay)
        stay.hang_timer.cancel()
        instance.idle_since = time.perf_counter()
        self._counters.hops += 1
        self._counters.busy_s += instance.idle_since - stay.started
        broke = next((made.error for made in outcome.value if isinstance(made.error, EngineError)), None)
        if broke is not None:
            self._replace(instance, broke)  # before its work is queued again, or it is tried on the broken one
        elif any(made.error is None for made in outcome.value):
            self._failures = 0
        for call, made in zip(stay.calls, outcome.value, strict=True):
            self._settle_call(instance, call, made)
        self._retire(instance)
        self._changed.set()
        self._schedule()

    def _settle_call(self, instance: Instance[In, Out], call: Call[In, Out], made: Made[Out]) -> None:
        if made.values is not None:
            self._park(instance, call, made)
        elif self._may_retry(call, made):
            self._counters.retried += 1
            self._counters.running -= 1
            call.retried, call.phase, call.instance = True, Phase.WAITING, None
            call.stage.running.discard(call)
            self.enqueue(call, first=True)
        else:
            self._end(call, Reply(made.outputs, made.error))

    def _park(self, instance: Instance[In, Out], call: Call[In, Out], made: Made[Out]) -> None:
        if not call.pinned:
            self.pin(call, instance)
        call.values, call.phase = made.values, Phase.PARKED
        if call.cancelled:
            self.resume(call)
        else:
            call.deliver(Reply(_carried(call, made.outputs), None, partial(self.resume, call)))

    def _may_retry(self, call: Call[In, Out], made: Made[Out]) -> bool:
        """Once, on another instance, while nothing of it has left."""
        return (
            isinstance(made.error, EngineError)
            and not (made.outputs or call.pinned or call.retried or call.cancelled)
            and self.broken is None
        )

    def _end(self, call: Call[In, Out], reply: Reply[Out]) -> None:
        if call.pinned and call.instance is not None:
            call.instance.pinned -= 1
            self._retire(call.instance)
        call.stage.running.discard(call)
        self._counters.running -= 1
        self._counters.items += 1
        self._counters.failed += reply.error is not None
        self._counters.latencies.append(time.perf_counter() - call.submitted)
        self._make_next_ready(call.stage)
        call.end(reply._replace(outputs=_carried(call, reply.outputs)))

    # health

    async def _load_minimum(self) -> None:
        for _ in range(self.minimum):
            await self._grow()

    async def _grow(self) -> None:
        load = self._load
        self._loading += 1
        try:
            engine = await to_thread(load)
        finally:
            self._loading -= 1
        if load is self._load:
            self._add(engine)
        else:
            await self._close_engine(engine)  # swapped meanwhile

    def _add(self, engine: Engine[In, Out, Any]) -> None:
        self._engine = engine
        self._instances.append(Instance(engine, self._generation, idle_since=time.perf_counter()))
        self._schedule()

    def _replace(self, instance: Instance[In, Out], error: Exception) -> None:
        if instance.retiring:
            return
        instance.retiring = True
        self._counters.replaced += 1
        self._failures += 1
        _log.warning("%s broke and is replaced: %s", instance.engine.name, error)
        if self._failures > self.max_replacements:
            self._break(EngineError(f"{instance.engine.name} broke {self._failures} times in a row"), error)
        elif self.broken is None:
            self._spawn(self._heal())

    async def _heal(self) -> None:
        try:
            await self._grow()
        except Exception as error:
            if all(instance.retiring for instance in self._instances):
                self._break(EngineError("no engine could be loaded in the place of the broken one"), error)
            else:
                _log.warning("a broken engine could not be replaced", exc_info=True)

    def _break(self, error: EngineError, cause: Exception) -> None:
        error.__cause__ = cause
        self.broken = error
        self._fail_waiting(error)

    def _hung(self, instance: Instance[In, Out], stay: Hop[In, Out]) -> None:
        """No value for `hang_s`. Where the engine can end its calls they come back as broken; else they are given up."""
        if len(stay.calls) == 1:
            stay.calls[0].retried = True  # or it takes the next instance down as well
        if instance.engine.abort():
            return
        instance.hops.discard(stay)
        self._counters.abandoned += 1
        error = EngineHung(f"{instance.engine.name} has not answered for {self.hang_s:g} s")
        self._replace(instance, error)
        for call in stay.calls:
            if call.stage.serial:
                call.stage.closed = error  # a thread that does not come back holds its state
                for waiting in list(call.stage.inbox):
                    self._unqueue(waiting)
                    waiting.end(Reply(error=error))
            self._end(call, Reply(error=error))
        self._retire(instance)
        self._changed.set()

    def _retire(self, instance: Instance[In, Out]) -> None:
        if instance.retiring and not instance.hops and not instance.pinned and instance in self._instances:
            self._instances.remove(instance)
            self._spawn(self._close_engine(instance.engine))

    async def _close_engine(self, engine: Engine[In, Out, Any]) -> None:
        try:
            await to_thread(engine.close)
        except Exception:
            _log.exception("%s did not close well", engine.name)

    def _tend_later(self) -> None:
        """Look again soon, while anything waits that may wait too long or there are more instances than needed."""
        wanted = self.acquire_timeout_s is not None or self.maximum > self.minimum
        busy = self._counters.depth or len(self._instances) > self.minimum
        if wanted and busy and self._tend_timer is None and not isinstance(self.broken, PoolClosed):
            period = min(self.grow_after_s, self.idle_s, self.acquire_timeout_s or 1.0, 1.0) / 2
            self._tend_timer = self._loop.call_later(period, self._tend)

    def _tend(self) -> None:
        self._tend_timer = None
        now = time.perf_counter()
        if self.acquire_timeout_s is not None:
            busy = PoolBusy(f"no {self._engine.name} engine became free within {self.acquire_timeout_s:g} s")
            self._fail_waiting(busy, submitted_before=now - self.acquire_timeout_s)
        count = len(self._instances) + self._loading
        waits = any(c.phase is Phase.WAITING and now - c.submitted > self.grow_after_s for c in self._ready)
        if waits and count < self.maximum:
            self._spawn(self._heal())
        elif not self._counters.depth and count > self.minimum:
            idle = next((i for i in self._instances if not i.hops and now - i.idle_since > self.idle_s), None)
            if idle is not None:
                idle.retiring = True
                self._retire(idle)
        self._tend_later()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and task is not self._start:
            _log.error("a task of the pool failed", exc_info=error)


def _carried(call: Call[In, Out], outputs: Sequence[Out]) -> Sequence[Out]:
    """`outputs`, after what another engine held back of the stream."""
    if not call.stage.carried:
        return outputs
    carried, call.stage.carried = call.stage.carried, []
    return [*carried, *outputs]
