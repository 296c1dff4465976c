"""Loading, replacing what broke, growing, shrinking, swapping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest

from tests import fakes
from tests.fakes import Doing, DoingAtOnce, DoingBatches, Gate, Loads, OtherDoing, Steps, fail, give
from workbench.engines import Settings
from workbench.errors import EngineError, MissingError, PoolBusy, PoolClosed
from workbench.pool import Pool, fleet
from workbench.pool.memory import Memory


def refuse(*numbers: int, error: BaseException | None = None) -> Callable[[int], None]:
    """Make the loads with these numbers, from 1, fail."""

    def before(count: int) -> None:
        if count in numbers:
            raise error or EngineError(f"load {count} failed")

    return before


# loading


def test_a_pool_loads_its_minimum_once() -> None:
    async def test() -> None:
        loads = Loads()
        async with Pool(loads, minimum=3) as pool:
            await asyncio.gather(pool.start(), pool.start())
            assert len(loads.engines) == pool.statistics().instances == 3
        assert loads.all_closed_once

    fakes.run(test)


@pytest.mark.parametrize("error", [MissingError("no such model"), SystemExit(1), KeyError("x")])
def test_a_failure_at_start_is_raised_and_what_was_loaded_is_closed(error: BaseException) -> None:
    async def test() -> None:
        loads = Loads(before=refuse(2, error=error))
        expected = type(error) if isinstance(error, Exception) else RuntimeError
        with pytest.raises(expected):
            async with Pool(loads, minimum=2):
                raise AssertionError("it did not start")
        assert loads.closes == [1]

    fakes.run(test)


def test_a_start_that_failed_can_be_tried_again() -> None:
    async def test() -> None:
        pool = Pool(Loads(before=refuse(1)))
        with pytest.raises(EngineError, match="load 1 failed"):
            await pool.start()
        async with pool, pool.open() as stage:
            assert await stage.process(give(1)) == [1]

    fakes.run(test)


def test_a_cancelled_start_closes_what_it_was_loading() -> None:
    async def test() -> None:
        gate = Gate()
        loads = Loads(before=lambda count: gate([]))

        async def use() -> None:
            async with Pool(loads):
                raise AssertionError("cancelled before")

        task = asyncio.create_task(use())
        await gate.entered()
        task.cancel()
        await asyncio.sleep(0)
        gate.open()
        assert isinstance(await fakes.outcome(task), asyncio.CancelledError)
        assert loads.closes == [1]

    fakes.run(test)


def test_an_engine_that_cannot_be_closed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Stuck(Doing):
        def close(self) -> None:
            super().close()
            raise SystemExit("no")

    async def test() -> None:
        loads = Loads(Stuck)
        async with Pool(loads, minimum=2):
            pass
        assert loads.all_closed_once

    fakes.run(test)
    assert "doing did not close well" in caplog.text


# replacing


@pytest.mark.parametrize("engine", [Doing, DoingAtOnce, DoingBatches])
def test_a_broken_instance_is_replaced_and_its_work_done_again(engine: type[Any]) -> None:
    async def test() -> None:
        loads = Loads(engine)
        async with Pool(loads) as pool:
            deeds = [fail(EngineError("out of memory"), times=1), *(give(n) for n in range(5))]
            outputs = await asyncio.gather(*(pool.open().process(deed) for deed in deeds))
            assert outputs == [["recovered"], *([n] for n in range(5))]
            assert (pool.statistics().replaced, pool.statistics().failed) == (1, 0)
            await fakes.until(lambda: loads.closes == [1, 0])
        assert loads.all_closed_once

    fakes.run(test)


def test_an_item_that_breaks_every_engine_fails_alone() -> None:
    async def test() -> None:
        loads = Loads(DoingBatches)
        async with Pool(loads) as pool:
            deeds = [fail(EngineError("poison")), *(give(n) for n in range(5))]
            work = (pool.open().process(deed) for deed in deeds)
            poisoned, *others = await asyncio.gather(*work, return_exceptions=True)
            assert isinstance(poisoned, EngineError)
            assert others == [[n] for n in range(5)]
            assert pool.statistics().replaced == 2
        assert loads.all_closed_once

    fakes.run(test)


def test_the_memory_of_a_broken_engine_is_free_before_another_is_loaded() -> None:
    async def test() -> None:
        closed_before: list[list[int]] = []
        loads = Loads(before=lambda count: closed_before.append(loads.closes))
        async with Pool(loads) as pool, pool.open() as stage:
            assert await stage.process(fail(EngineError("broken"), times=1)) == ["recovered"]
        assert closed_before == [[], [1]]

    fakes.run(test)


def test_what_runs_beside_a_broken_call_ends_before_the_engine_is_closed() -> None:
    async def test() -> None:
        gate, loads = Gate("unharmed"), Loads(partial(Doing, concurrency=2))
        async with Pool(loads) as pool:
            beside = asyncio.create_task(pool.open().process(gate))
            await gate.entered()
            assert await pool.open().process(fail(EngineError("broken"), times=1)) == ["recovered"]
            assert loads.closes == [0, 0]
            gate.open()
            assert await beside == ["unharmed"]
            await fakes.until(lambda: loads.closes == [1, 0])

    fakes.run(test)


def test_a_pool_breaks_after_so_many_failures_in_a_row() -> None:
    async def test() -> None:
        loads = Loads()
        async with Pool(loads, max_replacements=3) as pool, pool.open() as stage:
            for _ in range(3):  # twice each
                with pytest.raises(EngineError):
                    await stage.process(fail(EngineError("bad driver")))
                if pool.broken is None:
                    waiting = asyncio.create_task(pool.open().process(fail(EngineError("bad driver"))))
            with pytest.raises(EngineError, match="doing broke 4 times in a row"):
                await stage.process(give(1))
            assert isinstance(await fakes.outcome(waiting), EngineError)
            assert len(loads.engines) == 4
        assert loads.all_closed_once

    fakes.run(test)


def test_work_that_succeeds_in_between_keeps_the_pool_from_breaking() -> None:
    async def test() -> None:
        async with Pool(Doing, max_replacements=1) as pool, pool.open() as stage:
            for n in range(5):
                assert await stage.process(fail(EngineError("now and then"), times=1)) == ["recovered"]
                assert await stage.process(give(n)) == [n]
            assert pool.statistics().replaced == 5

    fakes.run(test)


def test_a_pool_whose_only_engine_cannot_be_replaced_breaks() -> None:
    async def test() -> None:
        loads = Loads(before=refuse(2))
        async with Pool(loads) as pool, pool.open() as stage:
            with pytest.raises(EngineError, match="no engine could be loaded") as caught:
                await stage.process(fail(EngineError("broken"), times=1))
            assert str(caught.value.__cause__) == "load 2 failed"
        assert loads.closes == [1]

    fakes.run(test)


def test_a_pool_with_another_engine_goes_on_when_one_cannot_be_replaced() -> None:
    async def test() -> None:
        async with Pool(Loads(before=refuse(3)), minimum=2) as pool, pool.open() as stage:
            assert await stage.process(fail(EngineError("broken"), times=1)) == ["recovered"]
            await fakes.until(lambda: pool.statistics().instances == 1)
            assert await stage.process(give(1)) == [1]

    fakes.run(test)


def test_a_broken_pool_works_again_after_a_swap() -> None:
    async def test() -> None:
        loads = Loads()
        async with Pool(loads, max_replacements=0) as pool, pool.open() as stage:
            with pytest.raises(EngineError):
                await stage.process(fail(EngineError("broken")))
            await pool.swap(loads)
            assert await stage.process(give("well")) == ["well"]
        assert loads.all_closed_once

    fakes.run(test)


def test_a_retried_call_does_not_count_as_one_that_waited_too_long() -> None:
    async def test() -> None:
        gate, loading = Gate(), Gate()
        loads = Loads(before=lambda count: count == 2 and loading([]))
        async with Pool(loads, acquire_timeout_s=0.02) as pool, pool.open() as stage:

            def break_once(state: Any) -> list[str]:
                if not gate._opened.is_set():
                    gate.open()
                    raise EngineError("broken")
                return ["recovered"]

            retried = asyncio.create_task(stage.process(break_once))
            await loading.entered()
            with pytest.raises(PoolBusy):
                await pool.open().process(give(1))
            loading.open()
            assert await retried == ["recovered"]

    fakes.run(test)


# growing and shrinking


def test_a_pool_grows_when_work_waits_and_shrinks_when_it_is_idle() -> None:
    async def test() -> None:
        gates, loads = [Gate(n) for n in range(3)], Loads()
        async with Pool(loads, maximum=2, grow_after_s=0.01, idle_s=0.02) as pool:
            tasks = [asyncio.create_task(pool.open().process(gate)) for gate in gates]
            await gates[0].entered()
            await gates[1].entered()
            assert pool.statistics().instances == 2
            for gate in gates:
                gate.open()
            assert await asyncio.gather(*tasks) == [[0], [1], [2]]
            await fakes.until(lambda: sum(loads.closes) == 1)
            assert pool.statistics().instances == 1
            assert await pool.open().process(give("still there")) == ["still there"]
        assert loads.all_closed_once
        assert len(loads.engines) == 2

    fakes.run(test)


class Machine:
    """Its engines take 2000 MB each, in RAM or on its GPU."""

    def __init__(self, free_mb: int, gpu_free_mb: int | None = None) -> None:
        self.free_mb = free_mb
        self.gpu_free_mb = gpu_free_mb
        self.looks = 0

    def load(self, count: int) -> None:
        if self.gpu_free_mb is None:
            self.free_mb -= 2000
        else:
            self.gpu_free_mb -= 2000

    def __call__(self) -> Memory:
        self.looks += 1
        gpus = () if self.gpu_free_mb is None else (self.gpu_free_mb,)
        total = (10_000,) * len(gpus)
        return Memory(
            held_mb=10_000 - self.free_mb,
            free_mb=self.free_mb,
            total_mb=10_000,
            gpus_free_mb=gpus,
            gpus_total_mb=total,
        )


@pytest.mark.parametrize(
    ("free_mb", "gpu_free_mb", "lacking"),
    [
        (4900, None, "it takes about 2000 MB, and 1900 MB of memory may be taken"),
        (5100, None, ""),
        (2000, 4900, "it takes about 2000 MB, and 1900 MB of the GPU's memory may be taken"),
        (2000, 5100, ""),
    ],
)
def test_a_pool_grows_only_where_another_engine_fits_into_memory(
    free_mb: int, gpu_free_mb: int | None, lacking: str, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Machine(free_mb, gpu_free_mb)

    async def test() -> None:
        gates, loads = [Gate(n) for n in range(2)], Loads(before=machine.load)
        async with Pool(loads, maximum=2, grow_after_s=0.01, memory=machine) as pool:
            tasks = [asyncio.create_task(pool.open().process(gate)) for gate in gates]
            await gates[0].entered()
            if lacking:
                await fakes.until(lambda: "no further doing is loaded" in caplog.text)
            else:
                await gates[1].entered()
            for gate in gates:
                gate.open()
            await asyncio.gather(*tasks)
        assert len(loads.engines) == (1 if lacking else 2)
        assert loads.all_closed_once

    fakes.run(test)
    assert [record.message for record in caplog.records] == (
        [f"no further doing is loaded: {lacking}"] if lacking else []
    )


def test_what_is_known_of_the_weights_counts_where_less_was_measured() -> None:
    async def test() -> None:
        gate, machine, loads = Gate(), Machine(2500), Loads()
        async with Pool(loads, maximum=2, grow_after_s=0.01, memory=machine, memory_mb=1600) as pool:
            running, waiting = (asyncio.create_task(pool.open().process(deed)) for deed in (gate, give(1)))
            await gate.entered()
            await fakes.until(lambda: machine.looks == 3)
            gate.open()
            await asyncio.gather(running, waiting)
        assert len(loads.engines) == 1

    fakes.run(test)


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_pool_whose_memory_cannot_be_measured_works_with_the_engines_it_has(
    failing: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the load, after it, or where another one is wanted."""

    async def test() -> None:
        gate, machine, loads = Gate("done"), Machine(9000), Loads()

        def fails_from() -> Memory:
            memory = machine()
            if machine.looks >= failing:
                raise OSError("no /proc")
            return memory

        async with Pool(loads, maximum=2, grow_after_s=0.01, memory=fails_from) as pool:
            running, waiting = (asyncio.create_task(pool.open().process(deed)) for deed in (gate, give(1)))
            await gate.entered()
            await fakes.until(lambda: machine.looks == 3)
            gate.open()
            assert await running == ["done"]
            assert await waiting == [1]
        assert len(loads.engines) == 1
        assert loads.all_closed_once

    fakes.run(test)
    assert "how much memory is free cannot be told" in caplog.text


