"""One stream's place in a pool."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Hashable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar, cast

from workbench.edge import Edge
from workbench.engines import Engine, Settings, Stateless
from workbench.errors import PoolClosed
from workbench.pool.call import Call, Deliver, Operation, Phase, Reply
from workbench.pool.instance import StreamState
from workbench.threads import finish, uninterrupted

if TYPE_CHECKING:
    from workbench.pool.instance import Instance
    from workbench.pool.pool import Pool

In = TypeVar("In")
Out = TypeVar("Out")
T = TypeVar("T")

ROOM: Final = 16
"""Values of a generator that may wait for their consumer."""


class Stage(Generic[In, Out]):
    """Made by `Pool.open`. All methods are called on the loop.

    A stateful engine gets a stream's items one after the other; of a `Stateless` one several run at once, and their
    replies come as they are made: `fan_out` puts them in order.
    """

    def __init__(self, pool: Pool[In, Out], settings: Settings, head_start_s: float) -> None:
        self.state = StreamState(lambda engine: engine.open(settings))
        self.serial = not isinstance(pool.engine, Stateless)
        self.inbox: deque[Call[In, Out]] = deque()
        self.running: set[Call[In, Out]] = set()
        self.carried: list[Out] = []
        """What an engine held back when it was swapped; leaves with the next reply."""
        self.closed: Exception | None = None
        self._pool = pool
        self._head_start_s = head_start_s

    # submit and deliver: no future, no task

    def submit(self, item: In, deliver: Deliver[Out], *, replaces: Hashable = None) -> Call[In, Out]:
        """Queue `item`; `deliver` gets its replies.

        With `replaces`, it takes the place in the queue of the last item, if that one waits and has the same key;
        the item that is replaced gets an empty last reply. Raises `PoolClosed`, or the `EngineError` that broke it.
        """
        return self._submit(item, None, deliver, replaces)

    def operate(self, operation: Operation[In, Out], deliver: Deliver[Any]) -> Call[In, Out]:
        """Queue a call of `operation(engine, state)`, in order with the items."""
        return self._submit(None, operation, deliver, None)

    async def cancel(self, call: Call[In, Out]) -> None:
        """Drop `call` where it stands. Returns when no thread works on it, even if cancelled itself meanwhile."""
        if call.phase is Phase.ENDED:
            return
        call.cancelled = True
        if call.phase is Phase.WAITING:
            self._pool.drop(call)
            return
        if call.ended is None:
            call.ended = asyncio.get_running_loop().create_future()
        self._pool.resume(call)  # a parked generator gets a turn, to be closed in a thread
        await uninterrupted(call.ended)

    # the awaitable forms

    def results(self, item: In, *, replaces: Hashable = None) -> Results[Out]:
        """Queue `item` now; iterate its values as they are made."""
        return Results(self, partial(self.submit, item, replaces=replaces))

    async def process(self, item: In, *, replaces: Hashable = None) -> list[Out]:
        """All values of `item`."""
        return await self.results(item, replaces=replaces).collect()

    async def flush(self) -> list[Out]:
        """What was held back, after everything that was submitted."""
        return await self._operate(lambda engine, state: engine.flush(state))

    async def call(self, function: Callable[[Engine[In, Out, Any]], T]) -> T:
        """The value of `function(engine)`, called in a worker thread like an item."""
        values = await self._operate(lambda engine, _: [function(engine)])
        return cast(T, values[-1])

    async def fan_out(
        self,
        items: AsyncIterable[In],
        take: Callable[[In, Out], Awaitable[None]],
        failed: Callable[[In, Exception], None],
        *,
        ahead: int,
    ) -> None:
        """Call `take(item, value)` for each value of each item, in order, with up to `ahead` items at work at once.

        An item's exception goes to `failed`, in its turn; when that returns, the next item follows. When anything else
        raises or this is cancelled, what is at work is dropped and waited for.
        """
        begun: Edge[tuple[In, Results[Out]]] = Edge(max(ahead - 1, 1))
        open_results: set[Results[Out]] = set()

        async def begin() -> None:
            async for item in items:
                results = self.results(item)
                open_results.add(results)
                await begun.put((item, results))
            begun.close()

        async def drain() -> None:
            async for item, results in begun:
                async for value in contained(item, results):
                    await take(item, value)
                open_results.discard(results)

        async def contained(item: In, results: Results[Out]) -> AsyncIterator[Out]:
            try:
                async for value in results:
                    yield value
            except Exception as error:
                failed(item, error)

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(begin())
                tasks.create_task(drain())
        finally:
            for results in open_results:
                await results.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop what waits, wait for what runs, let the engine forget the stream."""
        if self.closed is None:
            await finish(self._close())

    async def _close(self) -> None:
        self.closed = PoolClosed("the stream is closed")
        for call in [*self.inbox, *self.running]:
            await self.cancel(call)
        if self.state.generation >= 0 and self._pool.broken is None:
            released = Results(self, partial(self._enqueue, None, lambda engine, state: _release(engine, state)))
            await released.collect()
        self._pool.forget(self)

    def hand_over(self, instance: Instance[In, Out]) -> None:
        """Before anything else, take from `instance` what its engine holds back: the next runs on another kind."""

        def flush_and_release(engine: Engine[In, Out, Any], state: Any) -> Iterator[Out]:
            yield from engine.flush(state)
            engine.release(state)

        def carry(reply: Reply[Out]) -> None:
            self.carried.extend(reply.outputs)
            if reply.resume is not None:
                reply.resume()

        call = Call(self, None, flush_and_release, carry, 0.0, time.perf_counter(), 0.0, instance=instance)
        self._pool.pin(call, instance)
        self._pool.enqueue(call, first=True)

    # inside

    async def _operate(self, operation: Operation[In, Out]) -> list[Any]:
        return await Results(self, partial(self.operate, operation)).collect()

    def _submit(
        self, item: In | None, operation: Operation[In, Out] | None, deliver: Deliver[Out], replaces: Hashable
    ) -> Call[In, Out]:
        if error := self.closed or self._pool.broken:
            raise error
        return self._enqueue(item, operation, deliver, replaces)

    def _enqueue(
        self,
        item: In | None,
        operation: Operation[In, Out] | None,
        deliver: Deliver[Out],
        replaces: Hashable = None,
    ) -> Call[In, Out]:
        now = time.perf_counter()
        cost = 0.0 if operation is not None else self._pool.cost(cast(In, item))
        due = now + cost * self._pool.patience - self._head_start_s
        call = Call(self, item, operation, deliver, cost, now, due, replaces)
        waiting = self.inbox[-1] if self.inbox else None
        if replaces is not None and waiting is not None and waiting.key == replaces:
            call.submitted, call.due = (
                waiting.submitted,
                waiting.due,
            )  # or a growing segment never gets its turn
            self._pool.supersede(waiting, call)
        else:
            self._pool.enqueue(call)
        return call


