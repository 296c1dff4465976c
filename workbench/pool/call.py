"""One item of one stream on its way through a pool."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from workbench.engines import Engine

if TYPE_CHECKING:
    from workbench.pool.instance import Instance
    from workbench.pool.stage import Stage

In = TypeVar("In")
Out = TypeVar("Out")

Operation: TypeAlias = Callable[[Engine[In, Out, Any], Any], Iterable[Any]]
"""Work that is not an item, such as a flush: called with the engine and the stream's state."""

ROOM: Final = 16
"""Values of a generator: so many are taken at once, and it goes on while fewer wait for their consumer."""
_log = logging.getLogger(__name__)


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
    """From `submit` to the last reply. Belongs to the dispatcher; callers only hand it back to `Stage.cancel`."""

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
    listed: bool = False
    """Whether the queue knows it."""
    values: Iterator[Out] | None = None
    instance: Instance[In, Out] | None = None
    """Where it runs, or must run when it is pinned."""
    pinned: bool = False
    """Whether it cannot move to another instance: its generator, or the stream's state, lives there."""
    retried: bool = False
    cancelled: bool = False
    ended: asyncio.Future[None] | None = None

    @property
    def alone(self) -> bool:
        """Whether it cannot share a batch. What is retried may be what broke the engine."""
        return self.values is not None or self.operation is not None or self.retried

    def reply(self, reply: Reply[Out]) -> None:
        try:
            self.deliver(reply)
        except Exception:  # other calls of the batch still wait for their replies
            _log.exception("a reply could not be delivered")

    def end(self, reply: Reply[Out]) -> None:
        self.phase, self.values = Phase.ENDED, None
        self.reply(reply)
        if self.ended is not None and not self.ended.done():
            self.ended.set_result(None)
