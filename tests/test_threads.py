"""Worker threads, and awaiting them."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
from typing import Any

import pytest

from tests import fakes
from tests.fakes import Gate
from workbench.threads import Outcome, acquire, submit, to_thread, uninterrupted


def test_a_value_and_an_exception_come_back_from_the_thread() -> None:
    async def test() -> None:
        assert await to_thread(divmod, 7, 2) == (3, 1)
        assert await to_thread(lambda: threading.current_thread()) is not threading.main_thread()
        with pytest.raises(ZeroDivisionError):
            await to_thread(divmod, 7, 0)

    fakes.run(test)


@pytest.mark.parametrize("error", [SystemExit(2), StopIteration(1), asyncio.CancelledError(), GeneratorExit()])
def test_an_exception_that_would_upset_the_loop_comes_back_as_a_runtime_error(error: BaseException) -> None:
    def raising() -> None:
        raise error

    async def test() -> None:
        with pytest.raises(RuntimeError, match=f"{type(error).__name__} in a worker thread") as caught:
            await to_thread(raising)
        assert caught.value.__cause__ is error

    fakes.run(test)


def test_context_variables_reach_the_thread() -> None:
    name = contextvars.ContextVar[str]("name")

    async def test() -> None:
        name.set("outer")
        assert await to_thread(name.get) == "outer"

    fakes.run(test)


@pytest.mark.parametrize("cancels", [1, 3])
def test_a_cancelled_caller_waits_for_its_thread(cancels: int) -> None:
    async def test() -> None:
        gate = Gate()
        task = asyncio.create_task(to_thread(gate, []))
        await gate.entered()
        for _ in range(cancels):
            task.cancel()
            await asyncio.sleep(0)
        assert not task.done()
        gate.open()
        assert isinstance(await fakes.outcome(task), asyncio.CancelledError)

    fakes.run(test)


def test_a_timeout_is_raised_after_the_thread_returned() -> None:
    async def test() -> None:
        gate = Gate("value")
        asyncio.get_running_loop().call_later(0.02, gate.open)
        state: list[Any] = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await to_thread(gate, state)
        assert state == ["value"]

    fakes.run(test)


def test_there_is_always_one_more_thread() -> None:
    async def test() -> None:
        gates = [Gate(n) for n in range(40)]
        tasks = [asyncio.create_task(to_thread(gate, [])) for gate in gates]
        for gate in gates:
            await gate.entered()
        assert await to_thread(lambda: "free") == "free"
        for gate in gates:
            gate.open()
        assert await asyncio.gather(*tasks) == [[n] for n in range(40)]

    fakes.run(test)


def test_idle_threads_are_used_again() -> None:
    async def test() -> None:
        await to_thread(int)
        before = threading.active_count()
        for _ in range(50):
            await to_thread(int)
        assert threading.active_count() <= before + 1

    fakes.run(test)


def test_an_outcome_nobody_waits_for_any_more_disturbs_nobody() -> None:
    gate = Gate()
    received: list[Outcome[Any]] = []

    async def leave() -> None:
        submit(asyncio.get_running_loop(), lambda: gate([]), received.append)
        await gate.entered()

    fakes.run(leave)
    gate.open()

    async def test() -> None:
        assert await to_thread(lambda: 1) == 1

    fakes.run(test)
    assert received == []


def test_a_thread_that_hangs_does_not_keep_the_program_from_ending() -> None:
    program = (
        "import asyncio, threading\n"
        "from workbench.threads import submit\n"
        "async def main():\n"
        "    submit(asyncio.get_running_loop(), threading.Event().wait, print)\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_what_is_acquired_while_its_caller_is_cancelled_is_let_go_of() -> None:
    let_go = list[int]()

    async def test() -> None:
        assert await acquire(lambda: 1, let_go.append) == 1
        gate = fakes.Gate(2)
        task = asyncio.create_task(acquire(lambda: gate([]), lambda values: let_go.extend(values)))
        await gate.entered()
        task.cancel()
        gate.open()
        assert isinstance(await fakes.outcome(task), asyncio.CancelledError)

    fakes.run(test)
    assert let_go == [2]


def test_uninterrupted_gives_what_its_future_gives() -> None:
    async def test() -> None:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, 5)
        assert await uninterrupted(future) == 5
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(KeyError("x"))
        with pytest.raises(KeyError):
            await uninterrupted(failed)
        cancelled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await uninterrupted(cancelled)

    fakes.run(test)


def test_what_is_uninterrupted_runs_to_its_end_although_cancelled() -> None:
    async def test() -> None:
        goes_on, steps = asyncio.Event(), list[str]()

        async def work() -> None:
            steps.append("begun")
            await goes_on.wait()
            steps.append("ended")

        task = asyncio.create_task(uninterrupted(asyncio.ensure_future(work())))
        await fakes.until(lambda: bool(steps))
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        goes_on.set()
        assert isinstance(await fakes.outcome(task), asyncio.CancelledError)
        assert steps == ["begun", "ended"]

    fakes.run(test)


def test_what_failed_when_it_was_to_be_cancelled_is_the_cause_of_the_cancellation() -> None:
    async def test() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(uninterrupted(future))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        future.set_exception(error := OSError("worn out"))
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert caught.value.__cause__ is error

    fakes.run(test)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is the whole process's")
@pytest.mark.parametrize("began", [0, 5])
def test_worker_threads_stand_back_where_the_loop_is_favoured(began: int) -> None:
    program = (
        "import asyncio, os, threading\n"
        f"os.nice({began})\n"
        "from workbench.threads import favour_the_loop, to_thread\n"
        "def niceness(): return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())\n"
        "async def main():\n"
        "    own, before = niceness(), await to_thread(niceness)\n"
        "    favour_the_loop(3)\n"
        "    started = asyncio.gather(*(to_thread(niceness) for _ in range(2)))\n"
        "    print(before - own, max(await started) - own, niceness() - own)\n"
        "asyncio.run(main())\n"
    )
    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert result.stdout.split() == ["0", "3", "0"]
