"""Blocking work on files: a few at a time, what somebody waits for first, and again where an error passes.

The disk is one thing that all jobs share. More at once makes none of them faster, and a copy of gigabytes must not
keep a checkpoint of a few kilobytes waiting.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import logging
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from heapq import heappop, heappush
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from workbench.threads import to_thread, uninterrupted

T = TypeVar("T")

AT_ONCE: Final = 4
COPIES_AT_ONCE: Final = 2
"""Of them: the others find their way past."""
TRIES: Final = 4
FIRST_WAIT_S: Final = 0.05
"""Before the second try; four times that before the third, and so on."""
_PASSING: Final = frozenset(
    getattr(errno, name)
    for name in (
        *("EINTR", "EAGAIN", "EBUSY", "ETXTBSY", "EDEADLK", "ENOLCK", "ENFILE", "EMFILE", "ENOBUFS"),
        *("ETIMEDOUT", "ESTALE", "ENETDOWN", "ENETUNREACH", "ENETRESET", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH"),
    )
    if hasattr(errno, name)
)
_SHARED_ON_WINDOWS: Final = (32, 33)
"""Another program, such as a virus scanner, has the file open or locked just now."""
_log = logging.getLogger(__name__)


class Priority(IntEnum):
    """Of what waits, the lowest number begins first; of one number, what came first."""

    RESULT = 0
    """What somebody waits for, in milliseconds: subtitles, checkpoints."""
    PIECE = 1
    """A part of a large file, some 20 ms of work, by someone who comes back for the next."""
    COPY = 2
    """As long as the disk needs."""


class Disk:
    """Takes turns on one loop. All methods are called there."""

    def __init__(self, at_once: int = AT_ONCE, copies_at_once: int = COPIES_AT_ONCE) -> None:
        self._at_once = at_once
        self._copies_at_once = copies_at_once
        self._running: Counter[Priority] = Counter()
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    async def run(
        self,
        work: Callable[[], T],
        *,
        priority: Priority = Priority.RESULT,
        stop: threading.Event | None = None,
        tries: int = TRIES,
    ) -> T:
        """Call `work` in a worker thread when its turn has come, and give what it gives.

        An error that passes is tried again, so `work` must begin anew each time, or `tries` be 1; the others, and the
        last, are raised as they are. Who is cancelled while waiting leaves at once. A call that runs is waited for:
        where it may take long, it looks at `stop`, which is set then, and ends.
        """
        for tried in range(tries - 1):
            try:
                return await self._in_turn(work, priority, stop)
            except Exception as error:
                if not passes(error):
                    raise
                wait_s = FIRST_WAIT_S * 4**tried
                _log.warning("tried again in %g s: %s", wait_s, error)
            await asyncio.sleep(wait_s)
        return await self._in_turn(work, priority, stop)

    async def _in_turn(self, work: Callable[[], T], priority: Priority, stop: threading.Event | None) -> T:
        await self._turn(priority)
        try:
            return await _stoppable(work, stop)
        finally:
            self._leave(priority)

    async def _turn(self, priority: Priority) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (priority, next(self._numbers), turn))
        self._call_up()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had come already
                self._leave(priority)
            raise

    def _leave(self, priority: Priority) -> None:
        self._running[priority] -= 1
        self._call_up()

    def _call_up(self) -> None:
        while self._waiting and self._running.total() < self._at_once:
            priority, _, turn = self._waiting[0]
            if priority is Priority.COPY and self._running[priority] >= self._copies_at_once:
                return  # nothing but copies waits behind it
            heappop(self._waiting)
            if not turn.done():
                self._running[priority] += 1
                turn.set_result(None)


def disk() -> Disk:
    """That of the running loop."""
    return _disks.setdefault(asyncio.get_running_loop(), Disk())


def passes(error: BaseException | None) -> bool:
    """Whether the same may work a moment later: the system said that, of `error` or of what caused it."""
    while error is not None:
        if isinstance(error, OSError) and (
            error.errno in _PASSING or getattr(error, "winerror", None) in _SHARED_ON_WINDOWS
        ):
            return True
        error = error.__cause__
    return False


async def _stoppable(work: Callable[[], T], stop: threading.Event | None) -> T:
    running = asyncio.ensure_future(to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if stop is not None:
            stop.set()
        with suppress(Exception):  # nobody is left to hear what came of it
            await uninterrupted(running)
        raise


_disks: WeakKeyDictionary[asyncio.AbstractEventLoop, Disk] = WeakKeyDictionary()
