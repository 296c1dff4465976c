"""The notice screen, and the line that every screen has."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from tests import fakes
from tests.tui.conftest import SIZES, FakeLive, drive, lines, shown
from workbench.events import NoSignal, SignalReturned
from workbench.tui import texts
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.ask import Ask
from workbench.tui.shell import MOST_NOTICES
from workbench.tui.themes import THEMES
from workbench.tui.widgets import notice_line
from workbench.tui.widgets.notice_line import Notice, line

Make = Callable[..., WorkbenchApp]


@pytest.fixture
def some(monkeypatch: pytest.MonkeyPatch) -> list[Notice]:
    """Notices of each kind, of a day in UTC."""
    monkeypatch.setattr(time, "localtime", time.gmtime)
    at = 1795252106.0
    return [
        Notice("USB Audio gives no audio since 12:41. What was captured is kept.", "Waiting for it.", "warning", at),
        Notice("USB Audio is back; 2.5 s are missing at 12:41.", at=at + 4),
        Notice("asr: whisper could not do 12.0 to 14.5 s: out of memory", "4 shows another.", "error", at + 60),
        Notice("会议录音.m4a 不能读取", "检查文件", "error", at + 61),
    ]


def given(app: WorkbenchApp, notices: list[Notice]) -> WorkbenchApp:
    app.notices.extend(notices)
    return app


def test_the_list_follows_new_notices_until_the_reader_goes_back(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        notices = app.screen.query_one(OptionList)
        for word in ("one", "two", "three"):
            app.notice(word)
        await pilot.pause()
        assert notices.highlighted == 2
        await pilot.press("k")
        app.notice("four")
        await pilot.pause()
        assert notices.highlighted == 1
        await pilot.press("G")
        app.notice("five")
        await pilot.pause()
        assert notices.highlighted == 4

    drive(app := make(), test)


def test_what_looks_like_markup_is_shown_as_it_is(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        app.notice("[red]file[/red] [1].wav [", "[bold]")
        await pilot.pause()
        assert any("[red]file[/red] [1].wav [" in text for text in lines(app))

    drive(app := make(), test)


def test_an_empty_list_says_what_comes_there(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert "No notice yet" in "\n".join(lines(app))
        app.notice("the first")
        await pilot.pause()
        assert "No notice yet" not in "\n".join(lines(app))

    drive(app := make(), test)


def test_old_notices_make_room_for_new_ones(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        for number in range(MOST_NOTICES + 5):
            app.notice(str(number))
        await pilot.pause()
        notices = app.screen.query_one(OptionList)
        assert notices.option_count == len(app.notices) == MOST_NOTICES
        await pilot.press("g", "y")
        assert app.clipboard == "5"

    drive(app := make(), test)


def test_a_notice_of_several_lines_is_one_line_below_the_screens() -> None:
    assert line(Notice("one\ntwo", "do this")) == "i  one two  do this"


# how it looks


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_the_screen_looks_as_it_should(
    make: Make, some: list[Notice], snap_compare: Any, size: tuple[int, int]
) -> None:
    assert snap_compare(given(make(), some), terminal_size=size, run_before=shown)


@pytest.mark.parametrize("theme", THEMES[1:], ids=[theme.name for theme in THEMES[1:]])
def test_it_can_be_read_in_other_themes(make: Make, some: list[Notice], snap_compare: Any, theme: Any) -> None:
    assert snap_compare(given(make(theme=theme.name), some), run_before=shown)


def test_kinds_are_told_apart_without_colour(
    make: Make, some: list[Notice], snap_compare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(given(make(), some), run_before=shown)


def test_in_chinese(make: Make, some: list[Notice], snap_compare: Any) -> None:
    texts.use("zh")
    assert snap_compare(given(make(), some), run_before=shown)


def test_a_terminal_that_is_too_small(make: Make, snap_compare: Any) -> None:
    assert snap_compare(make(), terminal_size=(50, 12), run_before=shown)


def test_a_question(make: Make, snap_compare: Any) -> None:
    async def ask(pilot: Pilot[int]) -> None:
        await shown(pilot)
        await pilot.app.push_screen(Ask("A live session is running.", {"s": "stop, and quit", "q": "quit now"}))

    assert snap_compare(make(), run_before=ask)


def test_a_notice_that_has_no_room_takes_two_lines_and_says_where_the_rest_is(make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        app.notice("a reason " * 12, "and the hint")
        await pilot.pause()
        assert "and the hint" in lines(app)[-2]
        app.notice("a reason " * 40, "and the hint")
        await pilot.pause()
        assert lines(app)[-2].endswith("… 7")

    drive(app := make("plugins"), test)


# what the line shows, and for how long


def test_an_information_passes_and_stays_in_the_list(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_line, "PASSES_S", 0.2)

    async def test(pilot: Pilot[int]) -> None:
        app.notice("Theme: dark")
        await pilot.pause()
        assert "Theme: dark" in lines(app)[-2]
        await fakes.until(lambda: not lines(app)[-2].strip())
        assert [notice.message for notice in app.notices] == ["Theme: dark"]

    drive(app := make("plugins"), test)


def test_a_problem_stays_until_it_was_seen(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_line, "PASSES_S", 0.2)

    async def test(pilot: Pilot[int]) -> None:
        app.notice("the disk is full", severity="error")
        app.notice("Theme: dark")
        await pilot.pause()
        assert "Theme: dark" in lines(app)[-2]
        await fakes.until(lambda: "the disk is full" in lines(app)[-2])
        await pilot.press("7")
        await fakes.until(lambda: app.current_mode == "notices")
        await pilot.press("4")
        await fakes.until(lambda: app.current_mode == "plugins")
        await fakes.until(lambda: not lines(app)[-2].strip())

    drive(app := make("plugins"), test)


def test_that_a_signal_came_back_ends_the_warning_that_there_is_none(
    make: Make, live: FakeLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_line, "PASSES_S", 0.2)

    async def test(pilot: Pilot[int]) -> None:
        live.tell(NoSignal(device="mic", position=3.0))
        await fakes.until(lambda: "No signal from mic." in lines(app)[-2])
        live.tell(SignalReturned(device="mic", position=4.0))
        await fakes.until(lambda: "gives a signal again" in lines(app)[-2])
        await fakes.until(lambda: not lines(app)[-2].strip())

    drive(app := make("plugins"), test)
