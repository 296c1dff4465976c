"""How far the fetching of weights has come."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all, in the thread that loads."""

loading_progress: ContextVar[Progress | None] = ContextVar("loading_progress", default=None)
"""Who is told while an engine loads. An engine's constructor takes options and no callback: set this around it."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Meter:
    """Adds up what is done and tells `progress`."""

    progress: Progress
    total: int
    done: int = 0

    def advance(self, count: int) -> None:
        """Count some bytes more; fewer when what was done proved useless."""
        self.done += count
        self.progress(self.done, self.total)


def paced(progress: Progress, interval_s: float = 0.1) -> Progress:
    """Tell `progress` at most once in `interval_s`, but always of the first and the last byte."""
    due = float("-inf")

    def tell(done: int, total: int) -> None:
        nonlocal due
        if (now := time.monotonic()) >= due or 0 < total <= done:
            due = now + interval_s
            progress(done, total)

    return tell


def log_progress(name: str) -> Progress:
    """A progress that logs each tenth."""
    told = -1

    def progress(done: int, total: int) -> None:
        nonlocal told
        tenth = 10 * done // max(total, 1)
        if tenth != told:
            told = tenth
            _log.info("model %s: %d of %d MB", name, done // 1_000_000, total // 1_000_000)

    return progress
