"""One loaded engine, and what happens in a worker thread: the only place where engines are called."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast

from workbench.engines import BatchEngine, Engine
from workbench.errors import EngineError, PoolClosed
from workbench.pool.call import ROOM, Call
from workbench.threads import as_exception

In = TypeVar("In")
Out = TypeVar("Out")

_log = logging.getLogger(__name__)
SLICE_S: Final = 0.005
"""A hop takes values from a generator for this long, then lets them leave and makes room for others."""


@dataclass(slots=True, eq=False)
class Hop(Generic[In, Out]):
    """One stay in a worker thread."""

    calls: list[Call[In, Out]]
    started: float
    hang_timer: asyncio.TimerHandle
    aborted: bool = False
    """It gave no value in time, and the engine was asked to end it."""
    given_up: bool = False
    """Nobody waits for it any more. The engine is closed if it comes back after all."""


@dataclass(slots=True, eq=False)
class Instance(Generic[In, Out]):
    engine: Engine[In, Out, Any]
    generation: int
    """Streams' states are valid on instances of one generation."""
    idle_since: float
    hops: set[Hop[In, Out]] = field(default_factory=set)
    pinned: int = 0
    """Calls that cannot move to another instance."""
    retiring: bool = False
    """Takes nothing new; is closed after its last call."""
    closing: asyncio.Task[None] | None = None

    @property
    def max_batch(self) -> int:
        return self.engine.max_batch if isinstance(self.engine, BatchEngine) else 1

    def takes_alone(self, call: Call[In, Out]) -> bool:
        """Whether `call` cannot share a batch here."""
        if call.alone or not isinstance(self.engine, BatchEngine):
            return call.alone
        try:
            return not self.engine.joins(call.item)
        except Exception:
            _log.warning("%s cannot tell what can share a batch", self.engine.name, exc_info=True)
            return True

    @property
    def free(self) -> bool:
        return len(self.hops) < self.engine.concurrency


@dataclass(slots=True, eq=False)
class StreamState:
    """A stream's state, made in a worker thread when the first call runs on an engine of a new generation."""

    make: Callable[[Engine[Any, Any, Any]], Any]
    lock: threading.Lock = field(default_factory=threading.Lock)
    generation: int = -1
    value: Any = None

    def on(self, instance: Instance[Any, Any]) -> Any:
        if self.generation == instance.generation:  # as it is but once
            return self.value
        with self.lock:
            if self.generation != instance.generation:
                self.value = self.make(instance.engine)
                self.generation = instance.generation
            return self.value


class Made(NamedTuple, Generic[Out]):
    """What a hop got out of one call."""

    outputs: Sequence[Out] = ()
    values: Iterator[Out] | None = None
    """The generator, when there may be more in it."""
    error: Exception | None = None


def hop(instance: Instance[In, Out], calls: list[Call[In, Out]]) -> list[Made[Out]]:
    """In a worker thread: begin these calls, or let one generator go on. Never raises."""
    first, engine = calls[0], instance.engine
    if first.values is not None:
        return [_contain(partial(_close if first.cancelled else _pull, first.values))]
    if first.operation is not None or not isinstance(engine, BatchEngine):
        return [_begin(instance, first)]
    return _begin_batch(engine, instance, calls)


def _begin(instance: Instance[In, Out], call: Call[In, Out]) -> Made[Out]:
    def step() -> Made[Out]:
        state = call.stage.state.on(instance)
        if call.operation is not None:
            return _pull(call.operation(instance.engine, state))
        return _pull(instance.engine.process(cast(In, call.item), state))

    return _contain(step)


def _begin_batch(
    engine: BatchEngine[In, Out, Any], instance: Instance[In, Out], calls: list[Call[In, Out]]
) -> list[Made[Out]]:
    """All calls in one; when that fails one by one, so that only the culprit fails."""
    try:
        results = engine.process_batch([(cast(In, call.item), call.stage.state.on(instance)) for call in calls])
        count = len(results)
    except EngineError as error:
        return [Made(error=error)] * len(calls)
    except BaseException as error:
        if len(calls) == 1:
            return [Made(error=as_exception(error))]
        return [_begin(instance, call) for call in calls]
    if count != len(calls):  # not to be tried again: the states have moved on
        return [Made(error=TypeError(f"{engine.name} gave {count} results for {len(calls)} items"))] * len(calls)
    return [Made(r) if isinstance(r, list | tuple) else _contain(partial(_pull, r)) for r in results]


def _contain(step: Callable[[], Made[Out]]) -> Made[Out]:
    try:
        return step()
    except BaseException as error:
        return Made(error=as_exception(error))


def _pull(results: Iterable[Out]) -> Made[Out]:
    """Take values for `SLICE_S`, or `ROOM` of them."""
    if isinstance(results, list | tuple):
        return Made(results)
    outputs: list[Out] = []
    values = iter(results)
    deadline = time.perf_counter() + SLICE_S
    try:
        for value in values:
            outputs.append(value)
            if len(outputs) == ROOM or time.perf_counter() > deadline:
                return Made(outputs, values)
    except BaseException as error:
        return Made(outputs, None, as_exception(error))
    return Made(outputs)


def _close(values: Iterator[Out]) -> Made[Out]:
    if close := getattr(values, "close", None):
        close()
    return Made(error=PoolClosed("closed before its end"))
