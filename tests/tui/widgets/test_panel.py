from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.geometry import Region

from workbench.tui.widgets.panel import Line, Panel, changed, fit, spread


@pytest.mark.parametrize(
    ("text", "width", "fitted"),
    [
        ("abc", 5, "abc  "),
        ("abcdef", 4, "abc…"),
        ("中文字", 6, "中文字"),
        ("中文字", 4, "中 …"),
        ("中文字", 5, "中文…"),
        ("a", 0, ""),
        ("a\nb\x1b[31m", 6, "a�b�[…"),
        ("a\u3000b\u202fc", 6, "a\u3000b\u202fc"),
    ],
)
def test_text_is_fitted_to_cells(text: str, width: int, fitted: str) -> None:
    assert fit(text, width) == fitted


def test_the_right_part_keeps_its_place_and_the_left_one_gives_way() -> None:
    left: Line = (("中文字", ""), ("abc", ""))
    assert "".join(text for text, _ in spread(left, (("end", ""),), 12)) == "中文字abcend"
    assert "".join(text for text, _ in spread(left, (("end", ""),), 10)) == "中文字…end"
    assert "".join(text for text, _ in spread(left, (("end", ""),), 14)) == "中文字abc  end"


LINE = st.lists(st.tuples(st.text("ab 中文字", max_size=4), st.sampled_from(["", "dim"])), max_size=4).map(tuple)


@given(LINE, LINE)
def test_what_is_painted_anew_gives_the_new_line_and_no_half_of_a_wide_character(old: Line, new: Line) -> None:
    def cells(line: Line) -> list[tuple[str, str]]:
        shown = [(part, style) for text, style in line for char in text for part in (char, "")[: cell_len(char)]]
        return shown + [(" ", "")] * (40 - len(shown))

    before, after, region = cells(old), cells(new), changed(old, new, 0)
    painted = before[: region.x] + after[region.x : region.right] + before[region.right :]
    assert [text for text, _ in painted] == [text for text, _ in after]
    for edge in (region.x, region.right):
        assert before[edge][0], "an edge inside of a wide character"
        assert after[edge][0], "an edge inside of a wide character"


@pytest.mark.parametrize(
    ("old", "new", "region"),
    [
        ("e\u0301t\u0301", "e\u0301t", Region(1, 0, 1, 1)),
        ("กา", "ก่า", Region(0, 0, 1, 1)),
        ("नमस्ते अ", "नमस्ते ब", Region(5, 0, 1, 1)),
        ("👩\u200d💻 a", "👩\u200d💻 b", Region(3, 0, 1, 1)),
        ("❤ a", "❤\ufe0f a", Region(0, 0, 4, 1)),
    ],
)
def test_accents_and_joiners_are_part_of_their_cell(old: str, new: str, region: Region) -> None:
    assert changed(((old, ""),), ((new, ""),), 0) == region


def test_only_the_cells_that_changed_are_painted() -> None:
    painted: list[Region] = []

    class Watched(Panel):
        def refresh(self, *regions: Region, **kwargs: bool) -> Watched:
            painted.extend(regions)
            return super().refresh(*regions, **kwargs)

    class Shower(App[None]):
        def compose(self) -> ComposeResult:
            yield Watched()

    async def run() -> None:
        app = Shower()
        async with app.run_test(size=(20, 4)) as pilot:
            panel = app.query_one(Watched)
            panel.show([(("level ", ""), ("12", "good")), (("same", ""),)])
            await pilot.pause()
            painted.clear()
            panel.show([(("level ", ""), ("12", "good")), (("same", ""),)])
            assert painted == []
            panel.show([(("level ", ""), ("13", "good")), (("same", ""),)])
            assert painted == [Region(7, 0, 1, 1)]
            painted.clear()
            panel.show([(("level ", ""), ("13", "bad"))])
            assert painted == [Region(6, 0, 2, 1), Region(0, 1, 4, 1)]

    asyncio.run(run())


def test_colours_follow_the_theme() -> None:
    class Coloured(App[None]):
        def compose(self) -> ComposeResult:
            yield Panel()

    async def run() -> None:
        app = Coloured()
        async with app.run_test(size=(20, 4)) as pilot:
            panel, colours = app.query_one(Panel), []
            panel.show([(("level", "dim"),)])
            for app.theme in ("textual-dark", "textual-light"):
                await pilot.pause()
                (segment, *_rest) = panel.render_line(0)
                assert segment.style is not None
                colours.append(segment.style.color)
                assert segment.style == panel.get_component_rich_style("dim")
            assert colours[0] != colours[1]

    asyncio.run(run())


def test_nothing_that_a_terminal_would_obey_is_painted() -> None:
    class OnePanel(App[None]):
        def compose(self) -> ComposeResult:
            yield Panel()

    async def driven() -> None:
        app = OnePanel()
        async with app.run_test(size=(20, 2)):
            panel = app.query_one(Panel)
            panel.show([(("new\nline\x1b[2J.wav", ""),)])
            assert panel.render_line(0).text == "new�line�[2J.wav".ljust(20)

    asyncio.run(driven())
