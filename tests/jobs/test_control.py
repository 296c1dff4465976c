"""Jobs that are paused and cancelled from outside the queue that works on them."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests import fakes
from tests.jobs.jobs import FILE, IDENTITY
from tests.jobs.scribe import PROFILE, Scribe, scribes
from workbench.engines import Settings
from workbench.errors import JobBusy, JobRefused, UsageError
from workbench.jobs import control
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Queue
from workbench.jobs.request import Request
from workbench.jobs.store import JobInfo, JobStore
from workbench.outputs import Targets
from workbench.profiles.schema import Profile
from workbench.session import Session

HOLD = """
import sys
from pathlib import Path
from tests.jobs.jobs import IDENTITY
from workbench.jobs.store import JobStore
job = JobStore(Path(sys.argv[1])).open(sys.argv[2], IDENTITY)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"WORKBENCH_{name}_DIR", str(tmp_path / name.lower()))
    Scribe.reset()


@pytest.fixture
def store(folders: None) -> JobStore:
    return JobStore()


def made(store: JobStore, state: State = State.QUEUED) -> str:
    """The name of a job that nobody works on."""
    with store.create(IDENTITY, FILE) as job:
        name = job.name
    store.change(name, state=state)
    return name


def submit(queue: Queue, folder: Path, name: str) -> None:
    path = folder / f"{name}.wav"
    path.write_text(f"12 seconds of {name}")
    targets = Targets(path, (("srt", path.with_suffix(".srt")),))
    profile = Profile.model_validate(PROFILE)
    queue.submit(Request(targets=targets, settings=Settings(language="en"), profile=profile))


def work(test: Callable[[Queue], Awaitable[None]], **options: Any) -> None:
    async def opened() -> None:
        session = Session(Profile.model_validate(PROFILE), scribes())
        async with session, Queue(session, JobStore(), **options) as queue:
            await test(queue)

    fakes.run(opened)


async def stop(store: JobStore, name: str, state: State) -> JobInfo:
    return await asyncio.to_thread(control.stop, store, name, state)


@pytest.mark.parametrize("state", [State.PAUSED, State.CANCELLED])
def test_a_job_that_runs_is_let_go_of_in_the_state_that_was_asked_for(
    tmp_path: Path, store: JobStore, state: State
) -> None:
    async def test(queue: Queue) -> None:
        submit(queue, tmp_path, "a")
        await fakes.until(lambda: len(Scribe.written) == 1)
        stopping = asyncio.ensure_future(stop(store, queue.entries[0].name, state))
        await fakes.until(lambda: any(turn.stopped_as for turn in queue._turns.values()))
        assert not stopping.done()
        Scribe.allow(10)  # the engine has one in hand, which is waited for
        info = await stopping
        assert (info.state, info.is_held) == (state, False)
        assert queue.entries[0].state is state
        assert sorted(path.name for path in info.folder.iterdir()) == ["checkpoint.json", "lock", "segments_results"]
        queue.resume(1)
        await queue.settled()
        assert queue.entries[0].state is State.FINISHED

    Scribe.reset(1)
    work(test)


def test_a_job_that_waits_in_a_queue_is_paused_there_too(tmp_path: Path, store: JobStore) -> None:
    async def test(queue: Queue) -> None:
        submit(queue, tmp_path, "a")
        submit(queue, tmp_path, "b")
        await fakes.until(lambda: bool(queue.entries[1].name and Scribe.written))
        info = await stop(store, queue.entries[1].name, State.PAUSED)
        await fakes.until(lambda: queue.entries[1].state is State.PAUSED)
        assert info.state is State.PAUSED
        Scribe.allow(10)
        await queue.settled()
        assert [entry.state for entry in queue.entries] == [State.FINISHED, State.PAUSED]

    Scribe.reset(1)
    work(test, at_once=1)


@pytest.mark.parametrize(
    ("was", "wanted"),
    [(State.QUEUED, State.PAUSED), (State.RUNNING, State.PAUSED), (State.PAUSED, State.CANCELLED)],
)
def test_a_job_that_nobody_works_on_is_changed_on_disk(store: JobStore, was: State, wanted: State) -> None:
    assert control.stop(store, made(store, was), wanted).state is wanted


def test_what_is_over_can_be_neither_paused_nor_cancelled(store: JobStore) -> None:
    name = made(store, State.FINISHED)
    for state in (State.PAUSED, State.CANCELLED):
        with pytest.raises(UsageError, match="is finished"):
            control.stop(store, name, state)
    with pytest.raises(UsageError, match="no job"):
        control.stop(store, "nothing", State.PAUSED)


def test_a_damaged_job_is_refused(store: JobStore) -> None:
    name = made(store)
    (store.root / name / "checkpoint.json").write_text("{}")
    with pytest.raises(JobRefused):
        control.stop(store, name, State.PAUSED)


@pytest.fixture
def holder(store: JobStore) -> Any:
    """(name, process) of a job that a process holds and never lets go of."""
    name = made(store, State.RUNNING)
    words = [sys.executable, "-c", HOLD, str(store.root), name]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ.copy()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield name, process
        process.kill()


def test_who_does_not_let_go_in_time_is_told_of(store: JobStore, holder: Any) -> None:
    name, _ = holder
    with pytest.raises(JobBusy, match="still being worked on") as caught:
        control.stop(store, name, State.PAUSED, patience_s=0.1)
    assert f"workbench jobs show {name}" in caught.value.hint
    assert not (store.root / name / "pause").exists()


def test_a_job_whose_process_dies_meanwhile_is_changed_on_disk(store: JobStore, holder: Any) -> None:
    name, process = holder

    async def test() -> None:
        stopping = asyncio.ensure_future(stop(store, name, State.CANCELLED))
        await fakes.until((store.root / name / "cancel").exists)
        process.kill()
        assert (await stopping).state is State.CANCELLED

    fakes.run(test)


def test_a_request_that_was_left_behind_asks_for_nothing(tmp_path: Path, store: JobStore) -> None:
    async def leave(queue: Queue) -> None:
        submit(queue, tmp_path, "a")
        await fakes.until(lambda: len(Scribe.written) == 1)
        Scribe.allow(1)

    Scribe.reset(1)
    work(leave, left_as=State.QUEUED)
    [info] = store.jobs()
    (info.folder / "pause").write_bytes(b"")
    Scribe.allow(10)

    async def go_on(queue: Queue) -> None:
        await queue.restore()
        await queue.settled()
        assert queue.entries[0].state is State.FINISHED

    work(go_on)


def test_where_nothing_can_be_watched_jobs_are_done_all_the_same(
    tmp_path: Path, store: JobStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("the limit of watches is reached")

    async def test(queue: Queue) -> None:
        submit(queue, tmp_path, "a")
        await queue.settled()
        assert queue.entries[0].state is State.FINISHED

    monkeypatch.setattr("watchfiles.awatch", refuse)
    with caplog.at_level(logging.WARNING):
        Scribe.reset(10)
        work(test)
    assert "cannot pause or cancel" in caplog.text
