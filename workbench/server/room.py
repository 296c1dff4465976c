"""Room for another job of a client, found without a look into each of those that there are."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta

from workbench.jobs.store import JobStore
from workbench.server.limits import Limits
from workbench.server.problems import Problem


class Room:
    """For any thread; all of it blocks for the disk, and raises `OutputError` where the folder is not accessible."""

    def __init__(self, store: JobStore, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._sizes: dict[str, int] = {}  # as they were seen first; where that is too much, they are measured again
        self._taking = threading.Lock()

    def check(self, size: int, unfinished: Collection[str]) -> None:
        """Raises `Problem` where there cannot be room for `size` bytes, whatever is removed that is over.

        `unfinished`: names of the jobs that are not.
        """
        self._sizes = self._store.sizes(self._sizes)
        if len(self._sizes) >= self._limits.jobs:
            raise _full(f"there are {self._limits.jobs} jobs already")
        self._check_bytes(size + sum(self._sizes.get(name, 0) for name in unfinished))

    @contextmanager
    def taken(self, size: int, unfinished: Collection[str]) -> Iterator[None]:
        """While a job of `size` bytes is made: one at a time. Raises as `check`, before anything is removed for it."""
        with self._taking:
            self.check(size, unfinished)
            if self._total() + size > self._limits.jobs_bytes:
                self.clean(size)
                self._check_bytes(self._total() + size)
            yield

    def clean(self, size: int = 0) -> None:
        """Remove what is too old, and what is over while there is no room for `size` bytes more."""
        keep = timedelta(seconds=self._limits.jobs_keep_s)
        self._store.clean(keep=keep, most_bytes=self._limits.jobs_bytes - size)
        self._sizes = self._store.sizes({})

    def _total(self) -> int:
        return sum(self._sizes.values())

    def _check_bytes(self, size: int) -> None:
        if size > self._limits.jobs_bytes:
            raise _full(f"jobs would take more than {self._limits.jobs_bytes} bytes")


def _full(message: str) -> Problem:
    return Problem(429, message, hint="Delete those that are not needed: DELETE /v1/jobs/ID")
