"""The help is made from the keys that hold, so it cannot be wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import drive, lines, shown
from workbench.tui import keymap, texts
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.help import HelpScreen

Make = Callable[..., WorkbenchApp]


@pytest.mark.parametrize("key", ["?", "f1"])
def test_it_names_every_key_of_the_screen_with_its_id(make: Make, key: str) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press(key)
        assert isinstance(app.screen, HelpScreen)
        words = "\n".join(lines(app))
        for id, binding in keymap.bindings().items():
            if id.partition(".")[0] in keymap.EVERYWHERE:
                assert id in words, id
                assert binding.description in words
        assert words.index("Here: Notices") < words.index("On this screen") < words.index("Everywhere")

    drive(app := make(), test, (100, 70))


@pytest.mark.parametrize("key", ["escape", "q", "?", "f1"])
def test_it_goes_away_again(make: Make, key: str) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("?", key)
        assert not isinstance(app.screen, HelpScreen)

    drive(app := make(), test)


def test_it_scrolls_by_letters(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("?")
        top = lines(app)
        await pilot.press("j", "ctrl+d", "G")
        assert lines(app) != top
        assert any("Page up" in line for line in lines(app))
        await pilot.press("g")
        assert lines(app) == top

    drive(app := make(), test)


def test_it_tells_keys_that_were_changed(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        app.set_keymap({"frame.copy": "f7"})
        await pilot.press("?")
        assert any("f7" in line and "frame.copy" in line for line in lines(app))

    drive(app := make(), test, (100, 70))


def test_it_looks_as_it_should(make: Make, snap_compare: Any) -> None:
    async def ask(pilot: Pilot[int]) -> None:
        await shown(pilot)
        await pilot.press("?")

    texts.use("en")
    assert snap_compare(make(), run_before=ask)
