"""One widget on a screen of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from textual.app import App, ComposeResult
from textual.widget import Widget

from workbench.tui.widgets.panel import Panel

W = TypeVar("W", bound=Widget)


@contextmanager
def shown(widget: W, size: tuple[int, int], show: Callable[[W], None]) -> Iterator[W]:
    """`widget` after `show` on a terminal of that size."""

    class Shower(App[None]):
        def compose(self) -> ComposeResult:
            yield widget

    async def run() -> None:
        app = Shower()
        async with app.run_test(size=size) as pilot:
            show(widget)
            await pilot.pause()

    asyncio.run(run())
    yield widget


def texts(panel: Panel) -> list[str]:
    return [line.rstrip() for line in panel.plain]
