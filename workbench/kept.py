"""What is made of a file outlives the run that made it: results of items that are done are taken up, not made again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

from workbench.engines import StageKind
from workbench.pool import Results, Stage
from workbench.pool.results import Values
from workbench.stage_errors import is_out_of_memory
from workbench.types import Activity, Window

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What tells an item of a stage from the others of its stream: a window, or a transcript to be translated."""

    kind: StageKind
    start: float
    """Seconds on the timeline."""
    end: float
    text: str = ""
    """Of a transcript."""


class Kept(Protocol):
    """What was made of one file before, and takes what is made now. Called on the loop; nothing blocks or raises.

    A result that is asked for is what it was when it was made: the pipeline goes on as if it had made it now.
    """

    language: str | None
    """BCP-47, as it was detected before."""
    activity: Activity | None
    """What the detector found in the whole file before."""

    def find(self, item: Item) -> Sequence[Any] | None:
        """What was made of `item` before; None: nothing that is complete."""

    def keep(self, item: Item, values: Sequence[Any], stored: Callable[[], None]) -> None:
        """All that was made of `item`. `stored` is called on the loop when it would survive a crash."""

    def keep_language(self, language: str) -> None: ...

    def keep_activity(self, activities: Sequence[Activity]) -> None:
        """All that the detector found, when the whole file was heard."""

    async def tries_again(self, item: Item, error: Exception) -> bool:
        """Whether to try `item` once more, which failed with `error`. Returns when it is time to."""


class Attempts(Generic[Out]):
    """The values of one item: an async iterator that begins when all of them are there.

    So nothing of an attempt that fails half-way was given out, and the item can be tried again.
    """

    def __init__(self, begin: Callable[[], Results[Out]], again: Callable[[Exception], Awaitable[bool]]) -> None:
        """`again` says whether to try once more after an error."""
        self._begin = begin
        self._again = again
        self._results = begin()
        self._values: deque[Out] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Out:
        while self._values is None:
            try:
                self._values = deque(await self._results.collect())
            except Exception as error:
                if not await self._again(error):
                    raise
                self._results = self._begin()
        if not self._values:
            raise StopAsyncIteration
        return self._values.popleft()

    async def aclose(self) -> None:
        await self._results.aclose()


class Given(Generic[Out]):
    """Values that are there already, in the shape of results."""

    def __init__(self, values: Sequence[Out]) -> None:
        self._values = deque(values)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Out:
        if not self._values:
            raise StopAsyncIteration
        return self._values.popleft()

    async def aclose(self) -> None:
        """Nothing is at work."""


class Keeping(Generic[In, Out]):
    """One stage of a file of which `kept` has what was made before. On the loop."""

    def __init__(self, kept: Kept, kind: StageKind, stage: Stage[In, Out], gives: type, at_once: int) -> None:
        """Values that are no `gives` are not kept. `at_once`: items that are at work at once, at most."""
        self._kept = kept
        self._kind = kind
        self._stage = stage
        self._gives = gives
        self._slots = asyncio.Semaphore(at_once)
        self._is_paced = kind is StageKind.ASR

    async def paced(self, items: AsyncIterable[In]) -> AsyncIterator[In]:
        """Each window when fewer than `at_once` are at work or not on disk: so many a crash can cost, at most.

        A window takes seconds, its way to the disk milliseconds; texts are made too soon to wait for that.
        """
        async for item in items:
            if self._is_paced:
                await self._slots.acquire()
            yield item

    def begin(self, item: In) -> Values[Out]:
        """What was made of `item` before, or else put it to work."""
        if self._kind is StageKind.TTS:  # as large as the audio, and soon made
            return self._stage.results(item)
        place = _place(self._kind, item)
        if (values := self._kept.find(place)) is not None:
            self._free()
            return Given(values)

        def ended(results: Results[Out]) -> None:
            if results.error is not None:
                return
            if all(isinstance(value, self._gives) for value in results.made):
                self._kept.keep(place, results.made, self._free)
            else:
                self._free()

        async def tries_again(error: Exception) -> bool:
            again = not is_out_of_memory(error) and await self._kept.tries_again(place, error)
            if not again:
                self._free()
            return again

        return Attempts(lambda: self._stage.results(item, ended=ended), tries_again)

    def _free(self) -> None:
        """A crash cannot cost it any more."""
        if self._is_paced:
            self._slots.release()


def _place(kind: StageKind, item: Any) -> Item:
    if isinstance(item, Window):
        return Item(kind=kind, start=float(item.start), end=float(item.segments[-1].audio.end))
    return Item(kind=kind, start=float(item.start), end=float(item.end), text=item.text)
