"""A queue of jobs, with engines that write as many windows as a test allows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests import fakes
from tests.jobs.scribe import PROFILE, Scribe, scribes
from workbench.engines import Settings, StageKind
from workbench.errors import OutputError
from workbench.jobs import queue as module
from workbench.jobs.checkpoint import Failure, State
from workbench.jobs.job import Job
from workbench.jobs.keeper import Keeper
from workbench.jobs.queue import Entry, Queue
from workbench.jobs.request import Request
from workbench.jobs.store import JobStore
from workbench.lock import Lock, is_held
from workbench.outputs import Targets
from workbench.profiles.schema import Profile
from workbench.session import Session


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"WORKBENCH_{name}_DIR", str(tmp_path / name.lower()))
    Scribe.reset()


@pytest.fixture
def request_of(tmp_path: Path) -> Callable[..., Request]:
    def make(name: str = "a", seconds: int = 12, **more: Any) -> Request:
        path = tmp_path / f"{name}.wav"
        path.write_text(f"{seconds} seconds of {name}")
        targets = Targets(path, (("srt", path.with_suffix(".srt")),))
        profile = Profile.model_validate(PROFILE)
        return Request(targets=targets, settings=Settings(language="en"), profile=profile, **more)

    return make


def work(test: Callable[[Queue, Session], Awaitable[None]], **options: Any) -> None:
    async def opened() -> None:
        session = Session(Profile.model_validate(PROFILE), scribes())
        async with session, Queue(session, JobStore(), **options) as queue:
            await test(queue, session)

    fakes.run(opened)


def entry(queue: Queue, number: int = 1) -> Entry:
    return next(entry for entry in queue.entries if entry.number == number)


@pytest.mark.parametrize(("left_as", "goes_on"), [(State.QUEUED, True), (State.PAUSED, False)])
def test_what_runs_when_the_queue_is_left_goes_on_in_the_next_one_if_so_wanted(
    request_of: Any, left_as: State, goes_on: bool
) -> None:
    async def leave(queue: Queue, session: Session) -> None:
        queue.submit(request_of())
        await fakes.until(lambda: len(Scribe.written) == 1)
        Scribe.allow(1)  # the engine has one in hand, which is waited for

    async def come_back(queue: Queue, session: Session) -> None:
        (found,) = await queue.restore()
        assert found.state is left_as
        Scribe.allow(10)
        if not goes_on:
            queue.resume(found.number)
        await queue.settled()
        assert entry(queue, found.number).state is State.FINISHED
        assert len(set(Scribe.written)) == 3
        assert len(Scribe.written) <= 4, "only what the engine had in hand may be done once more"

    Scribe.reset(1)
    work(leave, left_as=left_as)
    work(come_back)


def test_a_failed_job_is_restored_with_what_went_wrong(request_of: Any) -> None:
    async def fail(queue: Queue, session: Session) -> None:
        Scribe.error = ValueError("a crumb")
        queue.submit(request_of(seconds=4))
        await queue.settled()

    async def come_back(queue: Queue, session: Session) -> None:
        (found,) = await queue.restore()
        assert found.state is State.FAILED
        assert found.error is not None
        assert "a crumb" in found.error.message

    work(fail)
    work(come_back)


def test_a_bug_met_while_a_file_is_looked_into_fails_that_file_alone(
    request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_into(*_: object) -> None:
        raise ZeroDivisionError("divided by nothing")

    async def test(queue: Queue, session: Session) -> None:
        monkeypatch.setattr(Session, "look_into", look_into)
        for number in range(6):
            queue.submit(request_of(f"a{number}"))
        await queue.settled()
        assert {entry.state for entry in queue.entries} == {State.FAILED}

    work(test)


def test_a_job_that_is_paused_while_it_is_opened_can_be_resumed(
    request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, go_on = threading.Event(), threading.Event()
    take = JobStore.take

    def slowly(self: JobStore, *what: Any) -> Any:
        job = take(self, *what)
        opened.set()
        assert go_on.wait(60)
        return job

    async def test(queue: Queue, session: Session) -> None:
        monkeypatch.setattr(JobStore, "take", slowly)
        number = queue.submit(request_of()).number
        await fakes.until(opened.is_set)
        queue.pause(number)
        go_on.set()
        await queue.settled()
        assert entry(queue, number).state is State.PAUSED
        queue.resume(number)
        await queue.settled()
        assert (entry(queue, number).state, entry(queue, number).error) == (State.FINISHED, None)

    work(test)


def test_a_running_job_tells_what_works_on_it_and_keeps_its_engines_loaded(request_of: Any) -> None:
    async def test(queue: Queue, session: Session) -> None:
        number = queue.submit(request_of()).number
        await fakes.until(lambda: len(Scribe.written) == 1)
        running = queue.running(number)
        assert running is not None
        assert running.plan.recognizer is not None
        assert running.plan.recognizer.engine is Scribe
        assert running.pipeline.statistics()["windows"]["items"] >= 1
        await session.release(None)
        assert {state.kind for state in session.states} == {StageKind.VAD, StageKind.ASR}
        Scribe.allow(10)
        await queue.settled()
        assert queue.running(number) is None
        assert Scribe.made == ["small"]
        await session.release(None)
        assert session.states == ()

    Scribe.reset(1)
    work(test)


def test_what_waits_in_the_queue_of_another_process_is_left_to_it(request_of: Any) -> None:
    async def wait(queue: Queue, session: Session) -> None:
        for name in ("a", "b", "c"):
            queue.submit(request_of(name))
        await fakes.until(lambda: all(entry.name for entry in queue.entries))
        async with Queue(session, JobStore()) as other:
            assert await other.restore() == []
        names = {entry.name for entry in queue.entries[1:]}
        assert {info.name for info in JobStore().jobs() if info.is_waiting} == names
        Scribe.allow(1)

    async def come_back(queue: Queue, session: Session) -> None:
        assert len(await queue.restore()) == 3
        Scribe.allow(9)
        await queue.settled()
        assert {entry.state for entry in queue.entries} == {State.FINISHED}

    Scribe.reset(0)
    work(wait, at_once=1, left_as=State.QUEUED)
    work(come_back)


@pytest.mark.parametrize("at_once", [1, 4])
def test_what_is_asked_of_a_file_right_after_it_is_put_in_is_done(request_of: Any, at_once: int) -> None:
    async def test(queue: Queue, session: Session) -> None:
        paused, removed, left = (queue.submit(request_of(name)).number for name in "abc")
        queue.pause(paused)
        queue.remove(removed)
        await queue.settled()
        states = {entry.number: entry.state for entry in queue.entries}
        assert states == {paused: State.PAUSED, left: State.FINISHED}

    work(test, at_once=at_once)


def test_so_many_files_are_worked_on_at_once_as_the_profile_of_the_session_says_at_that_time(request_of: Any) -> None:
    async def test(queue: Queue, session: Session) -> None:
        most = 0

        def count(_: Entry) -> None:
            nonlocal most
            most = max(most, sum(entry.state is State.RUNNING for entry in queue.entries))

        queue.watch(count)
        for files in (3, 1, 2):
            session.adopt(Profile.model_validate(PROFILE | {"jobs": {"files_at_once": files}}))
            for number in range(4):
                queue.submit(request_of(f"{files}-{number}", seconds=4))
            await queue.settled()
            assert most == files
            most = 0
        assert {entry.state for entry in queue.entries} == {State.FINISHED}

    work(test)


def test_a_file_whose_job_another_program_has_is_said_to_be_elsewhere_and_stays_as_it_is_there(request_of: Any) -> None:
    async def begin(queue: Queue, session: Session) -> None:
        queue.submit(request_of())
        await fakes.until(lambda: len(Scribe.written) == 1)
        async with Queue(session, JobStore()) as other:
            other.submit(request_of())
            await other.settled()
            assert entry(other).is_elsewhere
            assert not entry(queue).is_elsewhere
        (info,) = JobStore().jobs()
        assert info.checkpoint is not None
        assert (info.state, info.checkpoint.failures) == (State.RUNNING, ())
        Scribe.allow(9)
        await queue.settled()
        assert entry(queue).state is State.FINISHED

    Scribe.reset(1)
    work(begin)


def test_a_file_that_is_done_again_is_known_to_be_stored(request_of: Any) -> None:
    async def test(queue: Queue, session: Session) -> None:
        once = request_of()
        queue.submit(once)
        await queue.settled()
        again = queue.submit(replace(once, targets=replace(once.targets, overwrite=True))).number
        await queue.settled()
        assert [e.is_stored for e in queue.entries] == [False, True]
        assert entry(queue, again).state is State.FINISHED
        assert len(Scribe.written) == 3

    work(test)


@pytest.mark.parametrize("failed_with", ["job-refused", "disk-full"])
def test_a_job_that_somebody_paused_shows_no_error_of_before(request_of: Any, failed_with: str) -> None:
    async def begin(queue: Queue, session: Session) -> None:
        queue.submit(request_of())
        await fakes.until(lambda: len(Scribe.written) == 1)
        queue.pause(1)
        Scribe.allow(1)
        await queue.settled()
        store, name = JobStore(), entry(queue).name
        failure = Failure(at=datetime.now().astimezone(), item=None, is_temporary=True, code=failed_with, message="no")
        store.change(name, failures=(failure,), state=State.PAUSED)
        stopped = store.jobs()[0].checkpoint
        assert stopped is not None
        assert stopped.stopped_by == (failure if failed_with == "disk-full" else None)
        queue.resume(1)
        await fakes.until(lambda: len(Scribe.written) == 2 and queue.running(1) is not None)
        queue.pause(1)
        Scribe.allow(9)
        await queue.settled()
        (info,) = store.jobs()
        assert info.checkpoint is not None
        assert (info.state, info.checkpoint.stopped_by) == (State.PAUSED, None)

    Scribe.reset(1)
    work(begin)


def test_what_was_asked_is_on_disk_when_the_queue_is_left_by_a_cancellation_while_a_job_is_looked_into(
    request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, go_on = threading.Event(), threading.Event()
    look_into = Session.look_into

    def slowly(self: Session, *what: Any) -> Any:
        looking.set()
        assert go_on.wait(60)
        return look_into(self, *what)

    async def begin(queue: Queue, session: Session) -> None:
        for name in "ab":
            queue.submit(request_of(name))
        await fakes.until(lambda: len(Scribe.written) == 2)
        Scribe.allow(2)

    async def leave(queue: Queue, session: Session) -> None:
        going, waiting = await queue.restore()
        monkeypatch.setattr(Session, "look_into", slowly)
        queue.resume(going.number)
        await fakes.until(looking.is_set)
        queue.cancel(waiting.number)
        go_on.set()
        raise asyncio.CancelledError

    Scribe.reset(2)
    work(begin)
    with pytest.raises(asyncio.CancelledError):
        work(leave)
    states = {info.checkpoint.path.stem: info.state for info in JobStore().jobs() if info.checkpoint}
    assert states == {"a": State.PAUSED, "b": State.CANCELLED}


def test_a_finished_job_that_does_not_say_what_was_made_is_done_with_what_is_stored(request_of: Any) -> None:
    async def test(queue: Queue, session: Session) -> None:
        queue.submit(request_of(seconds=4))
        await queue.settled()
        store = JobStore()
        with store.open(entry(queue).name, store.jobs()[0].checkpoint.identity) as job:  # type: ignore[union-attr]
            job.save(replace(job.checkpoint, request={}))
        queue.submit(request_of(seconds=4))
        await queue.settled()
        assert (entry(queue, 2).state, entry(queue, 2).error) == (State.FINISHED, None)
        assert len(Scribe.written) == 1

    work(test)


def test_a_job_is_free_for_others_when_it_fails_before_its_work_begins(
    request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_done(*_: object) -> bool:
        raise ZeroDivisionError("divided by nothing")

    async def test(queue: Queue, session: Session) -> None:
        monkeypatch.setattr(module, "is_done", is_done)
        queue.submit(request_of(seconds=4))
        await queue.settled()
        assert entry(queue).state is State.FAILED
        assert not JobStore().jobs()[0].is_held

    work(test)


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_file_that_is_put_in_again_while_it_stops_goes_on_when_it_has_stopped(request_of: Any, at_once: int) -> None:
    async def test(queue: Queue, session: Session) -> None:
        number = queue.submit(request_of()).number
        await fakes.until(lambda: len(Scribe.written) == 1)
        queue.cancel(number)  # the engine has one in hand, which is waited for
        again = queue.submit(queue.entries[0].request).number
        Scribe.allow(10)
        await queue.settled()
        assert [entry(queue, one).state for one in (number, again)] == [State.CANCELLED, State.FINISHED]
        assert entry(queue, again).error is None

    Scribe.reset(1)
    work(test, at_once=at_once)


def test_a_file_that_is_gone_when_its_job_goes_on_fails_with_the_reason_on_disk(request_of: Any) -> None:
    async def begin(queue: Queue, session: Session) -> None:
        queue.submit(request_of())
        await fakes.until(lambda: len(Scribe.written) == 1)
        Scribe.allow(1)

    async def come_back(queue: Queue, session: Session) -> None:
        (found,) = await queue.restore()
        found.request.targets.path.unlink()
        queue.prioritize(found.number, 7)
        queue.resume(found.number)
        await queue.settled()
        assert entry(queue, found.number).state is State.FAILED

    Scribe.reset(1)
    work(begin)
    work(come_back)
    (job,) = JobStore().jobs()
    assert job.checkpoint is not None
    assert job.checkpoint.state is State.FAILED
    assert job.checkpoint.failures[-1].code in ("input", "usage")
    assert job.checkpoint.request["priority"] == 7


@pytest.mark.parametrize("stops", ["before it is written", "while it is written"])
def test_a_job_that_is_cancelled_is_that_and_tells_what_could_not_be_written(
    request_of: Any, monkeypatch: pytest.MonkeyPatch, stops: str
) -> None:
    kept, writing, go_on = threading.Event(), threading.Event(), threading.Event()
    keep = Keeper.keep

    def watched(self: Keeper, *what: Any) -> None:
        keep(self, *what)
        kept.set()

    async def at_the_end(self: Keeper) -> None:
        await asyncio.Event().wait()

    def commit(self: Job, results: object) -> None:
        writing.set()
        assert go_on.wait(60)
        raise OutputError("the disk is worn out", hint="Get another one.")

    async def test(queue: Queue, session: Session) -> None:
        is_at_its_end = stops == "while it is written"
        number = queue.submit(request_of(seconds=4 if is_at_its_end else 8)).number
        await fakes.until(writing.is_set if is_at_its_end else kept.is_set)
        queue.cancel(number)
        Scribe.allow(1)  # the engine may have one in hand, which is waited for
        go_on.set()
        await queue.settled()
        assert entry(queue, number).state is State.CANCELLED
        checkpoint = JobStore().jobs()[0].checkpoint
        assert checkpoint is not None
        assert checkpoint.state is State.CANCELLED
        assert [failure.message for failure in checkpoint.failures] == ["the disk is worn out"]

    monkeypatch.setattr(Keeper, "keep", watched)
    monkeypatch.setattr(Keeper, "write", at_the_end)
    monkeypatch.setattr(Job, "commit", commit)
    Scribe.reset(1)
    work(test)


def test_a_file_that_is_refused_before_its_work_begins_leaves_no_job_and_can_be_tried_again(
    request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Scribe, options: Any) -> None:
        raise RuntimeError("no such file: weights")

    async def test(queue: Queue, session: Session) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Scribe, "__init__", broken)
            for name in "abc":
                queue.submit(request_of(name))
            await queue.settled()
        assert [(one.state, one.name) for one in queue.entries] == [(State.FAILED, "")] * 3
        queue.resume(1)
        await queue.settled()
        assert entry(queue).state is State.FINISHED

    work(test, at_once=1, keeps_refused=False)
    assert [info.name[:2] for info in JobStore().jobs()] == ["20"]


def test_a_file_that_is_gone_when_its_turn_comes_leaves_no_job(request_of: Any) -> None:
    async def test(queue: Queue, session: Session) -> None:
        for name in "ab":
            queue.submit(request_of(name, seconds=4))
        await fakes.until(lambda: bool(entry(queue, 2).name))
        entry(queue, 2).request.targets.path.unlink()
        Scribe.allow(1)
        await queue.settled()
        assert [one.state for one in queue.entries] == [State.FINISHED, State.FAILED]

    Scribe.reset(0)
    work(test, at_once=1, keeps_refused=False)
    assert [info.state for info in JobStore().jobs()] == [State.FINISHED]


def test_a_job_that_was_there_before_stays_when_it_is_refused(request_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Scribe, options: Any) -> None:
        raise RuntimeError("no such file: weights")

    async def come_back(queue: Queue, session: Session) -> None:
        for found in await queue.restore():
            queue.resume(found.number)
        await queue.settled()
        assert entry(queue).state is State.FAILED

    async def begin(queue: Queue, session: Session) -> None:
        queue.submit(request_of())
        await fakes.until(lambda: len(Scribe.written) == 1)
        Scribe.allow(1)

    Scribe.reset(1)
    work(begin)
    monkeypatch.setattr(Scribe, "__init__", broken)
    work(come_back, keeps_refused=False)
    assert [info.state for info in JobStore().jobs()] == [State.FAILED]


def test_a_queue_that_is_cancelled_while_it_is_opened_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, go_on, locks = threading.Event(), threading.Event(), list[Lock]()
    lock = JobStore.queue

    def slowly(self: JobStore) -> Lock:
        locks.append(lock(self))
        opened.set()
        assert go_on.wait(60)
        return locks[0]

    async def test() -> None:
        async with Session(Profile.model_validate(PROFILE), scribes()) as session:
            task = asyncio.create_task(Queue(session, JobStore()).__aenter__())
            await fakes.until(opened.is_set)
            task.cancel()
            go_on.set()
            assert isinstance(await fakes.outcome(task), asyncio.CancelledError)

    monkeypatch.setattr(JobStore, "queue", slowly)
    fakes.run(test)
    assert not is_held(locks[0].path)
