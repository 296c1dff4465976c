"""Which calls run next: a heap of calls by due time, and how they share a batch."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

from workbench.pool.call import Call, Phase
from workbench.pool.instance import Instance

In = TypeVar("In")
Out = TypeVar("Out")

LIKE_SIZE: Final = 4.0
"""A batch ends when its longest item does: no item in it is longer than this many times the first."""


class ReadyQueue(Generic[In, Out]):
    """Calls that could run now. An entry is only a hint: a call may have been dropped, replaced or overtaken since."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Call[In, Out]]] = []
        self._count = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[Call[In, Out]]:
        return (call for _, _, call in self._heap if _is_next(call))

    def push(self, call: Call[In, Out]) -> None:
        if not call.listed:
            call.listed = True
            heapq.heappush(self._heap, (call.due, next(self._count), call))

    def take(self, instance: Instance[In, Out]) -> list[Call[In, Out]]:
        """The most urgent calls that may share one hop of `instance`; empty: none may."""
        batch: list[Call[In, Out]] = []
        passed = []
        room = instance.max_batch
        while self._heap and len(batch) < room:
            entry = heapq.heappop(self._heap)
            call = entry[2]
            if not _is_next(call):
                call.listed = False
            elif call.instance is not instance if call.pinned else instance.retiring:
                passed.append(entry)
            elif batch and (instance.takes_alone(call) or call.cost > LIKE_SIZE * batch[0].cost):
                passed.append(entry)
                break
            else:
                call.listed = False
                batch.append(call)
                if instance.takes_alone(call):
                    break
        for entry in passed:
            heapq.heappush(self._heap, entry)
        return batch


def _is_next(call: Call[Any, Any]) -> bool:
    """Whether nothing of its stream stands before it."""
    if call.phase is Phase.WAITING:
        stage = call.stage
        return not stage.serial or (stage.inbox[0] is call and not stage.running)
    return call.phase is Phase.READY
