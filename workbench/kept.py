"""What is made of a file outlives the run that made it: results of items that are done are taken up, not made again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence, Set
from dataclasses import dataclass
from functools import partial
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

    @classmethod
    def of(cls, kind: StageKind, item: Any) -> Self:
        """`item`: a window, or a text."""
        if isinstance(item, Window):
            return cls(kind=kind, start=float(item.start), end=float(item.segments[-1].audio.end))
        return cls(kind=kind, start=float(item.start), end=float(item.end), text=item.text)


class Kept(Protocol):
    """What was made of one file before, and takes what is made now. Called on the loop; nothing blocks or raises.

    A result that is asked for is what it was when it was made: the pipeline goes on as if it had made it now.
    """

    language: str | None
    """BCP-47, as it was detected before."""
    activity: Activity | None
    """What the detector found in the whole file before."""

    @property
    def suspects(self) -> Set[Item]:
        """What a process was at when it died, and is not made yet: each is put to work with no other of its kind."""

    async def begins(self, item: Item) -> None:
        """`item` is put to work when this returns. From then on it is known, should the process die."""

    def refused(self, item: Item) -> Exception | None:
        """Why `item` is not put to work any more."""

    def find(self, item: Item) -> Sequence[Any] | None:
        """What was made of `item` before; None: nothing that is complete."""

    def keep(self, item: Item, values: Sequence[Any], stored: Callable[[], None]) -> None:
        """All that was made of `item`. `stored` is called on the loop when it would survive a crash."""

    def keep_language(self, language: str) -> None: ...

    def keep_activity(self, activities: Sequence[Activity]) -> None:
        """All that the detector found, when the whole file was heard."""

    async def tries_again(self, item: Item, error: Exception) -> bool:
        """Whether to try `item` once more, which failed with `error`. Returns when it is time to."""


async def begins(kept: Kept, item: Item) -> None:
    """Let `item` be known to be at work. Raises why it is not to be put to work any more."""
    if (refused := kept.refused(item)) is not None:
        raise refused
    await kept.begins(item)


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

    def __init__(self, values: Sequence[Out], error: Exception | None = None) -> None:
        """`error` is raised after the last."""
        self._values = deque(values)
        self._error = error

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Out:
        if not self._values:
            raise self._error or StopAsyncIteration
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
        self._at_once = at_once
        self._slots = asyncio.Semaphore(at_once)
        self._is_paced = kind is StageKind.ASR or any(item.kind is kind for item in kept.suspects)

    async def paced(self, items: AsyncIterable[In]) -> AsyncIterator[In]:
        """Each window when fewer than `at_once` are at work or not on disk: so many a crash can cost, at most.

        A window takes seconds, its way to the disk milliseconds; texts are made too soon to wait for that, but where a
        process died at one.
        """
        async for item in items:
            if self._kind is not StageKind.TTS:
                place = Item.of(self._kind, item)
                for _ in range(self._slots_of(place)):
                    await self._slots.acquire()
                if self._kept.find(place) is None and self._kept.refused(place) is None:
                    await self._kept.begins(place)
            yield item

    def begin(self, item: In) -> Values[Out]:
        """What was made of `item` before, or else put it to work."""
        if self._kind is StageKind.TTS:  # as large as the audio, and soon made
            return self._stage.results(item)
        place = Item.of(self._kind, item)
        values, refused = self._kept.find(place), self._kept.refused(place)
        if values is not None or refused is not None:
            self._free(place)
            return Given(values or (), refused if values is None else None)

        def ended(results: Results[Out]) -> None:
            if results.error is not None:
                return
            if all(isinstance(value, self._gives) for value in results.made):
                self._kept.keep(place, results.made, partial(self._free, place))
            else:
                self._free(place)

        async def tries_again(error: Exception) -> bool:
            again = not is_out_of_memory(error) and await self._kept.tries_again(place, error)
            if not again:
                self._free(place)
            return again

        return Attempts(lambda: self._stage.results(item, ended=ended), tries_again)

    def _slots_of(self, place: Item) -> int:
        if not self._is_paced:
            return 0
        return self._at_once if place in self._kept.suspects else 1

    def _free(self, place: Item) -> None:
        """A crash cannot cost it any more."""
        for _ in range(self._slots_of(place)):
            self._slots.release()
