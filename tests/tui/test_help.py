"""The help is made from the keys that hold, so it cannot be wrong."""

from __future__ import annotations

import re
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
        assert words.index("On this screen") < words.index("Everywhere") < words.index("To move about")
        assert str(keymap.keys_file()) in re.sub(r"[│\s]", "", words)

    drive(app := make(), test, (160, 70))


@pytest.mark.parametrize("screen", ["live", "profile", "plugins", "sessions", "notices"])
def test_every_action_of_a_screen_is_there_those_too_that_cannot_be_done_now(make: Make, screen: str) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("?")
        words = "\n".join(lines(app))
        ids = [id for id in keymap.bindings() if id.partition(".")[0] in {screen, *keymap.EVERYWHERE}]
        assert [id for id in ids if id not in words] == []

    drive(app := make(screen), test, (100, 90))


def test_the_keys_of_what_has_the_focus_come_first(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("?")
        first = next(line for line in lines(app) if "Here" in line or "On this screen" in line)
        assert "Here" in first

    drive(app := make("live"), test, (100, 90))


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