def test_where_it_did_not_fit_is_said_once_until_it_does(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "RETRY_S", 0.0)

    async def test() -> None:
        machine = Machine(4000)
        gates, loads = [Gate(n) for n in range(2)], Loads(before=machine.load)
        async with Pool(loads, maximum=2, grow_after_s=0.01, memory=machine) as pool:
            tasks = [asyncio.create_task(pool.open().process(gate)) for gate in gates]
            await gates[0].entered()
            await fakes.until(lambda: machine.looks > 5)
            machine.free_mb = 9000
            await gates[1].entered()
            for gate in gates:
                gate.open()
            await asyncio.gather(*tasks)

    fakes.run(test)
    assert len(caplog.records) == 1


def test_when_memory_gets_short_an_engine_that_is_not_needed_is_closed_when_its_work_is_done(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "LOOK_S", 0.0)

    async def test() -> None:
        machine = Machine(9000)
        gates, loads = [Gate(n) for n in range(3)], Loads(before=machine.load)
        async with Pool(loads, maximum=2, grow_after_s=0.01, memory=machine) as pool:
            tasks = [asyncio.create_task(pool.open().process(gate)) for gate in gates]
            await gates[0].entered()
            await gates[1].entered()
            machine.free_mb = 900
            await fakes.until(lambda: "memory is short: one doing less is kept" in caplog.text)
            assert loads.closes == [0, 0]
            for gate in gates:
                gate.open()
            assert await asyncio.gather(*tasks) == [[0], [1], [2]]
            await fakes.until(lambda: sum(loads.closes) == 1)
            assert pool.statistics().instances == 1
        assert loads.all_closed_once

    fakes.run(test)


