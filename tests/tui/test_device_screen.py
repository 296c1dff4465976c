"""The list of devices on a machine that is slow to tell them, and while it changes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from textual.pilot import Pilot
from textual.widgets import OptionList

from tests import fakes
from tests.tui.conftest import drive
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
        may_tell.wait(10)
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
