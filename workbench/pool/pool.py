"""Loaded engines of one kind, shared by all streams that want them: which call runs when, and what becomes of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from functools import partial
from typing import Any, Final, Generic, Self, TypeVar

from workbench.engines import BatchEngine, Engine, Settings, Stateless
from workbench.errors import EngineError, EngineHung, PoolBusy, PoolClosed
from workbench.pool.call import Call, Phase, Reply
from workbench.pool.fleet import Fleet, Load
from workbench.pool.instance import Hop, Instance, Made, hop
from workbench.pool.queue import ReadyQueue
from workbench.pool.stage import Stage
from workbench.pool.statistics import Counters, PoolStatistics
from workbench.threads import Outcome, submit, uninterrupted

In = TypeVar("In")
Out = TypeVar("Out")

BATCH_INTERVAL_S: Final = 0.008
_log = logging.getLogger(__name__)


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
    ) -> None:
        """`load` makes an instance, in a worker thread.

        `interval_s` is the least time between two batches that are not full, by default 8 ms for a `BatchEngine`:
        it makes batches larger, and delays no stream that is alone. A call that gives no value for `hang_s` fails and
        its instance is given up; one that waits longer than `acquire_timeout_s` fails with `PoolBusy`. A further
        instance is loaded when a call has waited `grow_after_s`, and closed when it had nothing to do for `idle_s`.
        """
        self.minimum, self.maximum = minimum, max(minimum, maximum)
        self.patience, self.hang_s = patience, hang_s
        self.acquire_timeout_s, self.grow_after_s, self.idle_s = acquire_timeout_s, grow_after_s, idle_s
        self._interval_s = interval_s
        self._ready: ReadyQueue[In, Out] = ReadyQueue()
        self._counters = Counters()
        self._fleet: Fleet[In, Out] = Fleet(
            load,
            self._counters,
            minimum=self.minimum,
            maximum=self.maximum,
            max_replacements=max_replacements,
            patience_s=hang_s,
            added=self._have_instance,
            broke=self._fail_all,
        )
        self._load = load
        self._stages: set[Stage[In, Out]] = set()
        self._starting: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._pump_handle: asyncio.Handle | None = None
        self._pump_at_once = False
        self._full = 1
        """So many ready calls are not made to wait for more."""
        self._pumped = float("-inf")
        self._tend_timer: asyncio.TimerHandle | None = None

    # lifetime

    async def start(self) -> None:
        """Load `minimum` instances. Raises what the engine's constructor raises. Harmless when called again."""
        if isinstance(self.broken, PoolClosed):
            raise self.broken
        if self._starting is None:
            self._loop = asyncio.get_running_loop()
            self._starting = self._fleet.spawn(self._start())
        await asyncio.shield(self._starting)

    async def _start(self) -> None:
        try:
            self._fleet.renew(self._load, await self._fleet.load(self._load))
        except Exception:
            self._starting = None  # it may be tried again
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
    def broken(self) -> Exception | None:
        """Why nothing can run any more: `PoolClosed`, or the `EngineError` that broke it."""
        return self._fleet.error

    def open(self, settings: Settings | None = None, *, head_start_s: float = 0.0) -> Stage[In, Out]:
        """A place for one stream, whose items rank as if submitted `head_start_s` earlier than they are."""
        if self.broken is not None:
            raise self.broken.with_traceback(None)
        stage = Stage(self, settings or Settings(), head_start_s)
        self._stages.add(stage)
        return stage

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
            for stage in self._stages:
                if old and stage.serial and stage.has_state(generation):
                    stage.hand_over(old[0])
                stage.serial |= not isinstance(engines[0], Stateless)
        self._fleet.renew(load, engines)

    async def drain(self) -> None:
        """Wait until nothing waits and nothing runs."""
        while self._counters.depth or self._counters.running:
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Fail what waits, end generators, wait for running threads, free the engines."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await uninterrupted(self._closing)

    async def _close(self) -> None:
        self._fleet.error = PoolClosed("the pool is closed")
        self._fail_all()
        for ended in [self.stop(call) for stage in self._stages for call in stage.running]:
            await ended
        await self._fleet.close()
        for handle in (self._tend_timer, self._pump_handle):
            if handle is not None:
                handle.cancel()

    def statistics(self) -> PoolStatistics:
        return self._counters.snapshot(len(self._fleet.instances))

    # calls, for stages

    def cost(self, item: In) -> float:
        try:
            return max(0.0, self.engine.cost(item))
        except Exception:  # it only ranks
            _log.warning("%s cannot tell the cost of an item", self.engine.name, exc_info=True)
            return 1.0

    def enqueue(self, call: Call[In, Out], *, first: bool = False) -> None:
        """Put `call` at the end of its stream; or at its head, though after what is still owed to another engine."""
        inbox = call.stage.inbox
        if first:
            inbox.insert(1 if inbox and inbox[0].pinned else 0, call)
        else:
            inbox.append(call)
        self._counters.queued()
        self._make_ready(inbox[0] if first else call)
        self._tend_later()

    def supersede(self, old: Call[In, Out], new: Call[In, Out]) -> None:
        """Put `new` in the place of `old`, the last that waits in its stream."""
        new.stage.inbox[-1] = new
        self._counters.superseded += 1
        self._make_ready(new)
        old.end(Reply())

    def fail(self, calls: Iterable[Call[In, Out]], error: Exception) -> None:
        """End `calls`, which are in no thread."""
        for call in list(calls):
            if call.phase not in (Phase.RUNNING, Phase.ENDED):
                self._end(call, Reply(error=error))
        self._changed.set()

    def stop(self, call: Call[In, Out]) -> asyncio.Future[None]:
        """End `call`, which has begun. Done when no thread works on it."""
        call.cancelled = True
        if call.ended is None:
            call.ended = self._loop.create_future()
        self.resume(call)  # a parked generator gets a turn, to be closed in a thread
        return call.ended

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

    def _fail_all(self) -> None:
        assert self.broken is not None
        self.fail((call for stage in self._stages for call in stage.inbox), self.broken)

    # scheduling

    def _schedule(self) -> None:
        """Begin batches at the end of this turn of the loop; not full ones, `interval_s` after the last."""
        ready = len(self._ready)
        if not ready or (self._pump_handle is not None and (self._pump_at_once or ready < self._full)):
            return
        free = [instance.max_batch for instance in self._fleet.instances if instance.free]
        if not free:
            return
        if self._pump_handle is not None:
            self._pump_handle.cancel()
        self._full = min(len(self._stages), *free)
        wait = self._pumped + self._interval() - self._loop.time()
        self._pump_at_once = wait <= 0 or ready >= self._full
        if self._pump_at_once:
            self._pump_handle = self._loop.call_soon(self._pump)
        else:
            self._pump_handle = self._loop.call_later(wait, self._pump)

    def _interval(self) -> float:
        if self._interval_s is not None:
            return self._interval_s
        return BATCH_INTERVAL_S if isinstance(self.engine, BatchEngine) else 0.0

    def _pump(self) -> None:
        self._pump_handle, self._pumped = None, self._loop.time()
        began = True
        while began:
            began = False
            for instance in sorted(self._fleet.instances, key=lambda i: len(i.hops)):
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
        stay: Hop[In, Out] = Hop(calls, now, self._loop.call_later(self.hang_s, lambda: self._hung(instance, stay)))
        instance.hops.add(stay)
        submit(self._loop, partial(hop, instance, calls), partial(self._settle, instance, stay))

    def _unqueue(self, call: Call[In, Out]) -> None:
        if call.stage.inbox[0] is call:
            call.stage.inbox.popleft()
        else:
            call.stage.inbox.remove(call)
        self._counters.depth -= 1

    # what a hop made

    def _settle(self, instance: Instance[In, Out], stay: Hop[In, Out], outcome: Outcome[list[Made[Out]]]) -> None:
        instance.hops.remove(stay)
        if not stay.given_up:
            stay.hang_timer.cancel()
            results = outcome.value or [Made(error=outcome.error)] * len(stay.calls)
            if stay.aborted:
                results = [made if made.error is None else Made(error=self._has_hung(instance)) for made in results]
            instance.idle_since = time.perf_counter()
            self._counters.hops += 1
            self._counters.busy_s += instance.idle_since - stay.started
            self._judge(instance, results)
            for call, made in zip(stay.calls, results, strict=True):
                self._settle_call(instance, call, made)
        self._fleet.retire(instance)
        self._changed.set()
        self._schedule()

    def _judge(self, instance: Instance[In, Out], results: list[Made[Out]]) -> None:
        """Replace a broken instance: before its work is queued again, or that is tried on the broken one."""
        broke = next((made.error for made in results if isinstance(made.error, EngineError)), None)
        if broke is not None:
            self._fleet.replace(instance, broke)
        elif any(made.error is None for made in results):
            self._fleet.failures = 0

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
            call.reply(Reply(call.stage.with_carried(made.outputs), None, partial(self.resume, call)))

    def _may_retry(self, call: Call[In, Out], made: Made[Out]) -> bool:
        """Once, on another instance, while nothing of it has left."""
        return (
            isinstance(made.error, EngineError)
            and not (made.outputs or call.pinned or call.retried or call.cancelled)
            and self.broken is None
        )

    def _end(self, call: Call[In, Out], reply: Reply[Out]) -> None:
        stage, counters = call.stage, self._counters
        if call.phase is Phase.WAITING:
            self._unqueue(call)
        else:
            stage.running.discard(call)
            counters.running -= 1
            counters.latencies.append(time.perf_counter() - call.submitted)
        counters.items += 1
        counters.failed += reply.error is not None and not call.cancelled
        if call.pinned and call.instance is not None:
            call.instance.pinned -= 1
            self._fleet.retire(call.instance)
        if stage.serial and stage.inbox:
            self._make_ready(stage.inbox[0])
        if stage.carried and not call.cancelled:
            reply = reply._replace(outputs=stage.with_carried(reply.outputs))
        call.end(reply)

    # time limits

    def _hung(self, instance: Instance[In, Out], stay: Hop[In, Out]) -> None:
        """No value for `hang_s`. An engine that can end its calls has as long again for it; else they are given up."""
        if len(stay.calls) == 1:
            stay.calls[0].retried = True  # or it takes the next instance down as well
        if not stay.aborted and _abort(instance.engine):
            stay.aborted = True
            stay.hang_timer = self._loop.call_later(self.hang_s, self._hung, instance, stay)
        else:
            self._give_up(instance, stay)

    def _give_up(self, instance: Instance[In, Out], stay: Hop[In, Out]) -> None:
        """Go on without a thread that does not come back. It keeps its engine, and the states of its streams."""
        stay.given_up = True
        self._counters.abandoned += 1
        error = self._has_hung(instance)
        self._fleet.replace(instance, error)
        for call in stay.calls:
            if call.stage.serial:
                call.stage.closed = error
                self.fail(call.stage.inbox, error)
            self._end(call, Reply(error=error))
        calls = (call for stage in self._stages for call in (*stage.inbox, *stage.running))
        self.fail([call for call in calls if call.pinned and call.instance is instance], error)

    def _has_hung(self, instance: Instance[In, Out]) -> EngineHung:
        return EngineHung(f"{instance.engine.name} has not answered for {self.hang_s:g} s")

    def _have_instance(self) -> None:
        self._schedule()
        self._tend_later()

    def _tend_later(self) -> None:
        """Look again soon, while anything waits that may wait too long or there are not as many instances as needed."""
        if self._tend_timer is not None:
            return
        count = len(self._fleet.instances)
        timed = self.acquire_timeout_s is not None and self._counters.depth
        scaled = self.maximum > self.minimum and (self._counters.depth or count > self.minimum)
        if (timed or scaled or count < self.minimum) and not isinstance(self.broken, PoolClosed):
            period = min(self.grow_after_s, self.idle_s, self.acquire_timeout_s or 1.0, 1.0) / 2
            self._tend_timer = self._loop.call_later(max(period, 0.005), self._tend)

    def _tend(self) -> None:
        self._tend_timer = None
        now = time.perf_counter()
        if (limit := self.acquire_timeout_s) is not None:
            waiting = (call for stage in self._stages for call in stage.inbox if not call.retried and not call.pinned)
            busy = PoolBusy(f"no {self.engine.name} engine became free within {limit:g} s")
            self.fail([call for call in waiting if now - call.submitted > limit], busy)
        oldest = min((call.submitted for call in self._ready if call.phase is Phase.WAITING), default=now)
        if now - oldest > self.grow_after_s:
            self._fleet.grow()
        elif not self._counters.depth:
            self._fleet.shrink(self.idle_s)
        self._tend_later()


def _abort(engine: Engine[Any, Any, Any]) -> bool:
    try:
        return engine.abort()
    except Exception:
        _log.exception("%s could not be aborted", engine.name)
        return False
