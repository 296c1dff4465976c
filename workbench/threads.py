"""Worker threads for blocking calls.

They differ from asyncio's in three ways: a cancelled caller waits for its thread (a model must not be freed under it);
the threads are daemons (CPython joins an executor's threads at exit, so one hung plugin would hang the program); and
there is always one more, so that engines never wait for a thread that a blocking capture holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Generic, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Outcome(NamedTuple, Generic[T]):
    """What a call gave: a value, or the exception it raised."""

    value: T | None
    error: Exception | None


class _Threads:
    """As many daemon threads as calls were ever running at once; idle ones are used again."""

    def __init__(self) -> None:
        self._todo: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0

    def start(self, task: Callable[[], None]) -> None:
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                threading.Thread(target=self._work, name="workbench", daemon=True).start()
        self._todo.put(task)

    def _work(self) -> None:
        while True:
            self._todo.get()()
            with self._lock:
                self._idle += 1


_threads = _Threads()


def submit(loop: asyncio.AbstractEventLoop, function: Callable[[], T], done: Callable[[Outcome[T]], None]) -> None:
    """Call `function` in a worker thread, then `done` with its outcome on `loop`. Costs no future."""

    def task() -> None:
        try:
            outcome: Outcome[T] = Outcome(function(), None)
        except BaseException as error:  # whatever it is, someone on the loop waits for it
            outcome = Outcome(None, as_exception(error))
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(done, outcome)

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


async def uninterrupted(future: asyncio.Future[T]) -> T:
    """Await `future` to its end even when cancelled; the cancellation is raised after it."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
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
