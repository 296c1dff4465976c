"""A key whose action is disabled says why, on the line above the footer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from textual.pilot import Pilot

from tests import fakes
from tests.tui.conftest import FakeLive, drive, lines
from tests.tui.small_engines import small_registry
from workbench.live import LivePhase
from workbench.tui import texts
from workbench.tui.app import WorkbenchApp
from workbench.tui.choices import Choices
from workbench.tui.screens.plugins import PluginsScreen

Make = Callable[..., WorkbenchApp]


@pytest.mark.parametrize(
    ("phase", "key", "why"),
    [
        (LivePhase.IDLE, "space", "Nothing is being recorded."),
        (LivePhase.FINISHING, "space", "The recording has ended; what is left of it is being recognized."),
        (LivePhase.RECORDING, "i", "The input can be tested while nothing is recorded."),
        (LivePhase.IDLE, "f", "The newest caption is followed already."),
    ],
)
def test_what_cannot_be_done_now_says_why(make: Make, live: FakeLive, phase: LivePhase, key: str, why: str) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press(key)
        await pilot.pause()
        assert lines(app)[-2].strip() == why
        assert not app.notices

    live.phase = phase
    drive(app := make("live"), test)


def test_what_is_done_says_nothing_of_the_kind(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("space")
        await pilot.pause()
        assert live.phase is LivePhase.PAUSED
        assert lines(app)[-2] == ""

    live.phase = LivePhase.RECORDING
    drive(app := make("live"), test)


def test_it_is_said_for_the_key_that_the_user_chose(live: FakeLive) -> None:
    async def open_live() -> FakeLive:
        return live

    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("i")
        await pilot.pause()
        assert lines(app)[-2] == ""
        await pilot.press("f9")
        await pilot.pause()
        assert lines(app)[-2].strip() == "The input can be tested while nothing is recorded."

    live.phase = LivePhase.RECORDING
    choices = Choices(screen="live", welcomed=True)
    drive(app := WorkbenchApp(open_live, choices, keys={"live.listen": "f9"}), test)  # type: ignore[arg-type]


def test_it_is_said_in_chinese(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("space")
        await pilot.pause()
        assert lines(app)[-2].strip() == "没有在录音。"

    texts.use("zh")
    drive(app := make("live"), test)


def test_a_plugin_without_engines_has_none_to_swap(make: Make, live: FakeLive, folders: Path) -> None:
    async def test(pilot: Pilot[int]) -> None:
        screen = cast(PluginsScreen, app.screen)
        await fakes.until(lambda: bool(screen._table.shown))
        place = [row.name for row in screen._table.shown.values()].index("old")
        await pilot.press("g", *["j"] * place, "s")
        await pilot.pause()
        assert lines(app)[-2].strip() == "old has no engine that another one could stand in for."
        assert app.screen is screen

    live.registry = small_registry()
    drive(app := make("plugins"), test)


@pytest.mark.parametrize(
    ("screen", "key", "why"),
    [("profile", "slash", "Nothing can be searched for here."), ("profile", "f3", "No profile is being edited.")],
)
def test_a_screen_without_it_says_so(make: Make, live: FakeLive, screen: str, key: str, why: str) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press(key)
        await fakes.until(lambda: lines(app)[-2].strip() == why)

    live.registry = small_registry()
    drive(app := make(screen), test)
