"""One stream's place in a pool."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Hashable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from workbench.edge import Edge
from workbench.engines import Engine, Settings, Stateless
from workbench.errors import PoolClosed
from workbench.pool.call import Call, Deliver, Operation, Phase, Reply
from workbench.pool.instance import StreamState
from workbench.pool.results import Results, Values
from workbench.threads import uninterrupted

if TYPE_CHECKING:
    from workbench.pool.dispatcher import Dispatcher
    from workbench.pool.instance import Instance

In = TypeVar("In")
Out = TypeVar("Out")
T = TypeVar("T")

_log = logging.getLogger(__name__)


class Stage(Generic[In, Out]):
    """Made by `Pool.open`. All methods are called on the loop.

    A stateful engine gets a stream's items one after the other; of a `Stateless` one several run at once, and their
    replies come as they are made: `fan_out` puts them in order.
    """

    def __init__(self, dispatcher: Dispatcher[In, Out], settings: Settings, head_start_s: float) -> None:
        self.state = StreamState(lambda engine: engine.open(settings))
        self.serial = not isinstance(dispatcher.fleet.engine, Stateless)
        self.inbox: deque[Call[In, Out]] = deque()
        self.running: set[Call[In, Out]] = set()
        self.carried: list[Out] = []
        """What an engine held back when it was swapped; leaves with the next reply."""
        self.closed: Exception | None = None
        """Why it takes nothing more."""
        self._dispatcher = dispatcher
        self._head_start_s = head_start_s
        self._closing: asyncio.Task[None] | None = None
        dispatcher.stages.add(self)

    @property
    def error(self) -> Exception | None:
        """Why nothing can be submitted any more."""
        return self.closed or self._dispatcher.fleet.error

    # submit and deliver: no future, no task

    def submit(self, item: In, deliver: Deliver[Out], *, replaces: Hashable = None) -> Call[In, Out]:
        """Queue `item`; `deliver` gets its replies.

        With `replaces`, it takes the place in the queue of the last item, if that one waits and has the same key;
        the item that is replaced gets an empty last reply. Raises `PoolClosed`, or the `EngineError` that broke it.
        """
        now = time.perf_counter()
        cost, due = self._dispatcher.rank(item, now)
        call = Call(self, item, None, deliver, cost, now, due - self._head_start_s, replaces)
        if replaces is None or not self.inbox or self.inbox[-1].key != replaces:
            return self._enqueue(call)
        waiting = self.inbox[-1]
        call.submitted, call.due = waiting.submitted, waiting.due  # or a growing segment never gets its turn
        self._dispatcher.supersede(waiting, call)
        return call

    def operate(self, operation: Operation[In, Out], deliver: Deliver[Any]) -> Call[In, Out]:
        """Queue a call of `operation(engine, state)`, in order with the items."""
        return self._enqueue(self._operation(operation, deliver))

    async def cancel(self, call: Call[In, Out]) -> None:
        """Drop `call` where it stands: nothing more of it is delivered.

        Returns when no thread works on it, even if cancelled itself meanwhile.
        """
        if call.phase is Phase.ENDED:
            return
        call.deliver = _ignore
        if call.phase is Phase.WAITING:
            call.cancelled = True
            self._dispatcher.fail([call], PoolClosed("cancelled"))
        else:
            await uninterrupted(self._dispatcher.stop(call))

    # the awaitable forms

    def results(
        self, item: In, *, replaces: Hashable = None, ended: Callable[[Results[Out]], None] | None = None
    ) -> Results[Out]:
        """Queue `item` now; iterate its values as they are made. `ended` is called when all of them are."""
        return Results(self, partial(self.submit, item, replaces=replaces), ended)

    async def process(self, item: In, *, replaces: Hashable = None) -> list[Out]:
        """All values of `item`."""
        return await self.results(item, replaces=replaces).collect()

    async def flush(self) -> list[Out]:
        """What was held back, after everything that was submitted."""
        return await self._operate(lambda engine, state: engine.flush(state))

    async def call(self, function: Callable[[Engine[In, Out, Any]], T]) -> T:
        """The value of `function(engine)`, called in a worker thread like an item."""
        *carried, value = await self._operate(lambda engine, _: [function(engine)])
        self.carried[:0] = carried
        return cast(T, value)

    async def fan_out(
        self,
        items: AsyncIterable[In],
        take: Callable[[In, Out], Awaitable[None]],
        failed: Callable[[In, Exception], None],
        *,
        ahead: int,
        begin: Callable[[In], Values[Out]] | None = None,
        done: Callable[[In], None] = lambda item: None,
    ) -> None:
        """Call `take(item, value)` for each value of each item, in order, with up to `ahead` items at work at once.

        `begin` puts an item to work where `results` is not the way; `done` is called after an item's last value.

        An item's exception goes to `failed`, in its turn; when that returns, the next item follows. When anything else
        raises or this is cancelled, what is at work is dropped and waited for.
        """
        room = asyncio.Semaphore(ahead)
        begun: Edge[tuple[In, Values[Out]]] = Edge(ahead)
        at_work: set[Values[Out]] = set()

        async def start() -> None:
            async for item in items:
                await room.acquire()
                results = begin(item) if begin else self.results(item)
                at_work.add(results)
                await begun.put((item, results))
            begun.close()

        async def finish() -> None:
            async for item, results in begun:
                while True:
                    try:
                        value = await anext(results)
                    except StopAsyncIteration:
                        break
                    except Exception as error:
                        failed(item, error)
                        break
                    await take(item, value)
                at_work.discard(results)
                done(item)
                room.release()

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(start())
                tasks.create_task(finish())
        finally:
            await uninterrupted(asyncio.gather(*(results.aclose() for results in at_work)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop what waits, wait for what runs, let the engine forget the stream."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await uninterrupted(self._closing)

    async def _close(self) -> None:
        has_state = self.has_state()
        if self.closed is None:
            self.closed = PoolClosed("the stream is closed")
        else:
            has_state = False  # a thread that did not come back holds it
        self._dispatcher.fail((call for call in self.inbox if not call.pinned), self.closed)
        for ended in [self._dispatcher.stop(call) for call in self.running]:
            await ended
        if has_state and self._dispatcher.fleet.error is None:
            await self._release()
        self._dispatcher.stages.discard(self)

    # for the dispatcher

    def has_state(self, generation: int | None = None) -> bool:
        """Whether an engine (of that generation) has made a state for this stream, or may be making it now."""
        made = self.state.generation
        return bool(self.running) or (made >= 0 if generation is None else made == generation)

    def hand_over(self, instance: Instance[In, Out]) -> None:
        """Before anything else, take from `instance` what its engine holds back: the next runs on another kind."""

        def flush_and_release(engine: Engine[In, Out, Any], state: Any) -> Iterator[Out]:
            try:
                yield from engine.flush(state)
            finally:
                engine.release(state)

        def carry(reply: Reply[Out]) -> None:
            self.carried.extend(reply.outputs)
            if reply.error is not None and not isinstance(reply.error, PoolClosed):
                _log.error("what %s held back is lost", instance.engine.name, exc_info=reply.error)
            if reply.resume is not None:
                reply.resume()

        call = self._operation(flush_and_release, carry)
        call.due = float("-inf")
        self._dispatcher.pin(call, instance)
        self._dispatcher.enqueue(call, first=True)

    def with_carried(self, outputs: Sequence[Out]) -> Sequence[Out]:
        """`outputs`, after what another engine held back."""
        if not self.carried:
            return outputs
        carried, self.carried = self.carried, []
        return [*carried, *outputs]

    # inside

    def _operation(self, operation: Operation[In, Out], deliver: Deliver[Any]) -> Call[In, Out]:
        now = time.perf_counter()
        return Call(self, None, operation, deliver, 0.0, now, now - self._head_start_s)

    async def _operate(self, operation: Operation[In, Out]) -> list[Any]:
        return await Results(self, partial(self.operate, operation)).collect()

    def _enqueue(self, call: Call[In, Out]) -> Call[In, Out]:
        if error := self.error:
            raise error.with_traceback(None)
        self._dispatcher.enqueue(call)
        return call

    async def _release(self) -> None:
        def release(engine: Engine[In, Out, Any], state: Any) -> tuple[()]:
            engine.release(state)
            return ()

        def submit(deliver: Deliver[Out]) -> Call[In, Out]:
            call = self._operation(release, deliver)
            self._dispatcher.enqueue(call)
            return call

        try:
            await Results(self, submit).collect()
        except PoolClosed:
            pass  # the whole engine goes
        except Exception:
            _log.exception("%s could not release a stream", self._dispatcher.fleet.engine.name)


def _ignore(reply: Reply[Any]) -> None:
    """Where the replies of a dropped call go."""
