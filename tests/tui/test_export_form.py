"""The form of export: what is chosen at first, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Static

from tests import fakes
from tests.tui.conftest import drive, lines
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.export import ExportChoice, ExportScreen

Make = Callable[..., WorkbenchApp]


def test_a_session_without_text_is_exported_as_audio(make: Make) -> None:
    answers: list[ExportChoice | None] = []

    async def test(pilot: Pilot[int]) -> None:
        form = ExportScreen("Export a session", [], Path("here"), has_translation=False)
        app.push_screen(form, answers.append)
        await fakes.until(lambda: any("here.wav" in line for line in lines(app)))
        await pilot.press("f3")
        await fakes.until(lambda: bool(answers))
        assert answers[0] is not None
        assert answers[0].paths() == {"wav": Path("here.wav")}

    drive(app := make(), test)


def test_what_is_wrong_is_marked_and_where_files_go_is_not(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        form = ExportScreen("Export a session", ["srt", "vtt"], Path("here"), has_translation=True)
        app.push_screen(form)
        await fakes.until(lambda: any("here.srt" in line for line in lines(app)))
        said = form.query_one("#said", Static)
        assert not said.has_class("-wrong")
        await pilot.press("space")
        await fakes.until(lambda: any("✗ No format is chosen." in line for line in lines(app)))
        assert said.has_class("-wrong")
        await pilot.press("f3")
        assert app.screen is form

    drive(app := make(), test)
