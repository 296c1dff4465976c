"""Blocking work on files: who goes first, how many, and what is tried again."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import fakes
from tests.fakes import Gate
from workbench import disk as module
from workbench.disk import Disk, Priority, disk, passes
from workbench.disk_errors import said_plainly
from workbench.errors import DiskFull, OutputError
from workbench.files import write_atomically

PASSING = ["EINTR", "EAGAIN", "EBUSY", "ETIMEDOUT", "ESTALE", "ETXTBSY"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.0001)


def held(work: Gate) -> Callable[[], object]:
    return partial(work, [])


async def all_of(*work: Coroutine[Any, Any, Any]) -> None:
    """Begin them in this order."""
    tasks = [asyncio.create_task(one) for one in work]
    await asyncio.gather(*tasks)


def test_what_it_gives_comes_back_and_what_it_raises_too() -> None:
    async def test() -> None:
        assert await Disk().run(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await Disk().run(lambda: 1 // 0)

    fakes.run(test)


def test_no_more_run_at_once_than_may() -> None:
    running, most, lock = 0, 0, threading.Lock()
    meeting = threading.Barrier(3)

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        meeting.wait(60)
        with lock:
            running -= 1

    async def test() -> None:
        one = Disk(at_once=3)
        await all_of(*(one.run(work) for _ in range(12)))

    fakes.run(test)
    assert most == 3


def test_of_what_waits_the_most_urgent_begins_first_and_then_the_oldest() -> None:
    done: list[str] = []

    async def test() -> None:
        one, gate = Disk(at_once=1), Gate()
        first = asyncio.create_task(one.run(held(gate)))
        await gate.entered()
        orders = [("copy", Priority.COPY), ("piece", Priority.PIECE), ("result", Priority.RESULT)]
        waiting = [
            asyncio.create_task(one.run(partial(done.append, f"{name} {number}"), priority=priority))
            for number in range(2)
            for name, priority in orders
        ]
        await asyncio.sleep(0)
        gate.open()
        await asyncio.gather(first, *waiting)

    fakes.run(test)
    assert done == ["result 0", "result 1", "piece 0", "piece 1", "copy 0", "copy 1"]


def test_a_subtitle_is_written_while_as_many_copies_run_as_may_and_more_wait() -> None:
    async def test() -> None:
        one, gates = Disk(at_once=3, copies_at_once=2), [Gate(number) for number in range(3)]
        copies = [asyncio.create_task(one.run(held(gate), priority=Priority.COPY)) for gate in gates]
        for gate in gates[:2]:
            await gate.entered()
        assert await one.run(lambda: "written") == "written"
        assert not gates[2]._entered.is_set()
        for gate in gates:
            gate.open()
        assert await asyncio.gather(*copies) == [[0], [1], [2]]

    fakes.run(test)


@pytest.mark.parametrize("priority", Priority)
def test_who_is_cancelled_while_waiting_leaves_at_once_and_takes_nobodys_turn(priority: Priority) -> None:
    async def test() -> None:
        one, gate, done = Disk(at_once=1, copies_at_once=1), Gate(), list[str]()
        first = asyncio.create_task(one.run(held(gate)))
        await gate.entered()
        waiting = asyncio.create_task(one.run(partial(done.append, "cancelled"), priority=priority))
        last = asyncio.create_task(one.run(partial(done.append, "last"), priority=priority))
        await asyncio.sleep(0)
        waiting.cancel()
        assert isinstance(await fakes.outcome(waiting), asyncio.CancelledError)
        assert not first.done()
        gate.open()
        await asyncio.gather(first, last)
        assert done == ["last"]

    fakes.run(test)


def test_who_is_cancelled_just_as_the_turn_comes_gives_it_back() -> None:
    async def test() -> None:
        one, gate = Disk(at_once=1), Gate()
        first = asyncio.create_task(one.run(held(gate)))
        await gate.entered()
        waiting = asyncio.create_task(one.run(lambda: pytest.fail("it was cancelled")))
        first.add_done_callback(lambda _: waiting.cancel())
        await asyncio.sleep(0)
        gate.open()
        await asyncio.wait([first, waiting])
        assert waiting.cancelled()
        assert await one.run(lambda: "free") == "free"

    fakes.run(test)


@pytest.mark.parametrize("cancels", [1, 3])
def test_what_runs_is_told_to_stop_and_waited_for(cancels: int) -> None:
    async def test() -> None:
        one, stop, began, ended = Disk(at_once=1), threading.Event(), threading.Event(), list[bool]()

        def copy() -> None:
            began.set()
            ended.append(stop.wait(60))
            raise OutputError("it was stopped")

        copying = asyncio.create_task(one.run(copy, priority=Priority.COPY, stop=stop))
        await asyncio.to_thread(began.wait, 60)
        for _ in range(cancels):
            copying.cancel()
            await asyncio.sleep(0)
        assert isinstance(await fakes.outcome(copying), asyncio.CancelledError)
        assert ended == [True]
        assert await one.run(lambda: "free") == "free"

    fakes.run(test)


def test_what_looks_at_no_event_is_waited_for_all_the_same() -> None:
    async def test() -> None:
        one, gate = Disk(at_once=1), Gate()
        writing = asyncio.create_task(one.run(held(gate)))
        await gate.entered()
        writing.cancel()
        await asyncio.sleep(0)
        assert not writing.done()
        gate.open()
        assert isinstance(await fakes.outcome(writing), asyncio.CancelledError)

    fakes.run(test)


class Fails:
    """Writes a file, but so many times before that there is an error of the system."""

    def __init__(self, path: Path, number: int, times: int) -> None:
        self.path, self.number, self.times, self.tries = path, number, times, 0

    def __call__(self) -> str:
        self.tries += 1
        with said_plainly(self.path):
            if self.tries <= self.times:
                raise OSError(self.number, os.strerror(self.number))
            write_atomically(self.path, b"text", overwrite=True)
        return "written"


@pytest.mark.parametrize("name", PASSING)
def test_an_error_that_passes_is_tried_again(tmp_path: Path, name: str) -> None:
    work = Fails(tmp_path / "a.srt", getattr(errno, name), times=3)
    assert fakes.run(lambda: Disk().run(work)) == "written"
    assert work.tries == 4
    assert work.path.read_bytes() == b"text"


def test_one_that_does_not_pass_in_time_is_raised_and_names_the_file(tmp_path: Path) -> None:
    work = Fails(tmp_path / "a.srt", errno.EBUSY, times=99)
    with pytest.raises(OutputError, match=r"a\.srt' cannot be written: .*busy"):
        fakes.run(lambda: Disk().run(work))
    assert work.tries == 4
    assert not work.path.exists()


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EACCES, OutputError), (errno.EIO, OutputError)]
)
def test_a_lasting_error_is_raised_at_once_and_names_the_file(
    tmp_path: Path, number: int, kind: type[OutputError]
) -> None:
    work = Fails(tmp_path / "a.srt", number, times=99)
    with pytest.raises(kind, match=r"a\.srt' cannot be written"):
        fakes.run(lambda: Disk().run(work))
    assert work.tries == 1


def test_what_cannot_be_repeated_is_tried_once(tmp_path: Path) -> None:
    work = Fails(tmp_path / "a.srt", errno.EBUSY, times=1)
    with pytest.raises(OutputError):
        fakes.run(lambda: Disk().run(work, tries=1))
    assert work.tries == 1


def test_between_two_tries_others_have_their_turn_and_it_can_be_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 60.0)

    async def test() -> None:
        one, work = Disk(at_once=1), Fails(tmp_path / "a.srt", errno.EBUSY, times=1)
        trying = asyncio.create_task(one.run(work))
        await fakes.until(lambda: work.tries == 1)
        assert await one.run(lambda: "free") == "free"
        trying.cancel()
        assert isinstance(await fakes.outcome(trying), asyncio.CancelledError)
        assert work.tries == 1

    fakes.run(test)


def test_a_file_that_another_program_has_open_on_windows_passes() -> None:
    error = PermissionError(errno.EACCES, "in use")
    assert not passes(error)
    error.winerror = 32  # type: ignore[attr-defined]
    assert passes(error)
    assert not passes(None)


def test_each_loop_has_one() -> None:
    async def mine() -> Disk:
        assert disk() is disk()
        return disk()

    assert fakes.run(mine) is not fakes.run(mine)
