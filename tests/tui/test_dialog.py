"""What stands in front of a screen names its own keys, as the user has them, and is left by Ctrl-C like everything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import TextArea

from tests.tui.conftest import FakeLive, drive, lines
from workbench.tui.app import WorkbenchApp
from workbench.tui.choices import Choices
from workbench.tui.frame import Frame
from workbench.tui.screens.ask import Ask
from workbench.tui.screens.dialog import Dialog
from workbench.tui.screens.export import ExportScreen
from workbench.tui.screens.help import HelpScreen
from workbench.tui.screens.prompt import Prompt

Make = Callable[..., WorkbenchApp]


def dialogs() -> list[Dialog[Any]]:
    return [Ask("Sure?", {"y": "yes"}), Prompt("Name"), ExportScreen("x", ["srt"], Path("x"), has_translation=False)]


@pytest.mark.parametrize("place", range(3))
def test_the_last_line_has_the_keys_of_the_dialog_and_not_of_what_is_behind_it(make: Make, place: int) -> None:
    async def test(pilot: Pilot[int]) -> None:
        app.push_screen(dialogs()[place])
        await pilot.pause()
        assert "esc Back" in lines(app)[-1]
        assert "Find" not in lines(app)[-1]
        assert "Commands" not in lines(app)[-1]
        await pilot.press("f1")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        assert any("Back" in line and "esc" in line for line in lines(app))

    drive(app := make(), test)


def test_the_last_line_has_the_key_of_the_list_of_commands(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("colon")
        await pilot.pause()
        assert lines(app)[-1].strip() == "esc Exit the command palette"
        await pilot.press("escape")
        assert isinstance(app.screen, Frame)

    drive(app := make(), test)


def test_a_click_on_a_key_below_a_dialog_presses_it(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        app.push_screen(dialogs()[2])
        await pilot.pause()
        await pilot.click("KeyLine", offset=(lines(app)[-1].index("Back"), 0))
        assert not isinstance(app.screen, Dialog)

    drive(app := make(), test)


def test_buttons_and_questions_name_the_keys_that_the_user_chose(live: FakeLive) -> None:
    async def open_live() -> Any:
        return live

    async def test(pilot: Pilot[int]) -> None:
        app.push_screen(ExportScreen("x", ["srt"], Path("x"), has_translation=False))
        await pilot.pause()
        assert any("Export f9" in line and "Back f8" in line for line in lines(app))
        assert "f3" not in "\n".join(lines(app))
        app.push_screen(Ask("Sure?", {"y": "yes"}))
        await pilot.pause()
        assert any("f7  Back" in line for line in lines(app))

    keys = {"export.export": "f9", "export.back": "f8", "ask.back": "f7"}
    app = WorkbenchApp(open_live, Choices(screen="notices", welcomed=True), keys=keys)
    drive(app, test)


@pytest.mark.parametrize("place", range(3))
def test_ctrl_c_leaves_from_a_dialog(make: Make, place: int) -> None:
    async def test(pilot: Pilot[int]) -> None:
        app.push_screen(dialogs()[place])
        await pilot.pause()
        await pilot.press("ctrl+c")

    drive(app := make(), test)
    assert app.return_code == 0


def test_ctrl_c_copies_what_is_selected_in_an_editor(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        area = TextArea("some text")
        await app.screen.mount(area)
        area.focus()
        area.select_all()
        await pilot.pause()
        await pilot.press("ctrl+c")
        assert app.clipboard == "some text"
        assert app.is_running

    drive(app := make(), test)
    assert app.return_code is None
