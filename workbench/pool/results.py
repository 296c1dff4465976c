"""The values of one call, awaited."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from workbench.pool.call import ROOM, Call, Deliver, Reply

if TYPE_CHECKING:
    from workbench.pool.stage import Stage

Out = TypeVar("Out")
Given = TypeVar("Given", covariant=True)


class Values(Protocol[Given]):
    """What `Results` is to who takes its values."""

    async def __anext__(self) -> Given: ...

    async def aclose(self) -> None: ...


class Results(Generic[Out]):
    """An async iterator. A generator waits while `ROOM` of its values are not taken."""

    def __init__(
        self,
        stage: Stage[Any, Out],
        submit: Callable[[Deliver[Out]], Call[Any, Out]],
        ended: Callable[[Results[Out]], None] | None = None,
    ) -> None:
        """`ended` is called on the loop when nothing more will come; it must not block, and may submit more."""
        self._stage = stage
        self._ended = ended
        self.made: list[Out] = []
        """All values so far, taken or not."""
        self._values: deque[Out] = deque()
        self._last: Reply[Out] | None = None
        self._resume: Callable[[], None] | None = None
        self._arrived = asyncio.Event()
        self._call = submit(self._deliver)

    def _deliver(self, reply: Reply[Out]) -> None:
        self._values.extend(reply.outputs)
        self.made.extend(reply.outputs)
        self._resume = reply.resume
        self._arrived.set()
        if reply.resume is None:
            self._last = reply
            if self._ended is not None:
                self._ended(self)  # after all else: whatever it does, or raises, the values can be taken
        elif len(self._values) < ROOM:
            self._go_on()

    @property
    def error(self) -> Exception | None:
        """Why it ended before its time."""
        return self._last.error if self._last else None

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
