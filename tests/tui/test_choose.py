"""A list to choose from is used with the keys of every list."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from tests import fakes
from tests.tui.conftest import drive, lines
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.choose import Choose

Make = Callable[..., WorkbenchApp]
NAMES = {"en": "English", "pt": "Português", "zh": "中文"}


@pytest.mark.parametrize(
    ("keys", "name"), [(["j", "enter"], "zh"), (["g", "enter"], "en"), (["G", "k", "enter"], "pt"), (["escape"], "")]
)
def test_letters_and_arrows_move_enter_takes_one_and_esc_none(make: Make, keys: list[str], name: str) -> None:
    answers: list[str | None] = []

    async def test(pilot: Pilot[int]) -> None:
        app.push_screen(Choose("Language", NAMES, "pt"), answers.append)
        await fakes.until(lambda: any("Enter takes it, Esc: back" in line for line in lines(app)))
        await pilot.press(*keys)
        await fakes.until(lambda: answers == [name])

    drive(app := make(), test)
