"""The list of files: which lines are in view, and where the cursor is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.geometry import Region

from tests import fakes
from workbench.engines import Settings
from workbench.jobs.queue import Entry
from workbench.jobs.request import Request
from workbench.outputs import Targets
from workbench.profiles.schema import Profile
from workbench.tui.widgets.job_table import JobTable


def entry(number: int, name: str = "") -> Entry:
    targets = Targets(Path(name or f"file{number}.wav"), ())
    request = Request(targets=targets, settings=Settings(), profile=Profile(schema=1, name="quick"))
    return Entry(number=number, request=request)


def show(test: Callable[[JobTable], Awaitable[None]], size: tuple[int, int] = (80, 6)) -> None:
    class OneTable(App[None]):
        def compose(self) -> ComposeResult:
            yield JobTable()

    async def driven() -> None:
        app = OneTable()
        async with app.run_test(size=size) as pilot:
            table = app.query_one(JobTable)
            table.styles.height = size[1]
            await pilot.pause()
            await test(table)

    fakes.run(driven)


def names(table: JobTable) -> list[str]:
    return [line[14:].split()[0] for line in table.plain[1:]]


def test_the_cursor_stays_in_sight_and_on_its_file() -> None:
    async def test(table: JobTable) -> None:
        table.show_entries([entry(n) for n in range(1, 21)], 0.0)
        assert names(table) == [f"file{n}.wav" for n in range(1, 6)]
        table.action_page_down()
        table.action_cursor_down()
        assert names(table) == [f"file{n}.wav" for n in range(3, 8)]
        assert table.plain[-1].startswith("> ")
        assert str(table.border_subtitle) == "3-7 of 20"
        table.show_entries([entry(n) for n in range(5, 21)], 0.0)
        assert table.selected is not None
        assert table.selected.number == 7
        table.action_last()
        assert names(table)[-1] == "file20.wav"
        table.action_page_up()
        table.action_first()
        table.action_cursor_up()
        assert table.selected.number == 5

    show(test)


def test_a_file_that_is_taken_away_gives_the_cursor_to_the_next() -> None:
    async def test(table: JobTable) -> None:
        table.show_entries([entry(n) for n in (1, 2, 3)], 0.0)
        table.action_last()
        table.show_entries([entry(n) for n in (1, 2)], 0.0)
        assert table.selected is not None
        table.show_entries([], 0.0)
        assert table.selected is None
        table.action_cursor_down()
        assert "No files yet" in table.plain[1]

    show(test)


def test_each_line_has_the_width_of_the_list_whatever_a_file_is_called() -> None:
    async def test(table: JobTable) -> None:
        named = [entry(1, "会议录音" * 20 + ".mkv"), entry(2, "👩‍👩‍👧 é.wav"), replace(entry(3), duration=5.0)]
        table.show_entries(named, 0.0)
        assert {cell_len(line) for line in table.plain} == {80}

    show(test)


def test_only_what_changed_is_painted() -> None:
    async def test(table: JobTable) -> None:
        entries = [replace(entry(n), duration=100.0) for n in (1, 2, 3)]
        table.show_entries(entries, 0.0)
        painted: list[Region] = []
        table.refresh = lambda *regions, **_: painted.extend(regions)  # type: ignore[method-assign,assignment]
        table.show_entries(list(entries), 5.0)
        assert painted == []
        table.show_entries([*entries[:2], replace(entries[2], position=1.0)], 5.0)
        (region,) = painted
        assert (region.y, region.height) == (3, 1)
        assert region.width == 1, "a digit"

    show(test)
