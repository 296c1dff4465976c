"""One widget on a screen of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from textual.app import App, ComposeResult

from workbench.tui.widgets.panel import Panel

P = TypeVar("P", bound=Panel)


@contextmanager
def shown(panel: P, size: tuple[int, int], show: Callable[[P], None]) -> Iterator[P]:
    """`panel` after `show` on a terminal of that size."""

    class Shower(App[None]):
        def compose(self) -> ComposeResult:
            yield panel

    async def run() -> None:
        app = Shower()
        async with app.run_test(size=size) as pilot:
            show(panel)
            await pilot.pause()

    asyncio.run(run())
    yield panel


def texts(panel: Panel) -> list[str]:
    return [line.rstrip() for line in panel.plain]
