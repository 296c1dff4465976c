"""The queue of files: it lives as long as the workbench, whatever screen is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from workbench import events
from workbench.errors import WorkbenchError
from workbench.jobs import retention
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Entry, Queue
from workbench.jobs.store import JobStore
from workbench.live.live import LEAVE_S
from workbench.threads import to_thread
from workbench.tui.failures import noticed
from workbench.tui.texts import _
from workbench.tui.widgets.notice_line import Notice
from workbench.tui.widgets.panel import harmless

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp

_UNDER_WAY: Final = frozenset({State.QUEUED, State.RUNNING})
_ABOUT: Final = "job {number}"


class JobDesk:
    """On the loop. Files use the engines that the live session has loaded, where they need the same."""

    def __init__(self, app: WorkbenchApp) -> None:
        self._app = app
        self._queue: Queue | None = None
        self._states: dict[int, State] = {}
        self._told: dict[int, list[events.Event]] = {}
        self.stopping: set[int] = set()
        """Files that were to stop, and do when an engine has done what it has in hand."""
        self.changes = 0
        """Grows with each change of an entry."""

    @property
    def is_open(self) -> bool:
        return self._queue is not None

    @property
    def queue(self) -> Queue:
        assert self._queue is not None, "asked for before it is there"
        return self._queue

    @property
    def entries(self) -> Sequence[Entry]:
        return self._queue.entries if self._queue else ()

    @property
    def unfinished(self) -> int:
        """How many files are worked on, or wait for that."""
        return sum(entry.state in _UNDER_WAY for entry in self.entries)

    def told(self, number: int) -> Sequence[events.Event] | None:
        """What was said in a file so far, while it is worked on: a list that grows. Of others the disk has it."""
        return self._told.get(number)

    async def work(self, leaving: asyncio.Event) -> None:
        """Work on files until `leaving`; what is not done then goes on in the next run of the workbench."""
        session = self._app.live.session
        async with Queue(session, JobStore(), observe=self._observed, left_as=State.QUEUED) as queue:
            queue.watch(self._changed)
            self._queue = queue
            self.changes += 1
            with noticed(self._app):
                await to_thread(_clean_up)
            with noticed(self._app):
                self._tell_restored(await queue.restore())
            await leaving.wait()
            for pool in session.pools():
                pool.hurry(LEAVE_S)

    def stop(self, number: int, *, cancel: bool = False) -> None:
        """Pause a file, or cancel it. Raises `UsageError`."""
        if any(entry.number == number and entry.state is State.RUNNING for entry in self.entries):
            self.stopping.add(number)
        (self.queue.cancel if cancel else self.queue.pause)(number)

    def remove(self, number: int) -> None:
        """Take a file off the list, for good. Raises `UsageError`."""
        self.queue.remove(number)
        self._app.settle(_ABOUT.format(number=number))

    # what becomes of the files

    def _observed(self, entry: Entry, event: events.Event) -> None:
        match event:
            case events.Ready():
                self._told[entry.number] = []  # all of it is told again
            case events.Transcript() | events.Translation():
                self._told.setdefault(entry.number, []).append(event)

    def _changed(self, entry: Entry) -> None:
        self.changes += 1
        before, now = self._states.get(entry.number), entry.state
        self._states[entry.number] = now
        if now is not State.RUNNING:
            self.stopping.discard(entry.number)
            self._told.pop(entry.number, None)
        if now is before:
            return
        about = _ABOUT.format(number=entry.number)
        if now in _UNDER_WAY:
            self._app.settle(about)
        elif before is not None and entry.error is not None:
            self._tell_error(harmless(entry.request.targets.path.name), entry.error, about)
        if not self.unfinished and before in _UNDER_WAY:
            self._at_rest()

    def _at_rest(self) -> None:
        """Nothing is left to be done now: what only files needed is unloaded."""
        if self._app.is_running:
            done = sum(entry.state is State.FINISHED for entry in self.entries)
            failed = sum(entry.state is State.FAILED for entry in self.entries)
            if done:
                said = _("Files that are done: {done}; that failed: {failed}.", done=done, failed=failed)
                self._app.notice(said, _("2 shows them."))
            self._app.run_worker(self._app.live.session.release(None), group="release", exclusive=True)

    def _tell_error(self, name: str, error: WorkbenchError, about: str) -> None:
        said = " ".join(_(error.message).split())
        said = said if name in said else f"{name}: {said}"
        hint = _("2 shows what can be done.") if "--" in error.hint else _(error.hint)
        self._app.take(Notice(said, hint, "error", about=about))

    def _tell_restored(self, found: Sequence[Entry]) -> None:
        going = sum(entry.state in _UNDER_WAY for entry in found)
        if going:
            said = _("Files that an earlier run left unfinished: {count}. They go on where they were.", count=going)
            self._app.notice(said, _("2 shows them."))
        if waiting := len(found) - going:
            said = _("Files that were paused or failed in an earlier run: {count}.", count=waiting)
            self._app.notice(said, _("2 shows them."))


def _clean_up() -> None:
    """Remove jobs of earlier runs that need not be kept. Blocks. Raises `UsageError`."""
    retention.chosen().apply(JobStore())
