from __future__ import annotations

from dataclasses import replace

import pytest

from tests.tui.widgets.looks import shown, texts
from workbench.engines import StageKind
from workbench.live import StageStatus
from workbench.models.states import ModelState, Phase
from workbench.tui.widgets.stages import StagePanel

ASR = ModelState(StageKind.ASR, "faster-whisper", "tiny.en", Phase.READY)
VAD = ModelState(StageKind.VAD, "silero-vad", "", Phase.READY)
BUSY = StageStatus(
    kind=StageKind.ASR,
    engine="faster-whisper",
    model="tiny.en",
    latency_p50_s=0.64,
    latency_p95_s=0.9,
    depth=1,
    high_water=8,
    dropped=3,
    failed=2,
)


def rows(
    *states: ModelState, stages: tuple[StageStatus, ...] = (), width: int = 78, compact: bool = False
) -> list[str]:
    panel = StagePanel()
    with shown(panel, (width, 20), lambda panel: panel.show_stages(states, stages, compact=compact)):
        return texts(panel)


def test_a_stage_tells_its_latency_its_queue_and_what_went_wrong() -> None:
    head, row = rows(ASR, stages=(BUSY,))
    assert head.split() == ["Stages", "engine", "state", "p50", "/", "p95", "queue", "drop", "fail"]
    words = row.split()
    assert words[0] == "text"
    assert words[-9:] == ["✓", "ready", "640", "/", "900", "ms", "1/8", "3", "!2"]


def test_the_same_is_told_in_a_narrow_panel() -> None:
    assert rows(ASR, stages=(BUSY,), width=46)[1:] == [
        "text        faster-whisper tiny.en     ✓ ready",
        "   640 / 900 ms  queue 1/8  drop 3  fail !2",
    ]


@pytest.mark.parametrize("width", [78, 46])
@pytest.mark.parametrize(
    ("model", "title"), [("tiny.en", "faster-whisper tiny.en"), ("large-v3-turbo", "large-v3-turbo")]
)
def test_no_name_is_cut_off_and_a_model_says_more_than_its_engine(width: int, model: str, title: str) -> None:
    state, stage = replace(ASR, model=model), replace(BUSY, model=model, latency_p50_s=12.345, latency_p95_s=67.89)
    row = rows(state, stages=(stage,), width=width)[1]
    assert row.removeprefix("text").split("✓")[0].strip() == title
    assert "…" not in row


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (
            replace(ASR, phase=Phase.ABSENT, message="it is not here\nworkbench models get"),
            "✗ not here  it is not here  work",
        ),
        (replace(ASR, phase=Phase.DOWNLOADING, done=41, total=100), "↓ downloading 41 %"),
        (replace(ASR, phase=Phase.DOWNLOADING, done=41), "↓ downloading"),
        (replace(ASR, phase=Phase.LOADING), "◌ loading"),
        (replace(ASR, phase=Phase.WARMING), "◌ warming up"),
        (replace(ASR, phase=Phase.FAILED, message="broken"), "✗ failed  broken"),
        (replace(ASR, phase=Phase.UNLOADING), "▽ unloading"),
        (replace(ASR, phase=Phase.LOADING, next="faster-whisper small"), "◌ loading  next: faster-whisper small"),
    ],
)
def test_each_state_has_a_word_and_says_what_comes_next(state: ModelState, told: str) -> None:
    assert told in rows(state)[1]


def test_figures_belong_to_the_engine_that_made_them() -> None:
    other = replace(ASR, model="small.en", phase=Phase.LOADING)
    _head, old, new = rows(ASR, other, stages=(BUSY,))
    assert "640" in old
    assert "640" not in new


def test_a_small_terminal_has_them_in_one_line() -> None:
    assert rows(VAD, ASR, stages=(BUSY,), compact=True) == ["speech ✓ ready   text ✓ ready 640 ms"]


def test_without_engines_it_says_where_to_choose_some() -> None:
    assert "3 Profile" in rows()[1]
