"""Random faults, cancels and swaps over many streams: nothing is lost, nothing out of order, every engine closed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests import fakes
from tests.fakes import Gate, Loads, OtherDoing, fail, generate, give
from workbench.engines import BatchEngine, Settings, StageKind
from workbench.errors import EngineError
from workbench.pool import Pool

STREAMS, ITEMS = 25, 60


class Item(NamedTuple):
    number: int
    values: int
    """How many it gives; more than one: as a generator."""
    cost: float


class Faulty(BatchEngine[Item, Any, list[int]]):
    """Breaks now and then, as `chance` says. A stream's state is the last number it was given."""

    kind = StageKind.VAD
    name = "faulty"
    max_batch = 6
    concurrency = 2

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.closed = 0
        self.busy: set[int] = set()
        self._lock = threading.Lock()

    def open(self, settings: Settings) -> list[int]:
        return [-1]

    def cost(self, item: Item) -> float:
        return item.cost

    def process_batch(self, work: Sequence[tuple[Item, list[int]]]) -> Sequence[Iterable[Any]]:
        with self._lock:
            fate = self.chance.random()
            states = [id(state) for _, state in work]
            assert not self.busy.intersection(states), "two items of one stream at once"
            self.busy.update(states)
        try:
            if fate < 0.02:
                raise EngineError("broke")
            if fate < 0.05:
                raise ValueError("stumbled")
            return [self._values(*pair) for pair in work]
        finally:
            with self._lock:
                self.busy.difference_update(states)

    def _values(self, item: Item, state: list[int]) -> Iterable[Any]:
        assert item.number > state[0], "out of order"
        state[0] = item.number
        if item.values == 1:
            return [(item.number, 0)]
        return self._generate(item)

    def _generate(self, item: Item) -> Iterator[Any]:
        for n in range(item.values):
            if n % 8 == 7:
                threading.Event().wait(0.002)  # slices end at different values
            yield item.number, n

    def close(self) -> None:
        assert not self.busy, "closed while a call was running"
        self.closed += 1


class Refined(Faulty):
    """Another class, for swaps that hand over."""


async def _stream(pool: Pool[Item, Any], chance: random.Random, tally: dict[str, int]) -> None:
    async with pool.open() as stage:
        for number in range(ITEMS):
            item = Item(number, chance.choice((1, 1, 1, 20)), chance.choice((0.1, 1.0, 10.0)))

            async def consume(item: Item = item) -> list[Any]:
                async with contextlib.aclosing(stage.results(item)) as results:
                    return [value async for value in results]

            task = asyncio.create_task(consume())
            if chance.random() < 0.15:
                for _ in range(chance.randrange(40)):
                    await asyncio.sleep(0)
                task.cancel()
            got = await fakes.outcome(task)
            if isinstance(got, list):
                assert got == [(number, n) for n in range(item.values)]
                tally["done"] += 1
            else:
                assert isinstance(got, EngineError | ValueError | asyncio.CancelledError), repr(got)
                tally["not done"] += 1
            assert all(call.operation for call in (*stage.inbox, *stage.running)), "an item is left"


async def _swap(pool: Pool[Item, Any], *loads: Loads) -> None:
    for load in loads:
        enough = pool.statistics().items + STREAMS * ITEMS // 8
        while pool.statistics().items < enough:  # noqa: ASYNC110 - as in fakes.until
            await asyncio.sleep(0)
        await pool.swap(load)


