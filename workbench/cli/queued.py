"""Jobs that a command runs in the foreground, shown as they go."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench import events
from workbench.cli import console
from workbench.cli.report import Report
from workbench.clock import clock
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Entry, Queue
from workbench.jobs.request import Request
from workbench.jobs.store import JobStore
from workbench.models import loading_progress
from workbench.session import Session


async def run_jobs(session: Session, requests: Sequence[Request], report: Report) -> None:
    """Do all of them. When cancelled, what was made is on disk when this returns, and people are told."""
    loading_progress.set(report.shown.loading())
    follower = Follower(report)
    queue = Queue(session, JobStore(), observe=follower.observe)
    queue.watch(follower.changed)
    async with queue:
        for request in requests:
            queue.submit(request)
        await queue.settled()


class Follower:
    """Tells `report` what becomes of the entries of a queue."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._observers: dict[int, Callable[[events.Event], None]] = {}
        self._begun: set[int] = set()

    def observe(self, entry: Entry, event: events.Event) -> None:
        if entry.number not in self._observers:
            self._observers[entry.number] = self._report.shown.observer(entry.request.targets.path)
        self._observers[entry.number](event)

    def changed(self, entry: Entry) -> None:
        path = entry.request.targets.path
        match entry.state:
            case State.RUNNING if entry.name and entry.number not in self._begun:
                self._begun.add(entry.number)
                if entry.position:
                    console.say(f"{path}: going on at {clock(entry.position)}, where job {entry.name} ended")
            case State.FINISHED if entry.result is not None:
                self._report.finished(entry.result)
            case State.FINISHED:
                self._report.was_done(entry)
            case State.FAILED | State.PAUSED if entry.error is not None:
                self._report.failed(path, entry.error)
            case State.PAUSED:
                console.say(f"{path}: paused. To go on: workbench jobs resume {entry.name}".rstrip())
