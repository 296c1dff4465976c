"""The list of devices on a machine that is slow to tell them, and while it changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from tests import fakes
from tests.tui.conftest import drive, lines
from workbench.audio.devices import Device
from workbench.live import Source
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.device import Chosen, DeviceScreen

Make = Callable[..., WorkbenchApp]
MICROPHONE = Device("usb", "USB Audio", "input", 48_000, 1, True, "ALSA")


def test_a_list_that_takes_longer_than_the_time_between_two_looks_is_shown(make: Make) -> None:
    asked, may_tell, calls = threading.Event(), threading.Event(), list[int]()

    def slow() -> list[Device]:
        calls.append(1)
        asked.set()
        may_tell.wait(60)
        return [MICROPHONE]

    async def test(pilot: Pilot[int]) -> None:
        screen = DeviceScreen(Source(), slow)
        await app.push_screen(screen)
        await fakes.until(asked.is_set)
        screen._look()
        may_tell.set()
        options = screen.query_one(OptionList)
        await fakes.until(lambda: options.option_count == 2)
        assert len(calls) == 1
        screen._look()
        await fakes.until(lambda: len(calls) == 2)

    drive(app := make("notices"), test)
    assert app.failure is None


def test_a_device_that_is_gone_as_it_is_chosen_is_not_taken(make: Make) -> None:
    chosen: list[Chosen | None] = []

    async def test(pilot: Pilot[int]) -> None:
        screen = DeviceScreen(Source(), lambda: [MICROPHONE])
        await app.push_screen(screen, chosen.append)
        options = screen.query_one(OptionList)
        await fakes.until(lambda: options.option_count == 2)
        await pilot.press("down")
        screen._found = []
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen is screen
        assert not chosen

    drive(app := make("notices"), test)
    assert app.failure is None


NO_FILES = ["/no/such/file.wav", "~nobody-of-that-name/talk.wav", "x" * 300, ".", ""]


@pytest.mark.parametrize("typed", NO_FILES, ids=["missing", "home of nobody", "too long", "a folder", "nothing"])
def test_a_path_of_no_file_is_said_to_be_none_until_it_is_changed(make: Make, typed: str) -> None:
    said = "There is no file" if typed else "Type the path of a file"

    async def test(pilot: Pilot[int]) -> None:
        screen = DeviceScreen(Source(), lambda: [MICROPHONE])
        await app.push_screen(screen)
        field = screen.query_one(Input)
        field.focus()
        field.value = typed
        await pilot.press("enter")
        await fakes.until(lambda: any(said in line for line in lines(app)))
        screen._look()
        await pilot.pause()
        assert any(said in line for line in lines(app))
        await pilot.press("a")
        await fakes.until(lambda: not any(said in line for line in lines(app)))

    drive(app := make("notices"), test)
    assert app.failure is None


def test_tab_goes_from_the_devices_to_the_file_and_back_and_shows_who_has_the_keys(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        screen = DeviceScreen(Source(), lambda: [MICROPHONE])
        await app.push_screen(screen)
        options, field = screen.query_one(OptionList), screen.query_one(Input)
        await fakes.until(lambda: options.option_count == 2)
        marks = []
        for wanted in (options, field, options):
            await pilot.pause()
            assert screen.focused is wanted
            marks.append([line.index("▌") for line in lines(app) if "▌" in line])
            await pilot.press("tab")
        assert [len(mark) for mark in marks] == [2, 1, 2]
        await pilot.press("tab", "down", "enter")
        await fakes.until(lambda: app.screen is not screen)

    drive(app := make("notices"), test)


def test_without_any_device_it_says_so_and_still_takes_a_file(make: Make, tmp_path: Path) -> None:
    file, chosen = tmp_path / "talk.wav", list[Chosen | None]()
    file.touch()

    async def test(pilot: Pilot[int]) -> None:
        await app.push_screen(DeviceScreen(Source(), list), chosen.append)
        await fakes.until(lambda: any("No device is there." in line for line in lines(app)))
        await pilot.press("tab")
        app.screen.query_one(Input).value = str(file)
        await pilot.press("enter")
        await fakes.until(lambda: bool(chosen))

    drive(app := make("notices"), test)
    assert chosen == [Chosen(Source(path=file), "talk.wav")]
