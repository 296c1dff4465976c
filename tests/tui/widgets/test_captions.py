from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.style import Style
from textual.app import App, ComposeResult
from textual.events import MouseScrollUp
from textual.pilot import Pilot
from textual.strip import Strip

from tests import fakes
from workbench import events
from workbench.tui.widgets.captions import CaptionView
from workbench.types import Transcript

LONG = "So the checkpoint is only written after the segment is final, and the folder is synchronized too."
CHINESE = "因此只有在片段确定之后才会写入检查点。"


class Viewer(App[None]):
    def compose(self) -> ComposeResult:
        yield CaptionView()


def look(test: Callable[[CaptionView, Pilot[None]], Awaitable[None]], size: tuple[int, int] = (40, 8)) -> None:
    async def driven() -> None:
        app = Viewer()
        async with app.run_test(size=size) as pilot:
            view = app.query_one(CaptionView)
            view.focus()
            await pilot.pause()
            await test(view, pilot)

    fakes.run(driven)


def said(number: int, text: str = "", *, final: bool = True, stable: str = "") -> Transcript:
    start = 10.0 * number
    return Transcript(
        segment_id=number,
        text=text or f"caption {number}",
        language="en",
        start=start,
        end=start + 2,
        stable=stable,
        is_final=final,
    )


def tell(view: CaptionView, number: int, text: str = "", **kwargs: Any) -> None:
    view.take(events.Transcript(transcript=said(number, text, **kwargs)), "zh" if kwargs.get("target") else None)


def translate(view: CaptionView, number: int, text: str, source: str = "", *, final: bool = True) -> None:
    transcript = said(number, source)
    translation = replace(transcript.translated(text, "zh"), is_final=final)
    view.take(events.Translation(transcript=transcript, translation=translation))


def rows(view: CaptionView) -> list[str]:
    """What is seen."""
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


def styles(view: CaptionView, y: int) -> list[tuple[str, Style]]:
    return [(segment.text, segment.style or Style()) for segment in view.render_line(y)]


def test_final_text_is_plain_and_interim_text_dim_and_italic_but_for_what_is_stable() -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        tell(view, 0, "Final.")
        tell(view, 1, "stays moves", final=False, stable="stays")
        assert rows(view)[:2] == ["     0:00  Final.", "     0:10~ stays moves"]
        (plain,) = [style for text, style in styles(view, 0) if text == "Final."]
        (stable,) = [style for text, style in styles(view, 1) if text == "stays"]
        (moving,) = [style for text, style in styles(view, 1) if text == " moves"]
        assert not plain.italic
        assert stable.italic
        assert not stable.dim
        assert moving.italic
        assert moving.dim

    look(test)


def test_words_keep_their_place_and_the_box_does_not_shrink_while_someone_speaks() -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        tell(view, 0, "so this is a checkpoint and it is written", final=False)
        assert rows(view)[:2] == ["     0:00~ so this is a checkpoint and", "           it is written"]
        tell(view, 0, "so this is a chat", final=False)
        assert view._rows.height == 2
        tell(view, 0, "so this is a chat and it", final=False)
        assert rows(view)[0] == "     0:00~ so this is a chat and it"
        assert view._rows.height == 2
        tell(view, 0, "So this is a chat.")
        assert view._rows.height == 1

    look(test)


def test_lines_are_seldom_broken_anew_while_text_grows() -> None:
    words = (LONG + " ").split(" ") * 3
    rebroken = 0

    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        nonlocal rebroken
        for count in range(1, len(words)):
            before = rows(view)
            guessed = words[:count] + ["ume"] * (count % 3 == 0)  # every third look ends in a wrong word
            tell(view, 0, " ".join(guessed), final=False, stable=" ".join(words[: count - 2]))
            lines = zip(before, rows(view), strict=True)
            rebroken += sum(1 for old, new in lines if old.strip() and not new.startswith(old.removesuffix(" ume")))
        assert view._rows.height > 6

    look(test, size=(60, 20))
    assert rebroken == 0


