"""The interface's manners: screens by number, notices, copying, leaving."""

from __future__ import annotations

from collections.abc import Callable

from textual.pilot import Pilot

from tests.tui.conftest import FakeLive, drive, lines
from workbench.tui.app import WorkbenchApp

Make = Callable[..., WorkbenchApp]


def test_the_screen_that_was_shown_last_is_shown_first(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert app.current_mode == "notices"
        assert lines(app)[0].startswith(" 1 Live")

    drive(app := make("notices"), test)


def test_it_holds_the_live_session_until_the_end(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert live.entered
        await pilot.press("q")

    drive(app := make(), test)
    assert not live.entered
    assert app.return_code == 0
