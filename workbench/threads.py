"""Worker threads for blocking calls.

They differ from asyncio's in three ways: a cancelled caller waits for its thread (a model must not be freed under it);
the threads are daemons (CPython joins an executor's threads at exit, so one hung plugin would hang the program); and
there is always one more, so that engines never wait for a thread that a blocking capture holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import gc
import os
import queue
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Generic, NamedTuple, ParamSpec, TypeVar

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Of glibc's malloc.h."""
P = ParamSpec("P")
T = TypeVar("T")


class Outcome(NamedTuple, Generic[T]):
    """What a call gave: a value, or the exception it raised."""

    value: T | None
    error: Exception | None


def limit_arenas() -> None:
    """Let all threads of this process share two of glibc's arenas, and give memory back; only with glibc.

    By default each thread that allocates gets an arena of its own, and none gives the memory of large arrays back: the
    process grows with the threads that ever worked on one (measured with Whisper: 560 MB instead of 400). Arrays of
    more than 4 MB are mapped one by one, and what is free at the end of an arena goes back from 1 MB on: by default
    glibc raises both bounds with the largest array it ever freed, and an hour of live audio leaves holes that stay.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_ARENA_MAX, 2)
        mallopt(_M_MMAP_THRESHOLD, 4 << 20)
        mallopt(_M_TRIM_THRESHOLD, 1 << 20)


def favour_the_loop(niceness: int = 10) -> None:
    """Let worker threads stand back where the loop wants to go on: those that start from now on where others want a
    processor too (only on Linux), and all of them where others want the interpreter, after 1 ms instead of 5. Garbage
    is looked for after more objects than by default: among a thousand streams that holds the loop up for 50 ms.

    What draws and answers keys runs on the loop, in milliseconds; without this it waits for its turn among threads of
    engines that never rest. What those start in their turn, such as a model's own threads, stands back as well.
    """
    _threads.niceness = niceness
    sys.setswitchinterval(0.001)
    gc.set_threshold(100_000, 50, 100)


def busy() -> int:
    """How many worker threads are in a call."""
    return _threads.count - len(_threads._idle)


def give_memory_back() -> None:
    """Let go of free memory that lies between what is in use; only with glibc. Blocks for milliseconds."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


class _Threads:
    """As many daemon threads as calls were ever running at once.

    The one that was idle for the shortest time is used first: what it worked on is still in its caches.
    """

    def __init__(self) -> None:
        self._idle: list[queue.SimpleQueue[Callable[[], Callable[[], None]]]] = []
        self.niceness = 0
        self.count = 0

    def start(self, task: Callable[[], Callable[[], None]]) -> None:
        """Call `task` in a thread, then what it gives, when that thread counts as idle again."""
        try:
            todo = self._idle.pop()
        except IndexError:
            todo = queue.SimpleQueue()
            self.count += 1
            threading.Thread(target=self._work, args=(todo,), name="workbench", daemon=True).start()
        todo.put(task)

    def _work(self, todo: queue.SimpleQueue[Callable[[], Callable[[], None]]]) -> None:
        if self.niceness and sys.platform == "linux":  # elsewhere niceness is the whole process's
            of_loop = os.getpriority(os.PRIO_PROCESS, os.getpid())  # less than that only root may ask for
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), of_loop + self.niceness)
        while True:
            tell = todo.get()()
            self._idle.append(todo)
            tell()
            del tell


_threads = _Threads()


def submit(loop: asyncio.AbstractEventLoop, function: Callable[[], T], done: Callable[[Outcome[T]], None]) -> None:
    """Call `function` in a worker thread, then `done` with its outcome on `loop`. Costs no future."""

    def task() -> Callable[[], None]:
        try:
            outcome: Outcome[T] = Outcome(function(), None)
        except BaseException as error:  # whatever it is, someone on the loop waits for it
            outcome = Outcome(None, as_exception(error))

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(done, outcome)

        return tell

    _threads.start(task)


async def to_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Await `function` in a worker thread, like `asyncio.to_thread`; when cancelled, only after it has returned."""
    loop = asyncio.get_running_loop()
    settled: asyncio.Future[Outcome[T]] = loop.create_future()
    context = contextvars.copy_context()
    submit(loop, partial(context.run, partial(function, *args, **kwargs)), settled.set_result)
    outcome = await uninterrupted(settled)
    if outcome.error is not None:
        raise outcome.error
    return outcome.value  # type: ignore[return-value]  # a T whenever there is no error


async def acquire(take: Callable[[], T], let_go: Callable[[T], None]) -> T:
    """Await `take` in a worker thread. When cancelled meanwhile, `let_go` gets what it gave, on the loop."""
    taking = asyncio.ensure_future(to_thread(take))
    try:
        return await uninterrupted(taking)
    except asyncio.CancelledError:
        if not taking.cancelled() and taking.exception() is None:
            let_go(taking.result())
        raise


async def uninterrupted(future: asyncio.Future[T]) -> T:
    """Await `future` to its end even when cancelled; the cancellation is raised after it, from an error of `future`."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from (None if future.cancelled() else future.exception())
    return future.result()


def as_exception(error: BaseException) -> Exception:
    """`error`, as something that can be raised on a loop.

    There SystemExit would end the program, CancelledError would look like a cancellation, and StopIteration is lost.
    """
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"{type(error).__name__} in a worker thread: {error}")
    wrapped.__cause__ = error
    return wrapped
