"""How far all files of a command are, told in step with time."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Self

from workbench.cli.progress import Display
from workbench.jobs.queue import Queue
from workbench.jobs.totals import totals


class Ticking:
    """While it is open, has `shown` tell of a queue, and draw, as often as it wants to. On the loop."""

    def __init__(self, queue: Queue, shown: Display) -> None:
        self._queue = queue
        self._shown = shown
        self._next: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        if self._shown.tick_s is not None:
            self._next = asyncio.get_running_loop().call_later(self._shown.tick_s, self._tick, self._shown.tick_s)
        return self

    def __exit__(self, *details: Any) -> None:
        if self._next is not None:
            self._next.cancel()

    def _tick(self, every_s: float) -> None:
        self._next = asyncio.get_running_loop().call_later(every_s, self._tick, every_s)
        self._shown.total(totals(self._queue.entries, time.monotonic()))
