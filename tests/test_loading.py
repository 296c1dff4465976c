"""Pools that are loaded, switched and unloaded, with engines whose constructors move only when a gate is opened."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests import fakes
from tests.fakes import Gate
from workbench.engines import Options, Settings, StageKind, Stateless
from workbench.errors import EngineError, MissingError, PoolBusy, PoolClosed, WorkbenchError
from workbench.loading import Pools
from workbench.models import loading_progress
from workbench.models.states import ModelState, ModelStates, Phase
from workbench.plan import Choice
from workbench.profiles.schema import Instances


@dataclass
class World:
    """What engines do when they are loaded, by model, and what has become of them."""

    constructors: dict[str, Callable[[], object]] = field(default_factory=dict)
    warm_ups: dict[str, Callable[[], object]] = field(default_factory=dict)
    closes: dict[str, Callable[[], object]] = field(default_factory=dict)
    alive: list[str] = field(default_factory=list)
    states: ModelStates = field(default_factory=ModelStates)
    seen: list[tuple[str, Phase]] = field(default_factory=list)
    """(model, phase) of each change, oldest first."""
    _before: dict[str, ModelState] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pools = Pools(self.states)
        self.states.watch(self._look)
        World.now = self

    now: ClassVar[World]

    def _look(self, states: tuple[ModelState, ...]) -> None:
        found = {state.model: state for state in states}
        for model, state in found.items():
            if model not in self._before or self._before[model].phase is not state.phase:
                self.seen.append((model, state.phase))
        self._before = found

    def phases(self, model: str) -> list[Phase]:
        """What `model` went through."""
        return [phase for name, phase in self.seen if name == model]

    @property
    def phase(self) -> dict[str, Phase]:
        return {state.model: state.phase for state in self.states.current()}

    def message(self, model: str) -> str:
        return next(state.message for state in self.states.current() if state.model == model)


class Fake(Stateless[Callable[[], Any], Any]):
    kind = StageKind.ASR
    name = "fake"

    class Options(Options):
        model: str = ""

    def __init__(self, options: Options) -> None:
        self.model = options.model
        World.now.constructors.get(self.model, lambda: None)()
        World.now.alive.append(self.model)

    def process(self, item: Callable[[], Any], state: Settings) -> Iterator[Any]:
        yield item()

    def warm_up(self) -> None:
        World.now.warm_ups.get(self.model, lambda: None)()

    def close(self) -> None:
        World.now.closes.get(self.model, lambda: None)()
        World.now.alive.remove(self.model)


def choice(model: str, count: int = 1) -> Choice:
    return Choice(Fake, Fake.Options(model=model), {}, Instances(min=count, max=count))


def held(gate: Gate) -> Callable[[], object]:
    return lambda: gate([])


def failing(error: Exception, *, times: int = 1) -> Callable[[], object]:
    deed = fakes.fail(error, times=times)
    return lambda: deed([])


def run(test: Callable[[World], Awaitable[None]]) -> World:
    """Run `test`, and then see that nothing is left."""
    worlds: list[World] = []

    async def whole() -> None:
        world = World()
        worlds.append(world)
        await test(world)
        await world.pools.release(())
        assert world.alive == []
        assert world.states.current() == ()
        assert world.pools.all() == []

    fakes.run(whole)
    return worlds[0]


@pytest.fixture(autouse=True)
def folders(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_STATE_DIR", str(tmp_path))


def test_an_engine_goes_from_loading_to_ready_and_when_it_is_released_away() -> None:
    async def test(world: World) -> None:
        await world.pools.load([choice("small")])
        assert world.phase == {"small": Phase.READY}
        assert world.alive == ["small"]

    world = run(test)
    assert world.phases("small") == [Phase.LOADING, Phase.WARMING, Phase.READY, Phase.UNLOADING]


def test_several_engines_load_at_once_and_each_shows_its_own_phase() -> None:
    async def test(world: World) -> None:
        first, second = Gate(), Gate()
        world.constructors |= {"a": held(first), "b": held(second)}
        loading = asyncio.create_task(world.pools.load([choice("a"), choice("b")]))
        await first.entered()
        await second.entered()
        assert world.phase == {"a": Phase.LOADING, "b": Phase.LOADING}
        second.open()
        await fakes.until(lambda: world.phase["b"] is Phase.READY)
        assert world.phase["a"] is Phase.LOADING
        first.open()
        assert len(await loading) == 2

    run(test)


def test_a_download_shows_how_far_it_is() -> None:
    gate = Gate()

    def fetch() -> None:
        progress = loading_progress.get()
        assert progress is not None
        progress(3, 10)
        gate([])
        progress(10, 10)

    async def test(world: World) -> None:
        world.constructors["a"] = fetch
        loading = asyncio.create_task(world.pools.load([choice("a")]))
        await gate.entered()
        await fakes.until(lambda: world.phase == {"a": Phase.DOWNLOADING})
        assert [(state.done, state.total) for state in world.states.current()] == [(3, 10)]
        gate.open()
        await loading
        assert [(state.done, state.total) for state in world.states.current()] == [(0, 0)]

    world = run(test)
    assert world.phases("a")[:5] == [Phase.LOADING, Phase.DOWNLOADING, Phase.LOADING, Phase.WARMING, Phase.READY]


def test_warming_is_seen_while_it_lasts() -> None:
    async def test(world: World) -> None:
        gate = Gate()
        world.warm_ups["a"] = held(gate)
        loading = asyncio.create_task(world.pools.load([choice("a")]))
        await gate.entered()
        await fakes.until(lambda: world.phase == {"a": Phase.WARMING})
        gate.open()
        await loading
        assert world.phase == {"a": Phase.READY}

    run(test)


def test_one_that_fails_says_why_and_leaves_the_others_loaded() -> None:
    async def test(world: World) -> None:
        world.constructors["b"] = failing(EngineError("torn\nweights", hint="fetch them again"))
        with pytest.raises(EngineError, match="torn"):
            await world.pools.load([choice("a"), choice("b"), choice("c")])
        assert world.phase == {"a": Phase.READY, "b": Phase.FAILED, "c": Phase.READY}
        assert world.message("b") == "torn weights\nfetch them again"
        await world.pools.load([choice("b")])
        assert world.phase["b"] is Phase.READY
        assert world.message("b") == ""

    world = run(test)
    tried = [Phase.LOADING, Phase.FAILED, Phase.LOADING, Phase.WARMING, Phase.READY, Phase.UNLOADING]
    assert world.phases("b") == tried


@pytest.mark.parametrize(("cause", "has_traceback"), [(None, False), (ValueError("a bug"), True)])
def test_of_several_that_fail_the_first_is_raised_and_the_log_has_the_rest(
    caplog: pytest.LogCaptureFixture, cause: Exception | None, has_traceback: bool
) -> None:
    rotten = EngineError("rotten")
    rotten.__cause__ = cause

    async def test(world: World) -> None:
        world.constructors |= {"a": failing(EngineError("torn")), "b": failing(rotten)}
        with pytest.raises(EngineError, match="torn"):
            await world.pools.load([choice("a"), choice("b")])
        assert world.phase == {"a": Phase.FAILED, "b": Phase.FAILED}

    caplog.set_level(logging.ERROR)
    run(test)
    assert "either: rotten" in caplog.text
    assert ("Traceback" in caplog.text) is has_traceback


def test_one_whose_weights_cannot_be_had_is_absent() -> None:
    async def test(world: World) -> None:
        world.constructors["a"] = failing(MissingError("no weights", hint="pip install them"))
        with pytest.raises(MissingError):
            await world.pools.load([choice("a")])
        assert world.phase == {"a": Phase.ABSENT}
        assert world.message("a") == "no weights\npip install them"
        await world.pools.load([choice("a")])
        assert world.phase == {"a": Phase.READY}

    run(test)


def test_work_waits_for_a_copy_no_longer_than_its_profile_says() -> None:
    async def test(world: World) -> None:
        gate = Gate()
        patient = replace(choice("busy"), instances=Instances(acquire_timeout_s=0.03))
        pool = (await world.pools.load([patient]))[patient.key]
        running = asyncio.create_task(pool.open().process(lambda: gate([])))
        await gate.entered()
        with pytest.raises(PoolBusy, match=r"within 0\.03 s"):
            await pool.open().process(list)
        gate.open()
        await running

    run(test)


def test_what_is_kept_is_not_unloaded() -> None:
    async def test(world: World) -> None:
        first = await world.pools.load([choice("a"), choice("b")])
        await world.pools.release({choice("a").key})
        assert world.alive == ["a"]
        assert world.phase == {"a": Phase.READY}
        again = await world.pools.load([choice("a"), choice("b")])
        assert again[choice("a").key] is first[choice("a").key]
        assert again[choice("b").key] is not first[choice("b").key]

    run(test)


def test_what_is_wanted_again_while_it_is_unloaded_is_loaded_anew() -> None:
    async def test(world: World) -> None:
        gate = Gate()
        world.closes["a"] = held(gate)
        await world.pools.load([choice("a")])
        releasing = asyncio.create_task(world.pools.release(()))
        await gate.entered()
        await world.pools.load([choice("a")])
        assert [state.phase for state in world.states.current()] == [Phase.UNLOADING, Phase.READY]
        gate.open()
        await releasing
        assert [state.phase for state in world.states.current()] == [Phase.READY]

    run(test)


def test_a_load_that_is_cancelled_waits_for_its_thread_and_ends_ready() -> None:
    async def test(world: World) -> None:
        gate = Gate()
        world.constructors["a"] = held(gate)
        loading = asyncio.create_task(world.pools.load([choice("a"), choice("b")]))
        await gate.entered()
        loading.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not loading.done()
        gate.open()
        with pytest.raises(asyncio.CancelledError):
            await loading
        assert world.phase == {"a": Phase.READY, "b": Phase.READY}

    run(test)


def downloading() -> None:
    """For ever, unless it is stopped."""
    progress = loading_progress.get()
    assert progress is not None
    stopped = threading.Event()
    while not stopped.wait(0.001):
        progress(3, 10)


def test_a_download_stops_when_the_last_who_waits_for_it_is_cancelled() -> None:
    async def test(world: World) -> None:
        world.constructors["a"] = downloading
        loading = [asyncio.create_task(world.pools.load([choice("a"), choice("b")])) for _ in range(2)]
        await fakes.until(lambda: world.phase.get("a") is Phase.DOWNLOADING)
        loading[0].cancel()
        await fakes.until(lambda: world.phase["b"] is Phase.READY)
        assert not loading[0].done()
        loading[1].cancel()
        await asyncio.wait(loading)
        assert all(load.cancelled() for load in loading)
        assert world.phase == {"a": Phase.ABSENT, "b": Phase.READY}
        del world.constructors["a"]
        await world.pools.load([choice("a")])
        assert world.phase["a"] is Phase.READY

    run(test)


def test_a_download_stops_when_what_is_loaded_is_released() -> None:
    async def test(world: World) -> None:
        world.constructors["a"] = downloading
        loading = asyncio.create_task(world.pools.load([choice("a")]))
        await fakes.until(lambda: world.phase.get("a") is Phase.DOWNLOADING)
        await world.pools.release(())
        with pytest.raises(WorkbenchError):
            await loading

    run(test)


def test_a_load_that_is_cancelled_and_then_fails_ends_failed() -> None:
    async def test(world: World) -> None:
        gate, fail = Gate(), failing(EngineError("torn"))
        world.constructors["a"] = lambda: (gate([]), fail())
        loading = asyncio.create_task(world.pools.load([choice("a")]))
        await gate.entered()
        loading.cancel()
        gate.open()
        with pytest.raises(asyncio.CancelledError):
            await loading
        assert world.phase == {"a": Phase.FAILED}

    run(test)


def test_a_release_while_it_loads_waits_for_the_thread_and_nothing_stays() -> None:
    async def test(world: World) -> None:
        gate = Gate()
        world.constructors["a"] = held(gate)
        loading = asyncio.create_task(world.pools.load([choice("a")]))
        await gate.entered()
        releasing = asyncio.create_task(world.pools.release(()))
        await fakes.until(lambda: world.phase == {"a": Phase.UNLOADING})
        gate.open()
        await releasing
        assert world.alive == []
        assert isinstance(await fakes.outcome(loading), PoolClosed)

    world = run(test)
    assert world.phases("a") == [Phase.LOADING, Phase.UNLOADING]


def test_a_release_that_is_cancelled_still_frees_everything() -> None:
    async def test(world: World) -> None:
        gate = Gate()
        world.closes["a"] = held(gate)
        await world.pools.load([choice("a")])
        releasing = asyncio.create_task(world.pools.release(()))
        await gate.entered()
        releasing.cancel()
        await asyncio.sleep(0)
        gate.open()
        with pytest.raises(asyncio.CancelledError):
            await releasing
        assert world.alive == []
        assert world.phase == {}

    run(test)


def test_an_engine_that_breaks_is_loaded_again_and_shows_it() -> None:
    async def test(world: World) -> None:
        pools = await world.pools.load([choice("a")])
        gate = Gate()
        world.constructors["a"] = held(gate)
        async with pools[choice("a").key].open() as stage:
            work = asyncio.create_task(stage.process(failing(EngineError("broke"))))
            await gate.entered()
            assert world.phase == {"a": Phase.LOADING}
            gate.open()
            assert await work == [["recovered"]]
        assert world.phase == {"a": Phase.READY}

    world = run(test)
    assert world.phases("a")[2:6] == [Phase.READY, Phase.LOADING, Phase.WARMING, Phase.READY]


def test_an_engine_that_breaks_beside_one_that_works_stays_ready() -> None:
    async def test(world: World) -> None:
        pools = await world.pools.load([choice("a", count=2)])
        async with pools[choice("a", count=2).key].open() as stage:
            await stage.process(failing(EngineError("broke")))
        assert world.phase == {"a": Phase.READY}

    world = run(test)
    twice = [Phase.LOADING, Phase.WARMING, Phase.LOADING, Phase.WARMING]
    assert world.phases("a") == [*twice, Phase.READY, Phase.UNLOADING]


def test_a_pool_that_breaks_says_why_and_the_next_load_makes_another() -> None:
    async def test(world: World) -> None:
        key = choice("a").key
        broken = (await world.pools.load([choice("a")]))[key]
        world.constructors["a"] = failing(EngineError("the GPU is gone", hint="set device to cpu"))
        async with broken.open() as stage:
            assert isinstance(await fakes.outcome(stage.process(failing(EngineError("broke")))), EngineError)
        assert world.phase == {"a": Phase.FAILED}
        assert world.message("a") == (
            "no engine could be loaded in the place of the broken one: the GPU is gone\nset device to cpu"
        )
        pools = await world.pools.load([choice("a")])
        assert pools[key] is not broken
        assert world.phase == {"a": Phase.READY}

    run(test)


def test_a_thread_that_comes_back_after_the_loop_is_gone_tells_nobody() -> None:
    reports: list[Any] = []

    async def test(world: World) -> None:
        world.constructors["a"] = lambda: reports.append(loading_progress.get())
        await world.pools.load([choice("a")])

    world = run(test)
    before = world.phases("a")
    reports[0](1, 10)  # raises nothing
    assert world.phases("a") == before


class Switching(RuleBasedStateMachine):
    """Every order of loading, failing, breaking, cancelling and releasing three engines."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.gates: list[Gate] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.do(self.make)

    async def make(self) -> None:
        self.world = World()

    def do(self, work: Callable[[], Awaitable[Any]]) -> Any:
        async def limited() -> Any:
            async with asyncio.timeout(60):
                return await work()

        return self.runner.run(limited())

    models = st.sets(st.sampled_from("abc"))

    @rule(models=models)
    def load(self, models: set[str]) -> None:
        self.begin(lambda: self.world.pools.load([choice(model) for model in sorted(models)]))

    @rule(models=models)
    def release(self, models: set[str]) -> None:
        self.begin(lambda: self.world.pools.release({choice(model).key for model in models}))

    def begin(self, work: Callable[[], Any]) -> None:
        async def start() -> None:
            self.tasks.append(asyncio.create_task(work()))
            await asyncio.sleep(0)

        self.do(start)

    @rule(model=st.sampled_from("abc"), fate=st.sampled_from(["ok", "gate", "torn", "missing", "cold"]))
    def fate(self, model: str, fate: str) -> None:
        self.world.warm_ups.pop(model, None)
        self.world.constructors.pop(model, None)
        if fate == "gate":
            self.gates.append(Gate())
            self.world.constructors[model] = held(self.gates[-1])
        elif fate == "cold":
            self.world.warm_ups[model] = failing(ValueError("cold"))
        elif fate != "ok":
            error = EngineError("torn") if fate == "torn" else MissingError("missing")
            self.world.constructors[model] = failing(error, times=2)

    @rule(index=st.integers(0, 3))
    def use_a_broken_one(self, index: int) -> None:
        pools = [pool for pool in self.world.pools.all() if pool.loaded and not pool.broken]
        if index < len(pools):

            async def use() -> None:
                async with pools[index].open() as stage:
                    await stage.process(failing(EngineError("broke")))

            self.begin(use)

    @rule(index=st.integers(0, 8))
    def cancel(self, index: int) -> None:
        if index < len(self.tasks):
            self.tasks[index].cancel()

    @rule()
    def open_gates(self) -> None:
        for gate in self.gates:
            gate.open()

    @rule(turns=st.integers(1, 30))
    def turn(self, turns: int) -> None:
        async def turn() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.do(turn)

    @invariant()
    def what_is_ready_works_and_all_that_is_open_shows(self) -> None:
        pools = self.world.pools.all()
        assert len(self.world.states.current()) == len(pools)
        for pool in pools:
            is_ready = self.world.states.phase(pool) is Phase.READY
            assert not is_ready or (pool.loaded and not pool.failure)

    def teardown(self) -> None:
        self.open_gates()
        try:
            for task in self.tasks:
                self.do(lambda task=task: fakes.outcome(task))  # type: ignore[misc]
            at_rest = {Phase.READY, Phase.FAILED, Phase.ABSENT}
            self.do(lambda: fakes.until(lambda: set(self.world.phase.values()) <= at_rest))
            ready = [model for model, phase in self.world.phase.items() if phase is Phase.READY]
            assert sorted(self.world.alive) == sorted(ready)
            self.do(lambda: self.world.pools.release(()))
            assert self.world.alive == []
            assert self.world.states.current() == ()
        finally:
            self.runner.close()


Switching.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
test_any_order_of_switches_ends_in_true_states = Switching.TestCase
