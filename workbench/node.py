"""One stage of a stream: its items, put through a pool in order, and what becomes of those that fail."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from workbench import events
from workbench.edge import Edge
from workbench.engines import Settings, StageKind
from workbench.errors import is_expected
from workbench.kept import Keeping, Kept
from workbench.pool import Pool, Stage
from workbench.pool.results import Values
from workbench.stage_errors import explained, is_out_of_memory, named
from workbench.types import Speech, Transcript, Translation


class _Placed(Protocol):
    @property
    def start(self) -> float:
        """Seconds on the timeline."""


In = TypeVar("In", bound=_Placed)
Out = TypeVar("Out")
Emit: TypeAlias = Callable[[events.Event], None]

_GIVES: Final[Mapping[StageKind, type]] = {
    StageKind.ASR: Transcript,
    StageKind.TRANSLATION: Translation,
    StageKind.TTS: Speech,
}
_log = logging.getLogger(__name__)


class Node(Generic[In, Out]):
    """Runs once, on the loop. `kept` has what was made of the items before, and takes what is made now."""

    def __init__(self, kind: StageKind, pool: Pool[In, Out], emit: Emit, tolerance: int, kept: Kept | None) -> None:
        """`tolerance` items that fail in a row end the stream; each one before is an `Error` event."""
        self.pool = pool
        self.failing_from: float | None = None
        """Seconds on the timeline: where the first item starts of those that fail in a row; None: the last did not."""
        self._kind = kind
        self._emit = emit
        self._tolerance = tolerance
        self._kept = kept
        self._failures = 0

    async def run(
        self,
        settings: Callable[[], Settings],
        items: Edge[In],
        take: Callable[[In, Out], Awaitable[None]],
        done: Callable[[In], None] = lambda item: None,
        *,
        begun: Callable[[In], Values[Out] | None] = lambda item: None,
        checked: Callable[[Stage[In, Out], In, Values[Out]], Values[Out]] = lambda stage, item, values: values,
    ) -> None:
        """Call `take` for each value of each item, in order, and `done` after the last one of an item.

        `settings` is called when there is a first item: only then the language of the stream is known.
        `begun` gives the values of an item that is at work already, `checked` those of another as they are to be taken.
        The `WorkbenchError` that ends the stream is raised in an exception group.
        """
        if await items.peek() is None:
            return
        async with self.pool.open(settings()) as stage:
            at_once, gives = self.pool.at_once, _GIVES[self._kind]
            keeping = Keeping(self._kept, self._kind, stage, gives, at_once) if self._kept else None
            submit: Callable[[In], Values[Out]] = keeping.begin if keeping else stage.results

            def begin(item: In) -> Values[Out]:
                with named(self._kind, self.pool.engine.name, item.start):  # where all engines are broken
                    return begun(item) or checked(stage, item, submit(item))

            async def took(item: In, value: Out) -> None:
                if isinstance(value, gives):
                    self._failures, self.failing_from = 0, None
                    await take(item, value)
                else:
                    self._failed(item, TypeError(f"it gave a {type(value).__name__}, not a {gives.__name__}"))

            paced = keeping.paced(items) if keeping else items
            await stage.fan_out(paced, took, self._failed, ahead=at_once + 1, begin=begin, done=done)

    def _failed(self, item: In, error: Exception) -> None:
        self._failures += 1
        if self.failing_from is None:
            self.failing_from = item.start
        problem = explained(self._kind, self.pool.engine.name, item.start, error)
        if self._failures >= self._tolerance or is_out_of_memory(error):
            raise problem from problem.__cause__
        _log.warning("%s", problem, exc_info=None if is_expected(problem) else problem)
        self._emit(events.Error(code=problem.code, message=problem.message, hint=problem.hint, stage=self._kind))
