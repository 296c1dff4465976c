from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from textual.pilot import Pilot

from tests import fakes
from tests.tui.conftest import FakeLive, drive
from workbench import events
from workbench.tui.app import WorkbenchApp
from workbench.tui.finishing import finish
from workbench.tui.screens.live import LiveScreen
from workbench.tui.widgets.captions import CaptionView
from workbench.types import Transcript

Make = Callable[..., WorkbenchApp]


def transcript(number: int, text: str) -> events.Transcript:
    said = Transcript(segment_id=number, text=text, language="en", start=6.0 * number, end=6.0 * number + 2)
    return events.Transcript(transcript=said)


class Kept:
    """A recording that a crash left."""

    name = "2026-11-21_090832"

    def told(self) -> list[events.Event]:
        return [transcript(0, "words of before")]


@pytest.mark.parametrize("first", ["live", "sessions"])
def test_the_live_screen_shows_a_session_that_is_finished_from_another_one(
    make: Make, live: FakeLive, first: str
) -> None:
    async def test(pilot: Pilot[int]) -> None:
        live.tell(transcript(5, "of another session"))
        await finish(app, cast(Any, Kept()))
        live.tell(transcript(1, "words of now"))
        await pilot.press("1")
        await fakes.until(lambda: isinstance(app.screen, LiveScreen))
        captions = app.screen.query_one(CaptionView).captions
        assert [caption.text for caption in captions] == ["words of before", "words of now"]

    drive(app := make(first), test)


def test_a_test_of_the_input_gives_way_to_it(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        screen = cast(LiveScreen, app.screen)
        await pilot.press("i")
        await fakes.until(lambda: screen._input.is_tested)
        await finish(app, cast(Any, Kept()))
        live.ended.set()
        await live.finished()
        assert not screen._input.is_tested
        await fakes.until(lambda: not screen._moves)

    drive(app := make("live"), test)
