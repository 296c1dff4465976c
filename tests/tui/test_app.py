"""The interface's manners: screens by number, moving, finding, copying, notices, leaving."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from tests import fakes
from tests.tui.conftest import SIZES, FakeLive, drive, lines
from workbench import events
from workbench.errors import MissingError, OutputError
from workbench.live import LivePhase
from workbench.tui import texts
from workbench.tui.app import WorkbenchApp
from workbench.tui.choices import Choices
from workbench.tui.screens.ask import Ask
from workbench.tui.screens.palette import Palette
from workbench.tui.themes import DARK, LIGHT

Make = Callable[..., WorkbenchApp]


def said(app: WorkbenchApp) -> list[str]:
    return [notice.message for notice in app.notices]


def current(app: WorkbenchApp) -> int | None:
    return app.screen.query_one(OptionList).highlighted


# screens


def test_the_screen_that_was_shown_last_is_shown_first(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert app.current_mode == "notices"
        assert lines(app)[0].startswith(" 1 Live  2 Jobs  3 Profile  4 Plugins  6 Sessions  7 Notices")

    drive(app := make("notices"), test)


def test_a_screen_that_was_remembered_and_is_gone_is_no_obstacle(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert app.current_mode == "live"

    app = make("cinema")
    app._modes["live"] = app._modes["notices"]
    drive(app, test)


def test_a_number_shows_its_screen_and_is_remembered(make: Make, folders: Path) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("4")
        await fakes.until(lambda: app.current_mode == "plugins")
        await pilot.press("7")
        await pilot.press("q")

    drive(app := make("notices"), test)
    assert json.loads((folders / "state" / "interface.json").read_bytes())["screen"] == "notices"


def test_a_click_on_a_tab_shows_its_screen(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.click("TopBar", offset=(lines(app)[0].index("Plugins"), 0))
        await fakes.until(lambda: app.current_mode == "plugins")

    drive(app := make("notices"), test)


def test_a_screen_that_is_shown_again_has_the_theme_and_the_size_of_now(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("4", "7")
        app.use_theme("workbench-light")
        await pilot.resize_terminal(130, 40)
        await pilot.press("4")
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
        styles = [segment.style for strip in strips for segment in strip if segment.style]
        grounds = {style.bgcolor.name for style in styles if style.bgcolor}
        assert grounds & {LIGHT.background, LIGHT.surface}
        assert not grounds & {DARK.background, DARK.surface, DARK.panel}
        assert {strip.cell_length for strip in strips} == {130}

    drive(app := make("notices"), test)


@pytest.mark.parametrize(("key", "instead"), [("5", "4 Plugins")])
def test_a_number_without_a_screen_says_what_to_use_instead(make: Make, key: str, instead: str) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press(key)
        assert instead in " ".join(lines(app)[-3:-1])

    drive(app := make("profile"), test)


def test_a_terminal_that_is_too_small_is_told_the_size_it_needs(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert any("Too small: 50x12. Needed: 60x15." in line for line in lines(app))
        await pilot.resize_terminal(60, 15)
        await pilot.pause()
        assert not any("Needed" in line for line in lines(app))

    drive(app := make(), test, (50, 12))


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_chinese_and_emoji_keep_every_line_as_wide_as_the_terminal(make: Make, size: tuple[int, int]) -> None:
    async def test(pilot: Pilot[int]) -> None:
        app.notice("会议录音.m4a 不能读取 👩🏽‍🚀 " * 5, "检查文件 " * 20, "error")
        await pilot.pause()
        assert {strip.cell_length for strip in app.screen._compositor.render_strips()} == {size[0]}
        assert all(cell_len(line) <= size[0] for line in lines(app))

    texts.use("zh")
    drive(app := make(), test, size)


# the live session


def test_it_holds_the_live_session_until_the_end(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert live.entered
        assert live.told == [("change", {})], "the engines are loaded from the start"
        await pilot.press("q")

    drive(app := make(), test)
    assert not live.entered
    assert app.return_code == 0


def test_keys_before_it_is_open_wait_for_it(live: FakeLive) -> None:
    async def test() -> None:
        may_open = asyncio.Event()

        async def open_live() -> Any:
            await may_open.wait()
            return live

        app = WorkbenchApp(open_live, Choices(screen="plugins", welcomed=True))
        async with app.run_test() as pilot:
            assert "Looking for engines" in "\n".join(lines(app))
            await pilot.press("7", "y", "?")
            may_open.set()
            await fakes.until(lambda: app.current_mode == "notices")

    fakes.run(test)


def test_a_session_that_cannot_be_opened_ends_it_with_that_error() -> None:
    async def open_live() -> Any:
        raise MissingError("no engines at all", hint="Install some.")

    async def test() -> None:
        app = WorkbenchApp(open_live, Choices(welcomed=True))
        with pytest.raises(MissingError):
            async with app.run_test():
                await fakes.until(lambda: app.failure is not None)
        assert isinstance(app.failure, MissingError)
        assert app.return_code == 1

    fakes.run(test)


def test_an_error_of_a_screen_ends_it_without_a_traceback(make: Make, live: FakeLive, capsys: Any) -> None:
    app = make()

    async def test(pilot: Pilot[int]) -> None:
        app.call_later(lambda: 1 / 0)
        await pilot.pause()

    with pytest.raises(ZeroDivisionError):
        drive(app, test)
    assert isinstance(app.failure, ZeroDivisionError)
    assert not live.entered
    assert capsys.readouterr() == ("", "")


def test_an_error_of_work_in_the_background_ends_it_with_that_error(make: Make, live: FakeLive) -> None:
    async def finished() -> None:
        raise OutputError("the disk is full", hint="Make room.")

    async def test(pilot: Pilot[int]) -> None:
        live.phase = LivePhase.RECORDING
        await pilot.press("q", "s")
        await fakes.until(lambda: app.failure is not None)

    live.finished = finished  # type: ignore[method-assign]
    app = make()
    with pytest.raises(OutputError):
        drive(app, test)
    assert isinstance(app.failure, OutputError)


def test_who_leaves_while_it_starts_waits_for_no_engines(live: FakeLive) -> None:
    async def test() -> None:
        may_open = asyncio.Event()

        async def open_live() -> Any:
            await may_open.wait()
            return live

        app = WorkbenchApp(open_live, Choices(screen="notices", welcomed=True))
        async with app.run_test() as pilot:
            await pilot.press("q")
            may_open.set()
        assert not app.is_open

    fakes.run(test)


@pytest.mark.parametrize(
    ("event", "message", "severity"),
    [
        (
            events.DeviceLost(device="USB Audio", position=761.0, message="gone"),
            "USB Audio gives no audio since 12:41. What was captured is kept.",
            "warning",
        ),
        (
            events.DeviceReturned(device="USB Audio", start=761.0, end=763.5),
            "USB Audio is back; 2.5 s are missing at 12:41.",
            "information",
        ),
        (events.NoSignal(device="USB Audio", position=3.0), "No signal from USB Audio.", "warning"),
        (events.SignalReturned(device="USB Audio", position=4.0), "USB Audio gives a signal again.", "information"),
        (
            events.Overflow(device="USB Audio", position=60.0, count=2),
            "USB Audio: samples were lost at 1:00, 2 times so far.",
            "warning",
        ),
        (events.Error(code="stage", message="asr failed", hint="Try another."), "asr failed", "error"),
    ],
)
def test_what_happens_to_the_session_is_told_on_every_screen(
    make: Make, live: FakeLive, event: events.Event, message: str, severity: str
) -> None:
    async def test(pilot: Pilot[int]) -> None:
        live.tell(events.Progress(position=1.0))
        live.tell(event)
        assert [(notice.message, notice.severity) for notice in app.notices] == [(message, severity)]

    drive(app := make(), test)


def test_sessions_that_were_interrupted_are_offered(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await fakes.until(lambda: bool(app.notices))
        assert said(app) == ["Sessions that were interrupted: 2. What they captured is safe."]
        assert app.notices[0].hint.startswith("6 ")

    from workbench import sessions

    monkeypatch.setattr(sessions, "interrupted", lambda: [object(), object()])
    drive(app := make(), test)


def test_what_the_interface_is_made_of_is_not_looked_through_for_garbage(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("4")
        assert gc.get_freeze_count() > 10_000
        assert not any(looked_through is app.screen for looked_through in gc.get_objects())

    drive(app := make(), test)
    assert app.animation_level == "none"


# lists


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        (["g"], 0),
        (["home"], 0),
        (["g", "j", "j"], 2),
        (["g", "down", "down"], 2),
        (["g", "j", "j", "k"], 1),
        (["g", "j", "up"], 0),
        (["g", "G"], 29),
        (["g", "end"], 29),
        (["g", "ctrl+d", "ctrl+u"], 0),
    ],
)
def test_arrows_and_letters_move_in_lists(make: Make, keys: list[str], place: int) -> None:
    async def test(pilot: Pilot[int]) -> None:
        for number in range(30):
            app.notice(f"notice {number}")
        await pilot.press(*keys)
        assert current(app) == place

    drive(app := make(), test)


def test_letters_page_through_a_list(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        for number in range(60):
            app.notice(f"notice {number}")
        await pilot.press("g", "ctrl+d")
        by_letter = current(app)
        await pilot.press("g", "pagedown")
        assert current(app) == by_letter != 0

    drive(app := make(), test)


def test_finding_goes_from_match_to_match_and_back(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        for word in ("disk", "device", "disk", "model", "DISK"):
            app.notice(f"the {word}")
        await pilot.press("g", "/", *"disk")
        assert "1 of 3" in lines(app)[-2]
        await pilot.press("enter", "n")
        assert current(app) == 2
        assert lines(app)[-2].strip() == "/disk  2 of 3"
        await pilot.press("N", "N")
        assert current(app) == 4

    drive(app := make(), test)


def test_escape_ends_finding_and_gives_the_list_the_focus_back(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        app.notice("one")
        await pilot.press("/", *"zzz")
        assert isinstance(app.focused, Input)
        assert "nothing found" in lines(app)[-2]
        await pilot.press("escape")
        assert isinstance(app.focused, OptionList)
        await pilot.press("n")
        assert lines(app)[-2].strip().startswith("Nothing is searched for")

    drive(app := make(), test)


# notices and copying


def test_a_notice_takes_no_focus_and_is_kept(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        focused = app.focused
        app.notice("The disk is full.", "Make room.", "error")
        app.notify("said by a library", title="Note", severity="warning")
        await pilot.pause()
        assert app.focused is focused
        assert not lines(app)[-2].strip(), "the list shows it already"
        assert any("!  Note: said by a library" in line for line in lines(app))
        assert any("x  The disk is full." in line for line in lines(app))

    drive(app := make(), test)


def test_copied_text_is_also_in_a_file(make: Make, folders: Path) -> None:
    async def test(pilot: Pilot[int]) -> None:
        app.notice("The disk is full.", "Make room.")
        await pilot.press("y")
        await fakes.until(lambda: len(app.notices) == 2)
        assert app.clipboard == "The disk is full.\nMake room."
        assert app.notices[-1].hint == f"Also in {folders / 'state' / 'clipboard.txt'}"

    drive(app := make(), test)
    assert (folders / "state" / "clipboard.txt").read_text() == "The disk is full.\nMake room."


def test_a_copy_that_cannot_be_kept_in_a_file_says_so(make: Make, folders: Path) -> None:
    async def test(pilot: Pilot[int]) -> None:
        app.copy("text")
        await fakes.until(lambda: bool(app.notices))
        assert said(app)[0].startswith("Copied to the clipboard only: ")

    (folders / "state" / "clipboard.txt").mkdir()
    drive(app := make(), test)


def test_copying_nothing_says_so(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("y")
        assert said(app) == ["There is nothing to copy here."]

    drive(app := make(), test)


# the palette, themes, languages


@pytest.mark.parametrize("key", ["colon", "ctrl+p"])
def test_the_palette_knows_the_actions_of_the_screen(make: Make, key: str) -> None:
    async def test(pilot: Pilot[int]) -> None:
        app.notice("one")
        await pilot.press(key)
        assert isinstance(app.screen, Palette)
        await pilot.press(*"high-contrast")
        await fakes.until(lambda: any("Theme: high-contrast" in line for line in lines(app)))
        await pilot.press("enter")
        await fakes.until(lambda: app.theme == "high-contrast")
        names = {command.title for command in app.get_system_commands(app.screen)}
        assert {"Live", "Find", "Copy", "Quit", "Language: 中文", "Reset layout"} <= names

    drive(app := make(), test)


def test_a_theme_is_chosen_by_key_and_kept(make: Make, folders: Path) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("f2")
        assert app.theme == "workbench-light"

    drive(app := make(), test)
    assert json.loads((folders / "state" / "interface.json").read_bytes())["theme"] == "workbench-light"


def test_a_language_is_for_the_next_start(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        app.use_language("zh")
        app.reset_layout()
        assert "7 Notices" in lines(app)[0]

    drive(app := make(layout={"live": {"wide": True}}), test)
    assert app.choices.language == "zh"
    assert app.choices.layout == {}


def test_a_click_on_a_key_in_the_footer_presses_it(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.click("KeyLine", offset=(lines(app)[-1].index("Find"), 0))
        await fakes.until(lambda: isinstance(app.focused, Input))

    drive(app := make(), test)


def test_the_footer_shows_the_keys_of_what_has_the_focus(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert lines(app)[-1].split("  ") == [" / Find", "y Copy", "q Quit", ": Commands", "? Help"]
        await pilot.press("/")
        await pilot.pause()
        assert "esc Stop searching" in lines(app)[-1]
        assert "/ Find" not in lines(app)[-1], "it is text now"

    drive(app := make(), test)


# leaving


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
def test_leaving_while_it_records_asks_first(make: Make, live: FakeLive, key: str) -> None:
    async def test(pilot: Pilot[int]) -> None:
        live.phase = LivePhase.RECORDING
        await pilot.press(key)
        assert isinstance(app.screen, Ask)
        await pilot.press("escape")
        assert not isinstance(app.screen, Ask)
        assert live.entered
        await pilot.press(key, "q")

    drive(app := make(), test)
    assert app.return_code == 0
    assert "stop" not in live.told


def test_ctrl_c_once_more_leaves_at_once(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        live.phase = LivePhase.RECORDING
        await pilot.press("ctrl+c", "ctrl+c")

    drive(app := make(), test)
    assert app.return_code == 0
    assert "stop" not in live.told


def test_it_can_finish_the_session_before_it_leaves(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        live.phase = LivePhase.RECORDING
        await pilot.press("q", "s")
        await fakes.until(lambda: not app.is_running)

    drive(app := make(), test)
    assert live.told[-1] == "stop"
    assert live.phase is LivePhase.IDLE


def test_screens_are_imported_when_they_are_shown() -> None:
    import subprocess

    code = "import sys, workbench.tui.app; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"numpy", "pydantic", "av", "sounddevice", "psutil", "workbench.live", "workbench.tui.screens.notices"}
    assert not heavy & set(modules)