def test_of_as_many_engines_as_there_must_be_none_is_closed_and_memory_is_not_looked_at() -> None:
    async def test() -> None:
        machine, loads = Machine(0), Loads()
        async with Pool(loads, minimum=2, memory=machine, grow_after_s=0.01) as pool:
            assert await pool.open().process(give(1)) == [1]
            assert pool.statistics().instances == 2
        assert machine.looks == 0

    fakes.run(test)


def test_a_pool_that_closes_while_it_looks_at_memory_loads_nothing_more() -> None:
    async def test() -> None:
        look, work = Gate(), Gate()
        machine, loads = Machine(9000), Loads()

        def slow() -> Memory:
            if machine.looks == 2:
                look([])
            return machine()

        async with Pool(loads, maximum=2, grow_after_s=0.01, memory=slow) as pool:
            tasks = [asyncio.create_task(pool.open().process(deed)) for deed in (work, give(1))]
            await look.entered()
            closing = asyncio.create_task(pool.close())
            await asyncio.sleep(0)
            look.open()
            work.open()
            await closing
            await asyncio.gather(*tasks, return_exceptions=True)
        assert len(loads.engines) == 1
        assert loads.all_closed_once

    fakes.run(test)


async def time_to_grow() -> None:
    """Return when another pool, which waits three times as long before it grows, has grown."""
    gate, loads = Gate(), Loads()
    async with Pool(loads, maximum=2, grow_after_s=0.03) as pool:
        tasks = [asyncio.create_task(pool.open().process(deed)) for deed in (gate, give(1))]
        await fakes.until(lambda: len(loads.engines) == 2)
        gate.open()
        await asyncio.gather(*tasks)


