"""One item of one stream on its way through a pool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar

from workbench.engines import Engine

if TYPE_CHECKING:
    from workbench.pool.instance import Instance
    from workbench.pool.stage import Stage

In = TypeVar("In")
Out = TypeVar("Out")

Operation: TypeAlias = Callable[[Engine[In, Out, Any], Any], Iterable[Any]]
"""Work that is not an item, such as a flush: called with the engine and the stream's state."""


class Reply(NamedTuple, Generic[Out]):
    """What a call gave since its last reply."""

    outputs: Sequence[Out] = ()
    error: Exception | None = None
    resume: Callable[[], None] | None = None
    """Asks for more of what a generator makes; None: this was the call's last reply."""


Deliver: TypeAlias = Callable[[Reply[Out]], None]
"""Called on the loop. Must not block or raise."""


class Phase(Enum):
    WAITING = auto()
    """Not begun."""
    RUNNING = auto()
    """In a worker thread."""
    PARKED = auto()
    """A generator between two values whose consumer has no room."""
    READY = auto()
    """A generator between two values that may go on."""
    ENDED = auto()


@dataclass(slots=True, eq=False)
class Call(Generic[In, Out]):
    """From `submit` to the last reply. Belongs to the pool; callers only hand it back to `Stage.cancel`."""

    stage: Stage[In, Out]
    item: In | None
    operation: Operation[In, Out] | None
    deliver: Deliver[Out]
    cost: float
    """Seconds of audio."""
    submitted: float
    """Seconds of `time.perf_counter`."""
    due: float
    """What ranks it: the smaller, the sooner. Fixed, so that everything grows old."""
    key: Hashable = None
    phase: Phase = Phase.WAITING
    values: Iterator[Out] | None = None
    instance: Instance[In, Out] | None = None
    """Where it runs, or must run when it is pinned."""
    pinned: bool = False
    """Whether it cannot move to another instance: its generator, or the stream's state, lives there."""
    retried: bool = False
    cancelled: bool = False
    ended: asyncio.Future[None] | None = field(default=None)

    @property
    def alone(self) -> bool:
        """Whether it cannot share a batch."""
        return self.values is not None or self.operation is not None

    def end(self, reply: Reply[Out]) -> None:
        self.phase, self.values = Phase.ENDED, None
        if not self.cancelled:
            self.deliver(reply)
        if self.ended is not None and not self.ended.done():
            self.ended.set_result(None)