def test_a_translation_stands_under_its_source_and_its_line_is_kept_free() -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        view.take(events.Transcript(transcript=said(0, "One.")), "zh")
        tell(view, 1, "Two.")
        assert rows(view)[:3] == ["     0:00  One.", "           ~ …", "     0:10  Two."]
        translate(view, 0, "一。", "One.")
        assert rows(view)[:3] == ["     0:00  One.", "           一。", "     0:10  Two."]
        view.lay_out(times=True, order="translation-first")
        assert rows(view)[:3] == ["     0:00  一。", "           One.", "     0:10  Two."]
        view.lay_out(times=False, order="translation")
        assert rows(view)[:2] == ["   一。", "   Two."]
        view.lay_out(times=False, order="source")
        assert rows(view)[:2] == ["   One.", "   Two."]

    look(test)


def test_an_interim_translation_can_be_told_from_a_final_one() -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        tell(view, 0, "One", final=False)
        translate(view, 0, CHINESE, "One", final=False)
        assert rows(view)[1:3] == ["         ~ 因此只有在片段确定之后才会写", "           入检查点。"]
        tell(view, 0, "One.")
        translate(view, 0, "一。", "One.")
        assert rows(view)[1] == "           一。"

    look(test)


def test_it_follows_until_one_scrolls_up_and_counts_what_is_new() -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        for number in range(30):
            tell(view, number)
        await pilot.pause()
        assert rows(view)[-1].endswith("caption 29")
        await pilot.press("pageup")
        assert not view.follow
        seen = rows(view)
        for number in range(30, 33):
            tell(view, number)
        await pilot.pause()
        assert rows(view) == seen
        assert view.unseen == 3
        await pilot.press("end")
        assert (view.follow, view.unseen) == (True, 0)
        assert rows(view)[-1].endswith("caption 32")
        await pilot.press("home")
        assert rows(view)[0] == ">    0:00  caption 0"

    look(test)


def test_scrolling_to_the_end_follows_again() -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        for number in range(30):
            tell(view, number)
        await pilot.pause()
        await pilot.press("pageup", "pageup", "pagedown")
        assert not view.follow
        await pilot.press("pagedown")
        assert view.follow

    look(test)


def test_captions_are_selected_and_copied_with_and_without_times() -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        for number in range(12):
            tell(view, number)
        translate(view, 10, "十")
        await pilot.pause()
        assert len(view.copied().splitlines()) == 13
        await pilot.press("up", "up")
        assert view.copied() == "1:40 caption 10\n     十"
        await pilot.press("K")
        assert view.copied() == "1:30 caption 9\n1:40 caption 10\n     十"
        assert [row[0] for row in rows(view)[-4:]] == [">", ">", ">", " "]
        view.lay_out(times=False, order="source")
        assert view.copied() == "caption 9\ncaption 10"
        await pilot.press("escape")
        assert len(view.copied().splitlines()) == 12

    look(test)


def test_the_mouse_scrolls_selects_captions_and_marks_text() -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        for number in range(12):
            tell(view, number)
        await pilot.pause()
        await pilot.click(view, offset=(14, 2))
        assert view.copied() == "1:00 caption 6"
        await pilot.press("end")
        await pilot.mouse_down(view, offset=(11, 1))
        await pilot.hover(view, offset=(18, 2))
        await pilot.mouse_up(view, offset=(18, 2))
        await pilot.pause()
        assert pilot.app.screen.get_selected_text() == "caption 5\n     1:00  caption "
        view.post_message(MouseScrollUp(view, 5, 5, 0, -1, 0, False, False, False))
        await pilot.pause()
        assert not view.follow

    look(test)


def test_text_is_found_marked_and_gone_to() -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        for number in range(40):
            tell(view, number, "A needle here" if number % 10 == 5 else "")
        translate(view, 7, "针 NEEDLE")
        await pilot.pause()
        assert view.find("needle", 0) == "5 of 5"
        assert view.find("needle", 1) == "1 of 5"
        assert [row for row in rows(view) if row.startswith(">")] == [">    0:50  A needle here"]
        (row,) = [y for y, row in enumerate(rows(view)) if row.startswith(">")]
        (found,) = [style for text, style in styles(view, row) if text == "needle"]
        assert found.reverse
        assert view.find("needle", 1) == "2 of 5"
        assert view.find("needle", -1) == "1 of 5"
        assert view.find("haystack", 0) == "nowhere"
        assert view.find("", 0) == ""

    look(test)


