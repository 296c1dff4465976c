"""Pauses and cancels jobs that another process works on: a file in the job's folder asks for it.

Whoever works on jobs is told of the file by an event of the file system. What the file holds means nothing, and one
that was left behind asks for nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.disk_errors import said_plainly
from workbench.errors import JobBusy, UsageError
from workbench.jobs.checkpoint import State
from workbench.jobs.store import JobInfo, JobStore
from workbench.threads import to_thread

if TYPE_CHECKING:
    from watchfiles import Change

STOPPABLE: Final = {
    State.PAUSED: frozenset({State.QUEUED, State.RUNNING}),
    State.CANCELLED: frozenset({State.QUEUED, State.RUNNING, State.PAUSED, State.FAILED}),
}
"""From which states a job can be brought into these."""
PATIENCE_S: Final = 30.0
"""An engine does what it is at to its end: a window of speech takes seconds."""
_STATES: Final = {"pause": State.PAUSED, "cancel": State.CANCELLED}
"""Names of the files."""
_NAMES: Final = {state: name for name, state in _STATES.items()}
_STEP_MS: Final = 100
_LOOK_MS: Final = 1000
_log = logging.getLogger(__name__)


async def listen(store: JobStore, asked: Callable[[str, State], None]) -> None:
    """Call `asked`, on the loop, with the name of a job and the state that it should be in, until cancelled.

    Where that cannot be, it is logged, and this returns: jobs are done all the same.
    """
    from watchfiles import awatch

    try:
        await to_thread(store.root.mkdir, parents=True, exist_ok=True)
        async for changes in awatch(store.root, watch_filter=_asks, step=_STEP_MS, debounce=2 * _STEP_MS):
            for path in {Path(path) for _, path in changes}:
                asked(path.parent.name, _STATES[path.name])
    except OSError as error:
        _log.warning("other processes cannot pause or cancel jobs of this one: %s", error)


def stop(store: JobStore, name: str, state: State, *, patience_s: float = PATIENCE_S) -> JobInfo:
    """Bring a job into a state of `STOPPABLE`, whoever works on it. Gives it as it is when nobody does any more.

    It may have finished or failed meanwhile. Blocks. Raises `JobBusy` when it is worked on for `patience_s` and longer,
    `UsageError` when there is none or it is in no such state, `JobRefused`, `OutputError`.
    """
    info = store.info(name)
    if info.refused is not None:
        raise info.refused
    if info.state not in STOPPABLE[state]:
        raise UsageError(f"job {name!r} is {info.state}", hint=f"To see more: workbench jobs show {name}")
    request = info.folder / _NAMES[state]
    with said_plainly(request):
        request.write_bytes(b"\n")
        try:
            info = _let_go(store, info, request, patience_s)
            if info.state in STOPPABLE[state]:  # it waited, or its process has died
                store.change(name, state=state)
        finally:
            request.unlink(missing_ok=True)
    return store.info(name)


def _let_go(store: JobStore, info: JobInfo, request: Path, patience_s: float) -> JobInfo:
    """The job when nobody works on it. Looks each second too: a process that dies changes no file."""
    if not info.is_held:
        return info
    from watchfiles import watch

    until = time.monotonic() + patience_s
    for changes in watch(
        info.folder,
        watch_filter=lambda change, path: Path(path) != request,
        step=_STEP_MS,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
    ):
        info = store.info(info.name)
        if not info.is_held:
            break
        if time.monotonic() >= until:
            hint = f"It stops when its engine has done what it is at. To look: workbench jobs show {info.name}"
            raise JobBusy(f"job {info.name!r} is still being worked on after {patience_s:.0f} s", hint=hint)
        if not changes:
            request.write_bytes(b"\n")  # again, for a process that did not listen yet
    return info


def _asks(change: Change, path: str) -> bool:
    """A file that goes asks for nothing: the job may be at work again by then."""
    return change.name != "deleted" and Path(path).name in _STATES