def test_a_pool_does_not_grow_for_work_that_waits_only_for_its_own_stream() -> None:
    async def test() -> None:
        gate, loads = Gate(), Loads()
        async with Pool(loads, maximum=2, grow_after_s=0.01) as pool, pool.open() as stage:
            running, waiting = (asyncio.create_task(stage.process(deed)) for deed in (gate, give(1)))
            await gate.entered()
            await time_to_grow()
            assert len(loads.engines) == 1
            gate.open()
            await asyncio.gather(running, waiting)

    fakes.run(test)


def test_a_growth_that_fails_is_not_tried_again_and_again() -> None:
    async def test() -> None:
        gate, loads = Gate(), Loads(before=refuse(2, 3, 4))
        async with Pool(loads, maximum=2, grow_after_s=0.01) as pool:
            running, waiting = (asyncio.create_task(pool.open().process(deed)) for deed in (gate, give(1)))
            await fakes.until(lambda: loads._count == 2)
            await time_to_grow()
            assert loads._count == 2
            gate.open()
            await asyncio.gather(running, waiting)

    fakes.run(test)


# swapping


def test_a_swap_to_the_same_class_keeps_the_states() -> None:
    async def test() -> None:
        loads = Loads()
        async with Pool(loads) as pool, pool.open() as stage:
            await stage.process(give("before"))
            await pool.swap(loads)
            await stage.process(give("after"))
            assert await stage.flush() == [("held back", ["before", "after"])]
            assert loads.closes == [1, 0]
        assert loads.all_closed_once

    fakes.run(test)


