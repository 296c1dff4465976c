"""The calls of all streams: queued, run in batches, and what becomes of what they made."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from workbench.engines import Engine
from workbench.errors import EngineError, EngineHung
from workbench.pool.call import Call, Phase, Reply
from workbench.pool.fleet import Fleet
from workbench.pool.instance import Hop, Instance, Made, hop
from workbench.pool.pump import Pump
from workbench.pool.statistics import Counters
from workbench.threads import Outcome, submit

if TYPE_CHECKING:
    from workbench.pool.stage import Stage

In = TypeVar("In")
Out = TypeVar("Out")

_log = logging.getLogger(__name__)


class Dispatcher(Generic[In, Out]):
    """Stands between the streams and the fleet. Runs on the loop, but for `hop`."""

    def __init__(
        self,
        fleet: Fleet[In, Out],
        counters: Counters,
        *,
        interval_s: float | None,
        patience: float,
        hang_s: float,
        queued: Callable[[], None],
    ) -> None:
        """The numbers are those of `Pool`; `queued` is called for each call that is queued."""
        self.fleet = fleet
        self.stages: set[Stage[In, Out]] = set()
        self.pump: Pump[In, Out] = Pump(fleet, self.stages, interval_s, self._begin)
        self.changed = asyncio.Event()
        """Set when a call has ended."""
        self._counters = counters
        self._patience = patience
        self._hang_s = hang_s
        self._queued = queued

    async def close(self) -> None:
        """Fail what waits, end generators, wait for running threads."""
        assert self.fleet.error is not None, "or more would come"
        self.fail_waiting(self.fleet.error)
        for ended in [self.stop(call) for stage in self.stages for call in stage.running]:
            await ended
        self.pump.stop()

    def hurry(self, hang_s: float) -> None:
        """Wait for a value no longer than `hang_s` from now on, of what runs already too."""
        self._hang_s = hang_s
        loop = asyncio.get_running_loop()
        for instance in self.fleet.instances:
            for stay in instance.hops:
                if not stay.given_up:
                    stay.hang_timer.cancel()
                    stay.hang_timer = loop.call_later(hang_s, self._hung, instance, stay)

    # for streams

    def rank(self, item: In, now: float) -> tuple[float, float]:
        """What `item` costs, and when it is due if it is submitted `now`."""
        try:
            cost = max(0.0, self.fleet.engine.cost(item))
        except Exception:  # it only ranks
            _log.warning("%s cannot tell the cost of an item", self.fleet.engine.name, exc_info=True)
            cost = 1.0
        return cost, now + cost * self._patience

    def enqueue(self, call: Call[In, Out], *, first: bool = False) -> None:
        """Put `call` at the end of its stream; or at its head, though after what is still owed to another engine."""
        inbox = call.stage.inbox
        if first:
            inbox.insert(1 if inbox and inbox[0].pinned else 0, call)
        else:
            inbox.append(call)
        self._counters.queued()
        self._make_ready(inbox[0] if first else call)
        self._queued()

    def supersede(self, old: Call[In, Out], new: Call[In, Out]) -> None:
        """Put `new` in the place of `old`, the last that waits in its stream."""
        new.stage.inbox[-1] = new
        self._counters.superseded += 1
        self._make_ready(new)
        old.end(Reply())

    def stop(self, call: Call[In, Out]) -> asyncio.Future[None]:
        """End `call`, which has begun. Done when no thread works on it."""
        call.cancelled = True
        if call.ended is None:
            call.ended = asyncio.get_running_loop().create_future()
        self._resume(call)  # a parked generator gets a turn, to be closed in a thread
        return call.ended

    def pin(self, call: Call[In, Out], instance: Instance[In, Out]) -> None:
        """Let `call` run on `instance` and nowhere else, and keep that open until it did."""
        call.instance, call.pinned = instance, True
        instance.pinned += 1

    def fail(self, calls: Iterable[Call[In, Out]], error: Exception) -> None:
        """End those of `calls` that are in no thread."""
        for call in list(calls):
            if call.phase not in (Phase.RUNNING, Phase.ENDED):
                self._end(call, Reply(error=error))
        self.changed.set()

    def fail_waiting(self, error: Exception, *, submitted_before: float | None = None) -> None:
        """End all calls that wait; or those that wait for long, and for nothing but an engine."""
        waiting = (call for stage in self.stages for call in stage.inbox)
        if submitted_before is not None:
            waiting = (c for c in waiting if c.submitted < submitted_before and not c.retried and not c.pinned)
        self.fail(waiting, error)

    def _resume(self, call: Call[In, Out]) -> None:
        """Let a parked generator go on, or be closed if its call is cancelled."""
        if call.phase is Phase.PARKED:
            call.phase = Phase.READY
            self.pump.push(call)

    def _make_ready(self, call: Call[In, Out]) -> None:
        stage = call.stage
        if not stage.serial or (stage.inbox[0] is call and not stage.running):
            self.pump.push(call)

    def _unqueue(self, call: Call[In, Out]) -> None:
        if call.stage.inbox[0] is call:
            call.stage.inbox.popleft()
        else:
            call.stage.inbox.remove(call)
        self._counters.depth -= 1

    # a hop and what it made

    def _begin(self, instance: Instance[In, Out], calls: list[Call[In, Out]]) -> None:
        loop, now = asyncio.get_running_loop(), time.perf_counter()
        for call in calls:
            if call.phase is Phase.WAITING:
                self._unqueue(call)
                call.stage.running.add(call)
                self._counters.running += 1
                self._counters.waited_s += now - call.submitted
            call.phase, call.instance = Phase.RUNNING, instance
        stay: Hop[In, Out] = Hop(calls, now, loop.call_later(self._hang_s, lambda: self._hung(instance, stay)))
        instance.hops.add(stay)
        submit(loop, partial(hop, instance, calls), partial(self._settle, instance, stay))

    def _settle(self, instance: Instance[In, Out], stay: Hop[In, Out], outcome: Outcome[list[Made[Out]]]) -> None:
        instance.hops.remove(stay)
        if not stay.given_up:
            stay.hang_timer.cancel()
            instance.idle_since = time.perf_counter()
            self._counters.hops += 1
            self._counters.busy_s += instance.idle_since - stay.started
            results = outcome.value or [Made(error=outcome.error)] * len(stay.calls)
            if stay.aborted:
                results = [m if m.error is None else m._replace(error=self._has_hung(instance)) for m in results]
            self._judge(instance, results)
            for call, made in zip(stay.calls, results, strict=True):
                self._settle_call(instance, call, made)
        self.fleet.retire(instance)
        self.changed.set()
        self.pump.schedule()

    def _judge(self, instance: Instance[In, Out], results: list[Made[Out]]) -> None:
        """Replace a broken instance: before its work is queued again, or that is tried on the broken one."""
        broke = next((made.error for made in results if isinstance(made.error, EngineError)), None)
        if broke is not None:
            self.fleet.replace(instance, broke)
        elif any(made.error is None for made in results):
            self.fleet.failures = 0

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
            self._resume(call)
        else:
            call.reply(Reply(call.stage.with_carried(made.outputs), None, partial(self._resume, call)))

    def _may_retry(self, call: Call[In, Out], made: Made[Out]) -> bool:
        """Once, on another instance, while nothing of it has left."""
        return (
            isinstance(made.error, EngineError)
            and not (made.outputs or call.pinned or call.retried or call.cancelled)
            and self.fleet.error is None
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
            self.fleet.retire(call.instance)
        if stage.serial and stage.inbox:
            self._make_ready(stage.inbox[0])
        if stage.carried and not call.cancelled:
            reply = reply._replace(outputs=stage.with_carried(reply.outputs))
        call.end(reply)

    # a hop that does not come back

    def _hung(self, instance: Instance[In, Out], stay: Hop[In, Out]) -> None:
        """No value for `hang_s`. An engine that can end its calls has as long again for it; else they are given up."""
        if len(stay.calls) == 1:
            stay.calls[0].retried = True  # or it takes the next instance down as well
        if not stay.aborted and _abort(instance.engine):
            for other in instance.hops:
                other.aborted = True
            loop = asyncio.get_running_loop()
            stay.hang_timer = loop.call_later(self._hang_s, self._hung, instance, stay)
        else:
            self._give_up(instance, stay)

    def _give_up(self, instance: Instance[In, Out], stay: Hop[In, Out]) -> None:
        """Go on without a thread that does not come back. It keeps its engine, and the states of its streams."""
        stay.given_up = True
        self._counters.abandoned += 1
        error = self._has_hung(instance)
        self.fleet.replace(instance, error)
        for call in stay.calls:
            if call.stage.serial:
                call.stage.closed = error
                self.fail(call.stage.inbox, error)
            self._end(call, Reply(error=error))
            if call.stage.closed is not None and not call.stage.running:
                self.stages.discard(call.stage)  # nobody needs to close it
        calls = (call for stage in self.stages for call in (*stage.inbox, *stage.running))
        self.fail([call for call in calls if call.pinned and call.instance is instance], error)

    def _has_hung(self, instance: Instance[In, Out]) -> EngineHung:
        return EngineHung(f"{instance.engine.name} has not answered for {self._hang_s:g} s")


def _abort(engine: Engine[Any, Any, Any]) -> bool:
    try:
        return engine.abort()
    except Exception:
        _log.exception("%s could not be aborted", engine.name)
        return False
