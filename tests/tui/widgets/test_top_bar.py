"""The first line says what the session is doing, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from tests import fakes
from tests.tui.conftest import FakeLive, drive, lines
from workbench import events
from workbench.engines import StageKind
from workbench.live import LivePhase
from workbench.models.states import ModelState, Phase
from workbench.tui.app import WorkbenchApp
from workbench.tui.widgets.top_bar import LOOK_S, TopBar

Make = Callable[..., WorkbenchApp]


def model(phase: Phase) -> ModelState:
    return ModelState(StageKind.ASR, "whisper", "tiny", phase)


@pytest.mark.parametrize(
    ("phase", "status", "words"),
    [
        (LivePhase.RECORDING, {}, "REC ● 12:41  lag 0.8 s"),
        (LivePhase.RECORDING, {"lost": True}, "NO DEVICE ✗ 12:41  lag 0.8 s"),
        (LivePhase.RECORDING, {"refused": True, "silent": True}, "NOT STORED ✗ 12:41  lag 0.8 s"),
        (LivePhase.RECORDING, {"silent": True}, "NO SIGNAL ! 12:41  lag 0.8 s"),
        (LivePhase.PAUSED, {}, "PAUSED ‖ 12:41  lag 0.8 s"),
        (LivePhase.FINISHING, {}, "FINISHING ▼  0.8 s left"),
    ],
)
def test_it_tells_what_is_recorded(
    make: Make, live: FakeLive, phase: LivePhase, status: dict[str, Any], words: str
) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert lines(app)[0].endswith(words)
        assert "7 Notices" in lines(app)[0]

    live.phase = phase
    live.given = replace(live.given, captured=761.2, done=760.4, reached=760.4, **status)
    drive(app := make(), test)


@pytest.mark.parametrize(
    ("phases", "words"),
    [
        ((), "IDLE"),
        ((Phase.READY, Phase.READY), "READY ✓"),
        ((Phase.READY, Phase.WARMING, Phase.DOWNLOADING), "LOADING ◌ 1/3"),
        ((Phase.READY, Phase.FAILED, Phase.ABSENT), "2 NOT LOADED ✗"),
    ],
)
def test_it_tells_how_far_the_engines_are(make: Make, live: FakeLive, phases: tuple[Phase, ...], words: str) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert lines(app)[0].endswith(words)

    live.states = tuple(map(model, phases))
    drive(app := make(), test)


def test_a_change_is_on_screen_in_a_moment(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        live.become(model(Phase.LOADING))
        await fakes.until(lambda: lines(app)[0].endswith("LOADING ◌ 0/1"))

    drive(app := make(), test)


def test_what_is_told_shortly_before_a_look_is_painted_together_with_all_that_moves(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        bar = app.screen.query_one(TopBar)
        bar._looked -= LOOK_S
        tell(captured=761.2)
        assert lines(app)[0].endswith("REC ● 12:41  lag 0.0 s")
        tell(captured=762.2)  # a moment later: the next look is not soon
        assert lines(app)[0].endswith("REC ● 12:41  lag 0.0 s")
        await fakes.until(lambda: lines(app)[0].endswith("REC ● 12:42  lag 0.0 s"))

    def tell(captured: float) -> None:
        live.given = replace(live.given, captured=captured, done=captured, reached=captured)
        live.tell(events.SpeechStarted(segment_id=0, start=captured))

    live.phase = LivePhase.RECORDING
    drive(app := make("live"), test)


def test_in_a_narrow_terminal_only_the_current_screen_is_named(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert lines(app)[0].split("   ")[0] == " 1  2  3  4  6  7 Notices"
        assert lines(app)[0].endswith("REC ● 0:00  lag 0.0 s")

    live.phase = LivePhase.RECORDING
    drive(app := make(), test, (60, 15))
