"""What is said of files: from entries of a queue to words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.jobs.test_totals import ENTRIES
from workbench.engines import Settings, StageKind
from workbench.errors import JobBusy, UsageError, WorkbenchError
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Entry
from workbench.jobs.request import Request
from workbench.jobs.totals import totals
from workbench.live import StageStatus
from workbench.outputs import Targets
from workbench.profiles.schema import Profile
from workbench.transcribe import Result
from workbench.tui import job_rows
from workbench.tui.widgets.panel import Line

REQUEST = Request(
    targets=Targets(Path("talk.wav"), (("srt", Path("talk.srt")),)),
    settings=Settings(language="en", target_language="zh"),
    profile=Profile(schema=1, name="quick"),
)
ENTRY = Entry(number=1, request=REQUEST)
RESULT = Result(
    path=Path("talk.wav"),
    outputs=(Path("talk.srt"),),
    rendered=(),
    language="en",
    duration=100.0,
    elapsed=25.0,
    captions=(),
    cues=2,
    warnings=(),
)
RUNNING = replace(ENTRY, state=State.RUNNING, duration=100.0, position=30.0, run_from=10.0, run_began=1000.0)


def plain(line: Line) -> str:
    return "".join(text for text, _style in line)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (ENTRY, "waiting ·"),
        (replace(ENTRY, state=State.RUNNING), "starting ◌"),
        (RUNNING, "running ▶"),
        (replace(ENTRY, state=State.PAUSED), "paused ‖"),
        (replace(ENTRY, state=State.FINISHED), "done ✓"),
        (replace(ENTRY, state=State.FINISHED, was_done=True), "was done ✓"),
        (replace(ENTRY, state=State.FAILED), "failed ✗"),
        (replace(ENTRY, state=State.FAILED, error=JobBusy("job 'a' is being worked on")), "elsewhere ▶"),
        (replace(ENTRY, state=State.CANCELLED), "cancelled –"),
    ],
)
def test_each_state_has_a_word_and_a_sign_of_its_own(entry: Entry, words: str) -> None:
    assert job_rows.state_part(entry)[0] == words


def test_what_is_to_stop_says_so_while_it_runs() -> None:
    assert job_rows.state_part(RUNNING, {1})[0] == "stopping ◌"
    assert job_rows.state_part(replace(RUNNING, state=State.PAUSED), {1})[0] == "paused ‖"


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (ENTRY, ""),
        (replace(ENTRY, position=61.0), "1:01"),
        (RUNNING, "██░░░░░░  30 %"),
        (replace(RUNNING, position=99.99), "███████░  99 %"),
        (replace(RUNNING, position=101.0), "███████░  99 %"),
        (replace(ENTRY, state=State.PAUSED, position=100.0, duration=100.0), "███████░  99 %"),
        (replace(ENTRY, state=State.FINISHED), "████████ 100 %"),
    ],
)
def test_progress_is_a_bar_with_percent_that_never_says_too_much(entry: Entry, text: str) -> None:
    assert job_rows.progress_text(entry) == text


def test_time_left_and_speed_are_those_of_this_run() -> None:
    assert job_rows.left_text(RUNNING, 1010.0) == "0:35 left"
    assert job_rows.speed_text(RUNNING, 1010.0) == "2.0"
    assert job_rows.left_text(ENTRY, 1010.0) == job_rows.speed_text(ENTRY, 1010.0) == ""
    done = replace(ENTRY, state=State.FINISHED, result=RESULT)
    assert job_rows.speed_text(done, 1010.0) == "4.0"
    assert job_rows.speed_text(replace(done, run_from=90.0), 1010.0) == ""  # an earlier run did most of it


@given(ENTRIES, st.floats(0, 2e5))
def test_nothing_that_is_left_is_ever_negative(entries: list[Entry], now: float) -> None:
    assert "-" not in "".join(job_rows.left_text(entry, now) for entry in entries)
    assert cell_len(plain(job_rows.total_line(totals(entries, now), 200))) == 200


def test_the_total_counts_what_is_ahead_and_takes_the_speed_of_all() -> None:
    waiting = replace(ENTRY, number=2, duration=130.0)
    done = replace(ENTRY, number=3, state=State.FINISHED, duration=9.0)
    paused = replace(ENTRY, number=4, state=State.PAUSED, duration=500.0)
    gone = replace(ENTRY, number=5, state=State.CANCELLED, duration=500.0)
    found = totals([RUNNING, waiting, done, paused, gone], 1010.0)
    assert (found.count, found.done, found.running, found.failed) == (4, 1, 1, 0)
    assert (found.audio_left_s, found.left_s, found.is_known) == (200.0, 100.0, True)
    line = plain(job_rows.total_line(found, 80))
    assert line.startswith("1 of 4 files done   1 running ")
    assert line.endswith(" 3:20 of audio   1:40 left")
    unknown = totals([RUNNING, replace(waiting, duration=None)], 1010.0)
    assert plain(job_rows.total_line(unknown, 80)).endswith(" > 1:10 of audio   > 0:35 left")


def test_an_error_says_what_and_what_next_in_as_many_lines_as_there_is_room_for() -> None:
    error = WorkbenchError("the disk " + "is full " * 30, hint="Make room on /data.")
    failed = replace(ENTRY, state=State.FAILED, error=error, position=3.0)
    lines = [plain(line) for line in job_rows.detail_lines(failed, 60)]
    assert len(lines) == 3
    assert all(cell_len(line) <= 60 for line in lines)
    assert lines[1].endswith("…")
    assert lines[2] == "R tries again. What was done is kept. Make room on /data."
    paused = [plain(line) for line in job_rows.detail_lines(replace(failed, state=State.PAUSED), 60)]
    assert paused[2].startswith("p goes on.")


def test_no_option_of_a_command_is_named_on_the_screen() -> None:
    error = UsageError("'talk.srt' exists already", hint="Overwrite with --force, or name another -o.")
    failed = replace(ENTRY, state=State.FAILED, error=error)
    assert plain(job_rows.detail_lines(failed, 60)[1]) == "R tries again. It asks before it overwrites."


def test_what_is_made_of_a_file_is_said() -> None:
    first, second = (plain(line) for line in job_rows.detail_lines(replace(ENTRY, duration=61.0), 60))
    assert first == "To: talk.srt"
    assert second == "en → zh   profile quick   0:00 / 1:01"


def test_each_stage_says_how_much_it_does_and_how_much_waits() -> None:
    def status(**more: Any) -> StageStatus:
        return StageStatus(StageKind.ASR, "whisper", "tiny", 0.5, 1.25, depth=3, high_water=5, dropped=0, **more)

    assert job_rows.stage_lines([], 80) == []
    head, line = (plain(line) for line in job_rows.stage_lines([status(failed=0, running=1)], 80))
    assert head.split() == ["Stages", "busy", "wait", "most", "fail", "p50", "/", "p95"]
    assert line.split() == ["text", "whisper", "tiny", "1", "3", "5", "0", "0.50", "/", "1.25", "s"]
    assert cell_len(line) == cell_len(head) == 80
    assert "!2" in plain(job_rows.stage_lines([status(failed=2)], 80)[1])