def test_a_swap_to_another_class_first_hands_over_what_was_held_back() -> None:
    async def test() -> None:
        loads, others = Loads(), Loads(OtherDoing)
        async with Pool(loads) as pool, pool.open() as stage, pool.open() as unused:
            await stage.process(give("before"))
            await pool.swap(others)
            assert await stage.process(give("after")) == [("held back", ["before"]), "after"]
            assert await stage.flush() == [("held back", ["after"])]
            assert loads.engines[0].released == [["before"]]
            assert await unused.flush() == []
        assert others.engines[0].released == [[], ["after"]] or others.engines[0].released == [["after"], []]
        assert loads.all_closed_once
        assert others.all_closed_once

    fakes.run(test)


def test_work_that_runs_during_a_swap_ends_where_it_is() -> None:
    async def test() -> None:
        gate, loads, others = Gate("old"), Loads(), Loads(OtherDoing)
        async with Pool(loads) as pool, pool.open() as stage:
            running = asyncio.create_task(stage.process(gate))
            await gate.entered()
            waiting = asyncio.create_task(stage.process(give("new")))
            await asyncio.sleep(0)
            await pool.swap(others)
            assert await pool.open().process(give("elsewhere")) == ["elsewhere"]
            assert not running.done()
            gate.open()
            assert (await running, await waiting) == (["old"], [("held back", ["old"]), "new"])
            await fakes.until(lambda: loads.all_closed_once)

    fakes.run(test)