def _release(engine: Engine[Any, Any, Any], state: Any) -> tuple[()]:
    engine.release(state)
    return ()


class Results(Generic[Out]):
    """The values of one call, as they are made. A generator waits while `ROOM` of them are not taken."""

    def __init__(self, stage: Stage[Any, Out], submit: Callable[[Deliver[Out]], Call[Any, Out]]) -> None:
        self._stage = stage
        self._values: deque[Out] = deque()
        self._last: Reply[Out] | None = None
        self._resume: Callable[[], None] | None = None
        self._arrived = asyncio.Event()
        self._call = submit(self._deliver)

    def _deliver(self, reply: Reply[Out]) -> None:
        self._values.extend(reply.outputs)
        self._resume = reply.resume
        if reply.resume is None:
            self._last = reply
        elif len(self._values) < ROOM:
            self._go_on()
        self._arrived.set()

    def _go_on(self) -> None:
        if (resume := self._resume) is not None:
            self._resume = None
            resume()

    def __aiter__(self) -> Results[Out]:
        return self

    async def __anext__(self) -> Out:
        """The next value. When cancelled here, the call is dropped and waited for; raises what the engine raised."""
        try:
            while not self._values and self._last is None:
                self._arrived.clear()
                await self._arrived.wait()
        except asyncio.CancelledError:
            await self.aclose()
            raise
        if self._values:
            value = self._values.popleft()
            if len(self._values) < ROOM:
                self._go_on()
            return value
        assert self._last is not None
        if self._last.error is not None:
            raise self._last.error
        raise StopAsyncIteration

    async def collect(self) -> list[Out]:
        return [value async for value in self]

    async def aclose(self) -> None:
        """Drop what is left. Returns when no thread works on it."""
        await self._stage.cancel(self._call)
