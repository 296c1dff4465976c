"""When it is told how far all files are."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from tests import fakes
from workbench.cli.progress import Lines
from workbench.cli.total import Ticking
from workbench.jobs.totals import Totals


class Shown(Lines):
    def __init__(self, tick_s: float | None) -> None:
        super().__init__(progress=True)
        self.tick_s = tick_s
        self.told: list[Totals] = []
        self.enough = asyncio.Event()

    def total(self, found: Totals) -> None:
        self.told.append(found)
        if len(self.told) == 3:
            self.enough.set()


def test_it_is_told_again_and_again_until_it_is_left() -> None:
    queue: Any = SimpleNamespace(entries=[])

    async def test() -> None:
        shown = Shown(0.001)
        with Ticking(queue, shown) as ticking:
            await shown.enough.wait()
        assert ticking._next is not None
        assert ticking._next.cancelled()
        assert shown.told[0].count == 0

    fakes.run(test)


def test_where_nobody_wants_to_know_nothing_ticks() -> None:
    queue: Any = SimpleNamespace(entries=[])

    async def test() -> None:
        with Ticking(queue, Shown(None)) as ticking:
            assert ticking._next is None

    fakes.run(test)