def test_the_first_call_of_a_stream_may_still_be_making_its_state_during_a_swap() -> None:
    class Slow(Doing):
        def open(self, settings: Settings) -> list[Any]:
            opening([])
            return super().open(settings)

    opening = Gate()

    async def test() -> None:
        async with Pool(Slow) as pool, pool.open() as stage:
            running = asyncio.create_task(stage.process(give("old")))
            await opening.entered()
            await pool.swap(OtherDoing)
            opening.open()
            assert await running == ["old"]
            assert await stage.process(give("new")) == [("held back", ["old"]), "new"]

    fakes.run(test)


def test_a_call_retried_across_a_swap_comes_after_what_was_held_back() -> None:
    async def test() -> None:
        gate = Gate()

        def break_once(state: Any) -> list[str]:
            if not gate._opened.is_set():
                gate(state)
                raise EngineError("broken")
            state.append("retried")
            return ["retried"]

        async with Pool(partial(Doing, concurrency=2)) as pool, pool.open() as stage:
            await stage.process(give("before"))
            running = asyncio.create_task(stage.process(break_once))
            await gate.entered()
            await pool.swap(OtherDoing)
            gate.open()
            assert await running == [("held back", ["before"]), "retried"]

    fakes.run(test)


def test_a_generator_between_two_values_ends_on_the_engine_that_made_it() -> None:
    async def test() -> None:
        steps, loads = Steps(*range(50)), Loads()
        steps.allow(50)
        async with Pool(loads) as pool, pool.open() as stage:
            results = stage.results(steps)
            assert await anext(results) == 0
            await pool.swap(OtherDoing)
            assert loads.closes == [0]
            assert await results.collect() == list(range(1, 50))
            await fakes.until(lambda: loads.all_closed_once)

    fakes.run(test)


def test_what_was_held_back_survives_a_call_that_is_dropped_and_a_question_to_the_engine() -> None:
    async def test() -> None:
        gate = Gate()
        async with Pool(Doing) as pool, pool.open() as stage:
            await stage.process(give("before"))
            await pool.swap(OtherDoing)
            assert await stage.call(lambda engine: engine.name) == "other"
            dropped = asyncio.create_task(stage.process(gate))
            await gate.entered()
            dropped.cancel()
            await asyncio.sleep(0)
            gate.open()
            await fakes.outcome(dropped)
            assert await stage.process(give("after")) == [("held back", ["before"]), "after"]

    fakes.run(test)


def test_a_stream_closed_in_the_middle_of_a_swap_is_released_by_the_old_engine() -> None:
    async def test() -> None:
        gate, loads = Gate(), Loads()
        async with Pool(loads) as pool:
            stage = pool.open()
            await stage.process(give("before"))
            blocked = asyncio.create_task(pool.open().process(gate))
            await gate.entered()
            await pool.swap(OtherDoing)
            closing = asyncio.create_task(stage.close())
            await asyncio.sleep(0)
            gate.open()
            await closing
            await blocked
            assert ["before"] in loads.engines[0].released
            await fakes.until(lambda: loads.all_closed_once)

    fakes.run(test)


def test_an_engine_that_cannot_hand_over_loses_only_what_it_held_back(caplog: pytest.LogCaptureFixture) -> None:
    class Forgetful(Doing):
        def flush(self, state: Any) -> Iterable[Any]:
            raise OSError("forgotten")

    async def test() -> None:
        loads = Loads(Forgetful)
        async with Pool(loads) as pool, pool.open() as stage:
            await stage.process(give("before"))
            await pool.swap(OtherDoing)
            assert await stage.process(give("after")) == ["after"]
            assert loads.engines[0].released == [["before"]]

    fakes.run(test)
    assert "what doing held back is lost" in caplog.text


def test_a_swap_that_cannot_load_changes_nothing() -> None:
    async def test() -> None:
        loads, others = Loads(), Loads(OtherDoing, before=refuse(2))
        async with Pool(loads, minimum=2) as pool, pool.open() as stage:
            await stage.process(give("before"))
            with pytest.raises(EngineError, match="load 2 failed"):
                await pool.swap(others)
            await stage.process(give("after"))
            assert await stage.flush() == [("held back", ["before", "after"])]
            assert others.closes == [1]
        assert loads.all_closed_once

    fakes.run(test)