@pytest.mark.parametrize("size", [(30, 6), (61, 9), (157, 40)])
def test_every_line_is_as_wide_as_the_screen_whatever_the_script(size: tuple[int, int]) -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        for number, text in enumerate([LONG, CHINESE * 4, "ｱｲｳ 한국어 🙂 é", CHINESE + LONG]):
            view.take(events.Transcript(transcript=said(number, text)), "zh")
            translate(view, number, CHINESE * 3, text)
        await pilot.pause()
        for y in range(view.size.height):
            assert cell_len(view.render_line(y).text) == view.size.width
            assert cell_len(view.render_line(y).text.rstrip()) <= size[0] - 1, "the last column is the scroll bar's"

    look(test, size)


@pytest.mark.parametrize("width", range(30, 60))
def test_no_word_is_cut_off_at_the_scroll_bar(width: int) -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        tell(view, 0, LONG)
        await pilot.pause()
        assert " ".join(row[11:].strip() for row in rows(view)).strip() == LONG
        assert max(map(len, rows(view))) < width

    look(test, (width, 12))


def test_text_is_broken_anew_when_the_terminal_is_resized() -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        tell(view, 0, LONG)
        assert view._rows.height == 4
        await pilot.resize_terminal(120, 8)
        await pilot.pause()
        assert rows(view)[0].endswith(LONG)
        assert view._rows.height == 1

    look(test)


def test_ten_thousand_captions_cost_no_more_than_those_that_are_seen() -> None:
    def cost_after(count: int) -> float:
        """Seconds of this thread to show a caption as it is said, below so many others."""
        costs: list[float] = []

        async def test(view: CaptionView, pilot: Pilot[None]) -> None:
            view.restore(events.Transcript(transcript=said(number, LONG)) for number in range(count))
            await pilot.pause()
            for _ in range(3):
                began = time.thread_time()
                for length in range(len(LONG)):
                    tell(view, count, LONG[:length], final=False)
                    rows(view)
                costs.append(time.thread_time() - began)
            assert rows(view)[-1].strip()

        look(test)
        return min(costs)

    assert cost_after(10_000) < 3 * cost_after(10)


def test_a_session_that_is_opened_again_shows_what_was_told_before() -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        tell(view, 0, "gone")
        view.restore([events.Transcript(transcript=said(number)) for number in range(3)])
        assert [row.split("  ")[-1] for row in rows(view)[:3]] == ["caption 0", "caption 1", "caption 2"]
        view.restore([])
        assert not any(rows(view))

    look(test)


def test_another_width_is_seen_at_once_and_the_same_caption_stays_on_top() -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        view.restore(events.Transcript(transcript=said(number, f"{number} {LONG}")) for number in range(2000))
        await pilot.app.workers.wait_for_complete()
        view.go_to(1000)
        await pilot.press("escape")
        on_top = next(row.split()[1] for row in rows(view) if ":" in row)
        view.styles.width = 30
        await fakes.until(lambda: view.size.width == 30)
        await pilot.pause()
        assert max(map(len, rows(view))) < 30
        assert next(row.split()[1] for row in rows(view) if ":" in row) == on_top
        await pilot.app.workers.wait_for_complete()
        assert next(row.split()[1] for row in rows(view) if ":" in row) == on_top
        assert {placed.shape for placed in view._rows.placed} == {view.shape}
        view.action_first()
        assert rows(view)[0].startswith(">    0:00  0 So the")

    look(test, (60, 12))


def test_text_that_comes_while_the_rest_is_laid_out_is_followed() -> None:
    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        view.restore(events.Transcript(transcript=said(number, LONG)) for number in range(2000))
        tell(view, 2000, "the newest one")
        assert rows(view)[-1].endswith("the newest one")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert view.follow
        assert rows(view)[-1].endswith("the newest one")
        assert view._rows.height > 4000

    look(test)


def test_rows_that_are_empty_are_not_painted_again() -> None:
    painted: list[int] = []

    async def test(view: CaptionView, pilot: Pilot[None]) -> None:
        tell(view, 0, "One", final=False)
        await pilot.pause()
        paint = view.render_line

        def render_line(y: int) -> Strip:
            painted.append(y)
            return paint(y)

        view.render_line = render_line  # type: ignore[method-assign]
        tell(view, 0, "One two", final=False)
        tell(view, 1, "Three", final=False)
        await pilot.pause()
        assert set(painted) == {0, 1}

    look(test)
