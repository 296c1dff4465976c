"""How far all files of a command are, told now and then."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from workbench.cli.progress import Display
from workbench.jobs.queue import Entry, Queue
from workbench.jobs.totals import totals

INTERVAL_S: Final = 0.25
"""However many files change: all of them are looked at each time."""


class Total:
    """Of a queue, for `shown`."""

    def __init__(self, queue: Queue, shown: Display) -> None:
        self._queue = queue
        self._shown = shown
        self._is_due = False

    def changed(self, entry: Entry) -> None:
        """Tell soon. For `Queue.watch`, on the loop."""
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_later(INTERVAL_S, self._tell)

    def _tell(self) -> None:
        self._is_due = False
        self._shown.total(totals(self._queue.entries, time.monotonic()))
