"""Jobs that a command runs in the foreground, shown as they go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from workbench import events
from workbench.cli.report import Report
from workbench.cli.total import Ticking
from workbench.clock import clock
from workbench.errors import InputError, JobChanged
from workbench.jobs import retention
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Entry, Queue
from workbench.jobs.store import JobStore
from workbench.session import Session
from workbench.threads import to_thread

Feed: TypeAlias = Callable[[Queue], Awaitable[None]]
"""Puts jobs into a queue, and returns when there will be no more."""


async def run_jobs(session: Session, report: Report, feed: Feed) -> None:
    """Do all that `feed` puts in, then clean up old jobs.

    When cancelled, what was made is on disk when this returns, and people are told. Raises what `feed` does, and
    `UsageError` when the table [jobs] of config.toml is wrong.
    """
    kept, store = retention.chosen(), JobStore()
    follower = Follower(report)
    queue = Queue(session, store, observe=follower.observe, keeps_refused=False)
    queue.watch(follower.changed)
    try:
        with Ticking(queue, report.shown):
            async with queue:
                await feed(queue)
                await queue.settled()
    finally:
        if waiting := sum(entry.state is State.QUEUED and bool(entry.name) for entry in queue.entries):
            report.shown.say(f"{waiting} more waited. To go on with them: workbench jobs resume")
        if any(map(_can_be_retried, queue.entries)):
            report.shown.say("What was made of files that failed is kept. To try again: workbench jobs retry")
        await to_thread(kept.apply, store)


def _can_be_retried(entry: Entry) -> bool:
    """Whether it failed late, and would go on from there."""
    is_other_file = isinstance(entry.error, InputError | JobChanged)
    return entry.state is State.FAILED and entry.position > 0 and not is_other_file


class Follower:
    """Tells `report` what becomes of the entries of a queue."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._observers: dict[int, Callable[[events.Event], None]] = {}

    def observe(self, entry: Entry, event: events.Event) -> None:
        if entry.number not in self._observers:
            path = entry.request.targets.path
            if entry.position:
                held = f"going on at {clock(entry.position)}: what is before that, job {entry.name} holds"
                whole = f"all of it is stored in job {entry.name}: only its files are written"
                self._report.shown.say(f"{path}: {whole if entry.is_stored else held}")
            self._observers[entry.number] = self._report.shown.observer(path, entry.position)
        self._observers[entry.number](event)

    def changed(self, entry: Entry) -> None:
        path = entry.request.targets.path
        match entry.state:
            case State.FINISHED if entry.result is not None:
                self._report.finished(entry.result, went_on=entry.run_from > 0)
            case State.FINISHED:
                self._report.was_done(entry)
            case State.FAILED | State.PAUSED if entry.error is not None:
                self._report.failed(path, entry.error)
            case State.PAUSED | State.CANCELLED:
                self._report.stopped(entry)