def test_swaps_at_the_same_time_leave_one_set_of_engines() -> None:
    async def test() -> None:
        loads = Loads()
        async with Pool(loads, minimum=2) as pool, pool.open() as stage:
            await asyncio.gather(*(pool.swap(loads) for _ in range(3)))
            assert await stage.process(give(1)) == [1]
            await fakes.until(lambda: sum(loads.closes) == 6)
            assert pool.statistics().instances == 2
        assert loads.all_closed_once

    fakes.run(test)


def test_a_pool_closed_while_it_swaps_stays_closed() -> None:
    async def test() -> None:
        gate, loads = Gate(), Loads()
        others = Loads(OtherDoing, before=lambda count: gate([]))
        pool = Pool(loads)
        await pool.start()
        swapping = asyncio.create_task(pool.swap(others))
        await gate.entered()
        closing = asyncio.create_task(pool.close())
        await asyncio.sleep(0)
        gate.open()
        assert isinstance(await fakes.outcome(swapping), PoolClosed)
        await closing
        assert loads.all_closed_once
        assert others.all_closed_once
        with pytest.raises(PoolClosed):
            pool.open()

    fakes.run(test)


def test_a_cancelled_swap_is_still_carried_out() -> None:
    async def test() -> None:
        gate, loads = Gate(), Loads()
        others = Loads(OtherDoing, before=lambda count: gate([]))
        async with Pool(loads) as pool:
            swapping = asyncio.create_task(pool.swap(others))
            await gate.entered()
            swapping.cancel()
            await asyncio.sleep(0)
            gate.open()
            assert isinstance(await fakes.outcome(swapping), asyncio.CancelledError)
            assert pool.engine.name == "other"
        assert others.all_closed_once
        assert loads.all_closed_once

    fakes.run(test)


# what is told of it


class Followed:
    """What a pool shows whenever it tells that something has changed."""

    def __init__(self, loads: Loads, **options: Any) -> None:
        self.seen: list[Any] = []
        self.pool: Pool[Any, Any] = Pool(loads, changed=self.look, **options)

    def look(self) -> None:
        failure = self.pool.failure
        now = type(failure).__name__ if failure else "loaded" if self.pool.loaded else "loading"
        if not self.seen or self.seen[-1] != now:
            self.seen.append(now)


def test_a_pool_tells_when_it_loads_breaks_and_works_again() -> None:
    async def test() -> None:
        followed = Followed(Loads())
        async with followed.pool as pool, pool.open() as stage:
            assert await stage.process(fail(EngineError("broke"), times=1)) == ["recovered"]
        assert followed.seen == ["loading", "loaded", "loading", "loaded"]

    fakes.run(test)


def test_a_pool_that_could_not_start_tells_why_until_it_is_tried_again() -> None:
    def before(count: int) -> None:
        if count == 1:
            raise MissingError("no weights")

    async def test() -> None:
        followed = Followed(Loads(before=before))
        assert isinstance(await fakes.outcome(followed.pool.start()), MissingError)
        assert isinstance(followed.pool.failure, MissingError)
        assert followed.pool.broken is None
        await followed.pool.start()
        assert followed.seen == ["loading", "MissingError", "loading", "loaded"]
        await followed.pool.close()

    fakes.run(test)


def test_a_pool_that_breaks_for_good_tells_it() -> None:
    def before(count: int) -> None:
        if count > 1:
            raise EngineError("gone")

    async def test() -> None:
        followed = Followed(Loads(before=before))
        async with followed.pool as pool, pool.open() as stage:
            assert isinstance(await fakes.outcome(stage.process(fail(EngineError("broke")))), EngineError)
            assert followed.seen == ["loading", "loaded", "loading", "EngineError"]
            assert pool.failure is pool.broken

    fakes.run(test)
