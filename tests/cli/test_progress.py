"""What people see of a transcription while it runs and when it is done."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress

from workbench import events
from workbench.cli import console, progress
from workbench.cli.report import Report
from workbench.errors import StageError
from workbench.jobs.totals import Totals
from workbench.transcribe import Result

DONE: dict[str, Any] = {
    "path": Path("a.wav"),
    "outputs": (Path("a.srt"),),
    "rendered": (),
    "language": "en",
    "duration": 3725.0,
    "elapsed": 745.0,
    "captions": (),
    "cues": 2,
    "warnings": (),
}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(progress, "time", found)
    return found


def test_lines_tell_how_far_it_is_and_how_long_it_will_take(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    observe = progress.Lines(progress=True).observer(Path("a.wav"))
    for clock.now in range(0, 61, 2):
        observe(events.Progress(position=clock.now * 20.0, duration=7200.0))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "a.wav: 4:00 of 2:00:00, 5:48 left"
    assert len(lines) == 5  # one in ten seconds


def test_a_bar_and_a_line_tell_the_same_time_left_counted_from_when_engines_were_ready(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = Progress(console=Console(file=io.StringIO()))
    on_bar, on_line = (shown.observer(Path("a.wav")) for shown in (progress._Bars(bars), progress.Lines(progress=True)))
    clock.now = 100.0
    for observe in (on_bar, on_line):
        observe(events.Ready(duration=2100.0))
    assert bars.tasks[0].fields["left"] == ""
    clock.now = 115.0
    for observe in (on_bar, on_line):
        observe(events.Progress(position=60.0, duration=2100.0))
    assert bars.tasks[0].fields["left"] == "8:30 left"
    assert capsys.readouterr().err == "a.wav: 1:00 of 35:00, 8:30 left\n"


def test_of_a_file_that_goes_on_the_time_left_counts_only_what_this_run_does(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = Progress(console=Console(file=io.StringIO()))
    shown = (progress._Bars(bars), progress.Lines(progress=True))
    on_bar, on_line = (display.observer(Path("a.wav"), 1000.0) for display in shown)
    for observe in (on_bar, on_line):
        observe(events.Ready(duration=2000.0))
    assert bars.tasks[0].percentage == 50.0
    clock.now = 20.0
    for observe in (on_bar, on_line):
        observe(events.Progress(position=30.0, duration=2000.0))  # it passes what is stored
    assert (bars.tasks[0].percentage, bars.tasks[0].fields["left"]) == (50.0, "")
    clock.now = 40.0
    for observe in (on_bar, on_line):
        observe(events.Progress(position=1400.0, duration=2000.0))
    assert bars.tasks[0].fields["left"] == "1:00 left"
    assert capsys.readouterr().err == "a.wav: 16:40 of 33:20\na.wav: 23:20 of 33:20, 1:00 left\n"


def test_a_length_that_is_not_known_or_wrong_gives_no_estimate(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    observe = progress.Lines(progress=True).observer(Path("a.wav"))
    clock.now = 11.0
    observe(events.Progress(position=60.0, duration=None))
    clock.now = 22.0
    observe(events.Progress(position=60.0, duration=50.0))
    assert capsys.readouterr().err == "a.wav: 1:00\na.wav: 1:00 of 0:50\n"


def test_into_a_pipe_there_is_no_progress(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.display(plain=False, shares_terminal=False) as shown:
        assert shown.loading() is None
        observe = shown.observer(Path("a.wav"))
        clock.now = 100.0
        observe(events.Progress(position=60.0, duration=70.0))
    assert capsys.readouterr() == ("", "")


def test_lines_tell_now_and_then_how_much_of_the_weights_is_here(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched = progress.Lines(progress=True).loading()
    assert fetched is not None
    for clock.now in range(21):
        fetched(clock.now * 100_000_000, 3_000_000_000)
    assert capsys.readouterr().err == "Loading engines\nFetching weights: 1,100 of 3,000 MB\n"


def test_a_bar_shows_the_weights_until_the_first_file_begins() -> None:
    bars = Progress(console=Console(file=io.StringIO()))
    shown = progress._Bars(bars)
    fetched = shown.loading()
    fetched(25, 100)
    assert (bars.tasks[0].percentage, bars.tasks[0].visible) == (25.0, True)
    shown.observer(Path("a.wav"))
    assert [(task.description, task.visible) for task in bars.tasks] == [("Loading engines", False), ("a.wav", True)]
    fetched(50, 100)  # an engine that broke is loaded anew


def test_where_nothing_has_to_be_done_no_engine_seems_to_be_loading() -> None:
    bars = Progress(console=Console(file=io.StringIO()))
    shown = progress._Bars(bars)
    fetched = shown.loading()
    shown.was_done(Path("a.wav"), [Path("a.srt")])
    assert not bars.tasks[0].visible
    fetched(25, 100)  # for another file
    assert bars.tasks[0].visible


def test_bars_are_gone_before_data_goes_to_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True)
    with Progress(console=screen, transient=True) as bars:
        report = Report([Path("a.wav")], as_json=False)
        report.shown = progress._Bars(bars)
        report.shown.observer(Path("a.wav"))
        written: list[tuple[bytes, bool]] = []
        monkeypatch.setattr(console, "write", lambda data: written.append((data, bars.live.is_started)))
        report.finished(Result(**(DONE | {"rendered": (b"1", b"2")})))
        assert written == [(b"1", False), (b"2", False)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "a.wav -> a.srt (1:02:05, en, 2 cues, 5.0x real time)\n"),
        ({"cues": 1}, "a.wav -> a.srt (1:02:05, en, 1 cue, 5.0x real time)\n"),
        ({"cues": 0, "language": None}, "a.wav -> a.srt (1:02:05, no speech, 5.0x real time)\n"),
        ({"outputs": (), "elapsed": 0.0}, "a.wav -> standard output (1:02:05, en, 2 cues)\n"),
        (
            {"path": Path("a\nb"), "warnings": ("w",)},
            "'a\\nb' -> a.srt (1:02:05, en, 2 cues, 5.0x real time)\n  note: w\n",
        ),
    ],
)
def test_a_finished_file_has_a_line(capsys: pytest.CaptureFixture[str], changes: dict[str, Any], said: str) -> None:
    progress.Lines(progress=False).finished(Result(**(DONE | changes)))
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("2026-1", "paused. To go on: workbench jobs resume 2026-1"),
        ("", "paused before it was begun, so there is no job"),
    ],
)
def test_of_a_file_that_stopped_it_is_said_how_to_go_on_or_that_there_is_no_job(
    capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    progress.Lines(progress=False).stopped(Path("a.wav"), "paused", name)
    assert capsys.readouterr().err == f"a.wav: {said}\n"


def test_of_a_file_that_went_on_no_speed_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Report([Path("a.wav")], as_json=False).finished(Result(**DONE), went_on=True)
    assert capsys.readouterr().err == "a.wav -> a.srt (1:02:05, en, 2 cues)\n"


def test_a_failed_file_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    shown = progress.Lines(progress=False)
    shown.failed(Path("a.wav"), StageError("asr failed", hint="Try again."))
    shown.failed(Path("a\nb"), StageError("'a\\nb' is empty"))
    assert capsys.readouterr().err == "workbench: a.wav: asr failed\n  Try again.\nworkbench: 'a\\nb' is empty\n"


TOTALS = Totals(
    count=10, done=3, running=2, failed=0, audio_done_s=60.0, audio_left_s=180.0, is_known=True, left_s=65.0
)


def test_lines_tell_how_far_all_files_are(capsys: pytest.CaptureFixture[str]) -> None:
    shown = progress.Lines(progress=True)
    assert shown.tick_s == progress.PLAIN_INTERVAL_S
    shown.total(TOTALS)
    shown.total(replace(TOTALS, failed=1, left_s=None))
    shown.total(replace(TOTALS, running=0))  # nothing happens
    shown.total(replace(TOTALS, count=1))
    assert capsys.readouterr().err == "3 of 10 files done, 1:05 left\n3 of 10 files done, 1 failed\n"


def test_into_a_pipe_no_total_is_told() -> None:
    assert progress.Lines(progress=False).tick_s is None


def test_a_bar_tells_how_far_all_files_are_and_swings_until_their_lengths_are_known() -> None:
    bars = Progress(console=Console(file=io.StringIO()))
    shown = progress._Bars(bars)
    shown.total(replace(TOTALS, count=1))
    assert not bars.tasks
    shown.total(replace(TOTALS, is_known=False))
    [total] = bars.tasks
    assert (total.description, total.total, total.fields["left"]) == ("3 of 10 files done", None, "> 1:05 left")
    shown.total(TOTALS)
    assert (total.percentage, total.fields["left"]) == (25.0, "1:05 left")


def test_a_long_name_loses_its_middle_beside_its_bar() -> None:
    bars = Progress(console=Console(file=io.StringIO()))
    progress._Bars(bars).observer(Path("讲座" * 20 + "-12.wav"))
    assert bars.tasks[0].description == "讲座讲座讲座讲…座讲座-12.wav"
