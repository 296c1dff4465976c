"""Whatever is asked of a queue, in any order and at any moment: no file is lost, and none is worked on twice."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.jobs.jobs import IDENTITY, result
from workbench import threads
from workbench.engines import Settings
from workbench.errors import UsageError
from workbench.events import Progress
from workbench.jobs import queue as module
from workbench.jobs import segments, taking
from workbench.jobs.checkpoint import State
from workbench.jobs.control import STOPPABLE
from workbench.jobs.job import Job
from workbench.jobs.queue import Entry, Queue
from workbench.jobs.request import Request
from workbench.jobs.store import JobStore
from workbench.jobs.work import Looked, status_of
from workbench.outputs import Targets
from workbench.profiles.schema import Profile

AT_ONCE = 2
PIECES = 3
PROFILES = [Profile.model_validate({"schema": 1, "name": name}) for name in ("fast", "good")]
INDICES = st.integers(0, 5)
RESUMABLE = {State.PAUSED, State.FAILED, State.CANCELLED}


class Commands(RuleBasedStateMachine):
    """Files are of three pieces of work each, which are done when a rule allows one."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(threads._threads, "start", lambda task: task()())
        self.patch.setattr(os, "fsync", lambda descriptor: None)
        self.patch.setattr(segments, "sync_data", lambda descriptor: None)
        self.patch.setattr(taking, "look", self.look)
        self.patch.setattr(module, "work", self.work)
        self.patch.setattr(module, "listen", lambda store, asked: asyncio.Event().wait())
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.loop = asyncio.new_event_loop()
        self.working: set[str] = set()
        self.pieces: Counter[tuple[str, int]] = Counter()
        self.count = 0

    @initialize()
    def open(self) -> None:
        self.allowed = asyncio.Semaphore(0)
        self.queue = Queue(None, JobStore(self.root / "jobs"), at_once=AT_ONCE)  # type: ignore[arg-type]
        self.queue.watch(self.watched)
        self.loop.run_until_complete(self.queue.__aenter__())

    async def look(self, request: Request, session: object) -> Looked:
        await asyncio.sleep(0)
        path = request.targets.path
        identity = replace(IDENTITY, content=f"{path.name} {request.profile.name}")
        await asyncio.sleep(0)
        return Looked(request, identity, float(PIECES), status_of(path))

    async def work(self, job: Job, request: Request, session: object, emit: Any, stopped_as: Any, began: Any) -> Any:
        assert job.name not in self.working
        self.working.add(job.name)
        try:
            job.save(replace(job.checkpoint, state=State.RUNNING))
            for piece in range(len(job.results), PIECES):
                await self.allowed.acquire()
                emit(Progress(position=piece + 1.0, duration=float(PIECES)))
                self.pieces[job.name, piece] += 1
                job.commit([result(2 * piece)])
        except asyncio.CancelledError:
            job.save(replace(job.checkpoint, state=stopped_as()))
            raise
        else:
            job.save(replace(job.checkpoint, state=State.FINISHED))
            return type("Result", (), {"duration": float(PIECES)})()
        finally:
            self.working.discard(job.name)
            job.close()

    def watched(self, entry: Entry) -> None:
        left = entry.left_s(time.monotonic())
        assert left is None or left >= 0.0

    def ask(
        self, command: Callable[..., None], entry: Entry, allowed: set[State] | frozenset[State], *more: Any
    ) -> None:
        """On the loop, as all that is asked; it is refused where the state does not allow it."""

        async def asked() -> None:
            (now,) = (found for found in self.queue.entries if found.number == entry.number)
            with nullcontext() if now.state in allowed else pytest.raises(UsageError):
                command(entry.number, *more)

        self.loop.run_until_complete(asked())

    @precondition(lambda self: len(self.queue.entries) < 5)
    @rule(priority=st.integers(-1, 1))
    def submit(self, priority: int) -> None:
        self.count += 1
        path = self.root / f"{self.count}.wav"
        path.touch()
        targets = Targets(path, (("srt", path.with_suffix(".srt")),))

        async def submitted() -> None:
            self.queue.submit(Request(targets=targets, settings=Settings(), profile=PROFILES[0], priority=priority))

        self.loop.run_until_complete(submitted())

    def some(self, index: int) -> Entry:
        return self.queue.entries[index % len(self.queue.entries)]

    @precondition(lambda self: self.queue.entries)
    @rule(index=INDICES)
    def pause(self, index: int) -> None:
        self.ask(self.queue.pause, self.some(index), STOPPABLE[State.PAUSED])

    @precondition(lambda self: self.queue.entries)
    @rule(index=INDICES)
    def cancel(self, index: int) -> None:
        self.ask(self.queue.cancel, self.some(index), STOPPABLE[State.CANCELLED])

    @precondition(lambda self: self.queue.entries)
    @rule(index=INDICES)
    def resume(self, index: int) -> None:
        self.ask(self.queue.resume, self.some(index), RESUMABLE)

    @precondition(lambda self: self.queue.entries)
    @rule(index=INDICES, profile=st.sampled_from(PROFILES))
    def set_profile(self, index: int, profile: Profile) -> None:
        self.ask(self.queue.set_profile, self.some(index), {State.QUEUED, *RESUMABLE}, profile)

    @precondition(lambda self: self.queue.entries)
    @rule(index=INDICES, priority=st.integers(-1, 1))
    def prioritize(self, index: int, priority: int) -> None:
        self.ask(self.queue.prioritize, self.some(index), set(State), priority)

    @precondition(lambda self: self.queue.entries)
    @rule(index=INDICES)
    def remove(self, index: int) -> None:
        self.ask(self.queue.remove, self.some(index), set(State) - {State.RUNNING})

    @rule(pieces=st.integers(1, 4))
    def allow(self, pieces: int) -> None:
        for _ in range(pieces):
            self.allowed.release()

    @rule(steps=st.integers(1, 12))
    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            self.loop.run_until_complete(asyncio.sleep(0))

    @rule()
    def leave_and_come_back(self) -> None:
        before = self.leave()
        self.open()
        found = self.loop.run_until_complete(self.queue.restore())
        for entry in found:
            name = entry.name
            assert name not in before or before[name].state is entry.state or before[name].state is State.RUNNING
        for name, entry in before.items():
            if entry.state not in (State.FINISHED, State.CANCELLED):
                assert name in {entry.name for entry in found}, "it is lost"

    def leave(self) -> dict[str, Entry]:
        """The entries by the names of their jobs, as they are then."""
        self.loop.run_until_complete(self.queue.__aexit__(None, None, None))
        assert not self.working
        entries = {entry.name: entry for entry in self.queue.entries if entry.name}
        for job in JobStore(self.root / "jobs").jobs():
            assert not job.is_held
            if (entry := entries.get(job.name)) and job.checkpoint:
                assert job.checkpoint.state is entry.state
        return entries

    @invariant()
    def nothing_is_done_twice(self) -> None:
        assert len(self.working) <= AT_ONCE
        assert max(self.pieces.values(), default=0) <= 1

    def teardown(self) -> None:
        try:
            for entry in self.queue.entries:
                if entry.state in (State.PAUSED, State.FAILED):
                    self.ask(self.queue.resume, entry, RESUMABLE)
            for _ in range(PIECES * (self.count + 1) * 2):
                self.allowed.release()
            self.loop.run_until_complete(asyncio.wait_for(self.queue.settled(), 10))
            over = {State.FINISHED, State.CANCELLED, State.PAUSED}
            assert {entry.state for entry in self.queue.entries} <= over
            self.leave()
        finally:
            with suppress(Exception):
                self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()
            self.patch.undo()
            self.folder.cleanup()


TestCommands = Commands.TestCase
TestCommands.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