@pytest.mark.parametrize("seed", [1, 2])
def test_faults_cancels_and_swaps_lose_nothing(seed: int) -> None:
    chance = random.Random(seed)
    loads, refined = Loads(lambda: Faulty(chance)), Loads(lambda: Refined(chance))
    tally = {"done": 0, "not done": 0}

    async def test() -> None:
        async with Pool(loads, minimum=2, max_replacements=1000) as pool:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_swap(pool, loads, refined, loads, loads))
                for _ in range(STREAMS):
                    tasks.create_task(_stream(pool, random.Random(chance.random()), tally))
            await pool.drain()
            statistics = pool.statistics()
            assert (statistics.depth, statistics.running) == (0, 0)
            assert statistics.replaced > 0
        assert loads.all_closed_once
        assert refined.all_closed_once

    fakes.run(test)
    assert sum(tally.values()) == STREAMS * ITEMS
    assert tally["done"] > tally["not done"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_everything_may_be_cancelled_at_any_moment(seed: int) -> None:
    chance = random.Random(seed)
    loads, refined = Loads(lambda: Faulty(chance)), Loads(lambda: Refined(chance))

    async def use(pool: Pool[Item, Any]) -> None:
        async with pool, asyncio.TaskGroup() as tasks:
            tasks.create_task(_swap(pool, refined, loads))
            for _ in range(STREAMS):
                tasks.create_task(_stream(pool, random.Random(chance.random()), {"done": 0, "not done": 0}))

    async def test() -> None:
        pool = Pool(loads, minimum=2, max_replacements=1000)
        task = asyncio.create_task(use(pool))
        items = chance.randrange(50, 500)
        await fakes.until(lambda: pool.statistics().items > items)
        task.cancel()
        assert isinstance(await fakes.outcome(task), asyncio.CancelledError)
        assert loads.all_closed_once
        assert refined.all_closed_once

    fakes.run(test)


class Life(RuleBasedStateMachine):
    """Every order of what may happen to three streams, with threads that move only when a gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.loads, self.others = Loads(), Loads(OtherDoing)
        self.pool: Pool[Any, Any] = Pool(self.loads, max_replacements=1000)
        self.gates: list[Gate] = []
        self.tasks: list[list[tuple[Any, asyncio.Task[list[Any]]]]] = [[], [], []]
        """Of each stream, what each item is to give."""
        self.dropped: set[asyncio.Task[Any]] = set()
        self.number = 0

    def do(self, work: Any) -> Any:
        async def limited() -> Any:
            async with asyncio.timeout(60):
                return await work

        return self.runner.run(limited())

    @initialize()
    def start(self) -> None:
        self.do(self.pool.start())
        self.stages = [self.pool.open() for _ in self.tasks]

    streams = st.integers(0, 2)

    @rule(stream=streams, kind=st.sampled_from(["value", "gate", "generator", "broken", "raises"]))
    def item(self, stream: int, kind: str) -> None:
        self.number += 1
        expected: Any = [self.number]
        if kind == "value":
            deed: Any = give(self.number)
        elif kind == "gate":
            deed = Gate(self.number)
            self.gates.append(deed)
        elif kind == "generator":
            expected = [self.number] * 20
            deed = generate(*expected)
        elif kind == "broken":
            expected = ["recovered"]
            deed = fail(EngineError("once"), times=1)
        else:
            expected = ValueError(self.number)
            deed = fail(expected)

        async def begin() -> None:
            self.tasks[stream].append((expected, asyncio.create_task(self.stages[stream].process(deed))))
            await asyncio.sleep(0)

        self.do(begin())

    @rule()
    def open_gates(self) -> None:
        for gate in self.gates:
            gate.open()

    @rule(turns=st.integers(1, 30))
    def turn(self, turns: int) -> None:
        async def turn() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.do(turn())

    @rule(stream=streams, index=st.integers(0, 5))
    def cancel(self, stream: int, index: int) -> None:
        if index < len(self.tasks[stream]):
            task = self.tasks[stream][index][1]
            if task.cancel():
                self.dropped.add(task)

    @rule(same=st.booleans())
    def swap(self, same: bool) -> None:
        self.do(self.pool.swap(self.loads if same else self.others))

    @precondition(lambda self: all(gate._opened.is_set() for gate in self.gates))
    @rule(stream=streams)
    def reopen(self, stream: int) -> None:
        self.dropped.update(task for _, task in self.tasks[stream])
        self.do(self.stages[stream].close())
        self.stages[stream] = self.pool.open()

    @invariant()
    def counts_are_sane(self) -> None:
        statistics = self.pool.statistics()
        assert statistics.depth >= 0
        assert statistics.running >= 0

    def teardown(self) -> None:
        self.open_gates()
        try:
            self.do(self.pool.drain())
            self.do(self.pool.close())
            for expected, task in (entry for tasks in self.tasks for entry in tasks):
                got = self.do(fakes.outcome(task))
                if isinstance(got, list):
                    got = [value for value in got if not isinstance(value, tuple)]  # but what a swap handed over
                assert got == expected or (task in self.dropped and isinstance(got, BaseException))
            assert self.loads.all_closed_once
            assert self.others.all_closed_once
        finally:
            self.runner.close()


Life.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
test_any_order_of_events_ends_well = Life.TestCase
