"""A choice of one out of a list."""

from __future__ import annotations

from textual.app import App
from textual.widgets import OptionList

from tests import fakes
from workbench.tui.screens.choose import Choose


def test_one_is_chosen_however_often_enter_is_pressed() -> None:
    chosen: list[str | None] = []

    async def driven() -> None:
        app: App[None] = App()
        async with app.run_test() as pilot:
            choose = Choose("Engine", {"energy": "energy", "silero": "silero"}, "silero")
            await app.push_screen(choose, chosen.append)
            await pilot.pause()
            for _ in range(2):
                choose.query_one(OptionList).action_select()
            await pilot.pause()
            assert chosen == ["silero"]
            assert len(app.screen_stack) == 1

    fakes.run(driven)
