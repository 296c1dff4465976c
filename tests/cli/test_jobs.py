"""What a user sees of `workbench jobs`: lists, what stops and goes on, watched folders, exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import Result
from watchfiles import watch

from workbench.cli import console
from workbench.jobs.store import JobInfo, JobStore

Command = Callable[..., Result]
Tone = Callable[..., Path]
Start = Callable[..., "subprocess.Popen[str]"]

pytestmark = pytest.mark.usefixtures("outside")


@pytest.fixture
def start(place: Path) -> Iterator[Start]:
    """Begin the command as users do; `lines` of the result reads what it says until a text is among it."""
    begun: list[subprocess.Popen[str]] = []

    def run(*arguments: str | Path) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "workbench", *map(str, arguments)]
        begun.append(subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return begun[-1]

    yield run
    for process in begun:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str], text: str) -> str:
    """All that it says on stderr up to the line with `text`."""
    assert process.stderr is not None
    heard = ""
    for line in process.stderr:
        heard += line
        if text in line:
            return heard
    raise AssertionError(f"it ended without {text!r}: {heard}")


def until(folder: Path, condition: Callable[[], bool]) -> None:
    """Look at each change in `folder` whether `condition` holds, for 30 s at most."""
    stop = threading.Event()
    timer = threading.Timer(30, stop.set)
    timer.start()
    for _ in watch(folder, step=20, rust_timeout=200, yield_on_timeout=True, stop_event=stop):
        if condition():
            break
    timer.cancel()
    assert condition(), f"nothing came in {folder}"


def until_in(log: Path, text: str) -> None:
    until(log.parent, lambda: text in log.read_text())


class Gate:
    """Holds recognition until it is opened."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "gate"
        self.option = f"asr.gate={self.path}"

    def wait(self) -> None:
        """Until a window is at work."""
        until(self.path.parent, self.path.with_suffix(".entered").exists)

    def open(self) -> None:
        self.path.touch()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    (tmp_path / "gate").mkdir()
    return Gate(tmp_path / "gate")


def jobs() -> list[JobInfo]:
    return JobStore().jobs()


def only() -> JobInfo:
    [info] = jobs()
    return info


def refused(result: Result, code: int, *texts: str) -> None:
    assert result.exit_code == code, result.stderr
    for text in texts:
        assert text in result.stderr
    assert "Traceback" not in result.stderr


# lists


def test_without_jobs_it_says_how_to_make_one(command: Command) -> None:
    result = command("jobs")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "workbench transcribe FILE" in result.stderr
    refused(command("jobs", "show", "last"), 2, "there is no job yet")


def test_what_was_made_is_listed_with_its_state_and_what_stopped_it(command: Command, tone: Tone) -> None:
    command("transcribe", tone("good.wav"))
    command("transcribe", tone("bad.wav", 3.0), "--option", "asr.fault=process")
    rows = {row["file"]: row for row in json.loads(command("jobs", "--json").stdout)}
    good, bad = rows[str(Path("good.wav").absolute())], rows[str(Path("bad.wav").absolute())]
    assert (good["state"], good["progress"], good["error"], good["next"]) == ("finished", 1.0, None, "")
    assert (bad["state"], bad["next"]) == ("failed", f"workbench jobs retry {bad['name']}")
    assert "no luck in process" in bad["error"]["message"]
    lines = command("jobs", "list").stdout.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "FILE", "DONE", "WHEN", "ERROR"]
    assert any("good.wav" in line and "100%" in line for line in lines)
    assert any("bad.wav" in line and "failed" in line and "no luck" in line for line in lines)


def test_the_list_fits_a_terminal_with_its_numbers_whole_and_errors_below(
    command: Command, tone: Tone, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("讲座讲座").mkdir()
    good, bad = tone("讲座讲座/lecture-number-one-讲座讲座讲座-of-many.wav"), tone("bad.wav", 3.0)
    command("transcribe", good)
    command("transcribe", bad, "--option", "asr.fault=process")
    whole = command("jobs", "list").stdout
    assert str(good.absolute()) in whole
    monkeypatch.setattr(console, "width", lambda: 80)
    lines = command("jobs", "list").stdout.splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert lines[0].split() == ["NAME", "STATE", "FILE", "DONE", "WHEN"]
    assert bad.name in lines[1]
    assert lines[2].startswith("  ")
    assert "no luck in process" in lines[2]
    for info in jobs():
        assert any(line.startswith(info.name) and f"{info.touched:%Y-%m-%d %H:%M}" in line for line in lines)
    assert "lect" in lines[3]
    assert ".wav  100%  20" in lines[3]
    assert len(lines) == 4


def test_one_job_is_shown_with_all_that_is_known_of_it(command: Command, tone: Tone) -> None:
    command("transcribe", tone(), "--translate", "xx")
    text = command("jobs", "show", "last").stdout
    for part in (str(Path("talk.wav").absolute()), str(Path("talk.xx.srt").absolute()), "en, detected > xx", "echo"):
        assert part in text
    row = json.loads(command("jobs", "show", only().name[:12], "--json").stdout)
    assert row["output"] == [str(Path("talk.xx.srt").absolute())]
    assert row["stages"]["asr"]["engine"] == "echo"
    assert row["failures"] == []


def test_failures_are_shown_with_their_history_and_the_next_step(command: Command, tone: Tone) -> None:
    command("transcribe", tone(), "--option", "asr.fault=process")
    text = command("jobs", "show", "last").stdout
    assert "history" in text
    assert "asr at 0:00" in text
    assert f"workbench jobs retry {only().name}" in text
    failures = json.loads(command("jobs", "show", "last", "--json").stdout)["failures"]
    assert {failure["stage"] for failure in failures} == {"asr", None}


def test_a_damaged_job_is_listed_with_its_reason_and_can_be_removed(command: Command, tone: Tone) -> None:
    command("transcribe", tone())
    (only().folder / "checkpoint.json").write_text("{}")
    result = command("jobs")
    assert result.exit_code == 0
    assert "damaged" in result.stdout
    [row] = json.loads(command("jobs", "--json").stdout)
    assert (row["state"], row["file"]) == ("damaged", None)
    assert command("jobs", "show", "last").exit_code == 0
    for words in (["resume", "last"], ["export", "last"], ["pause", "last"]):
        refused(command("jobs", *words), 1, "is damaged")
    assert command("jobs", "remove", "last", "--yes").exit_code == 0
    assert jobs() == []


# pause, resume, cancel, retry


def test_a_job_is_paused_from_another_process_and_goes_on_in_a_third(
    start: Start, command: Command, tone: Tone, gate: Gate, log: Path
) -> None:
    tone()
    runs = start("transcribe", "talk.wav", "--json", "--option", gate.option)
    gate.wait()
    assert json.loads(command("jobs", "--json").stdout)[0]["state"] == "running"
    refused(command("jobs", "resume", "last"), 2, "is being worked on", "workbench jobs pause")
    pauses = start("jobs", "pause", "last")
    said(pauses, "waiting until it is let go of")
    until_in(log, "another process asks for it to be paused")
    gate.open()
    assert pauses.wait(60) == 0
    out, err = runs.communicate(timeout=60)
    assert runs.returncode == 3
    assert json.loads(out) == {"file": "talk.wav", "job": only().name, "state": "paused"}
    assert f"workbench jobs resume {only().name}" in err
    assert not Path("talk.srt").exists()
    nothing = command("jobs", "resume")
    assert nothing.exit_code == 0
    assert "workbench jobs resume --all" in nothing.stderr
    os.chdir("..")  # its files are found from anywhere
    result = command("jobs", "resume", "--all", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["output"] == [str(Path("work/talk.srt").absolute())]
    assert Path("work/talk.srt").exists()
    assert only().state == "finished"


def test_a_job_is_cancelled_from_another_process_and_tried_again(
    start: Start, command: Command, tone: Tone, gate: Gate, log: Path
) -> None:
    tone()
    runs = start("transcribe", "talk.wav", "--option", gate.option)
    gate.wait()
    cancels = start("jobs", "cancel", "last", "--json")
    until_in(log, "another process asks for it to be cancelled")
    gate.open()
    out, _ = cancels.communicate(timeout=60)
    assert json.loads(out)["state"] == "cancelled"
    runs.communicate(timeout=60)
    assert runs.returncode == 3
    refused(command("jobs", "resume", "last"), 2, "is cancelled", "workbench jobs retry")
    assert command("jobs", "retry").stderr == "No job failed.\n"
    assert command("jobs", "retry", "last").exit_code == 0
    assert Path("talk.srt").exists()
    refused(command("jobs", "retry", "last"), 2, "is finished", "--force")


def test_a_file_in_the_way_is_overwritten_by_retry_only_with_force(command: Command, tone: Tone) -> None:
    command("transcribe", tone())
    Path("talk.vtt").write_text("mine")
    refused(command("transcribe", "talk.wav", "-f", "vtt"), 74, "exists already")
    refused(command("jobs", "retry"), 74, "--force")
    assert Path("talk.vtt").read_text() == "mine"
    assert command("jobs", "retry", "--force").exit_code == 0
    assert Path("talk.vtt").read_text() != "mine"
    assert only().state == "finished"


@pytest.mark.parametrize("cause", ["asr.fault=constructor", "in the way", "not audio"])
def test_a_file_that_is_refused_before_any_work_leaves_no_job(command: Command, tone: Tone, cause: str) -> None:
    tone()
    option = ("--option", cause) if "=" in cause else ()
    if cause == "in the way":
        Path("talk.srt").write_text("mine")
    if cause == "not audio":
        Path("talk.wav").write_bytes(Path("talk.wav").read_bytes()[:44])
    assert command("transcribe", "talk.wav", *option).exit_code in (1, 2)
    assert jobs() == []
    assert command("jobs").stdout == ""


def test_of_a_file_that_failed_late_it_is_said_that_what_was_made_is_kept(command: Command, tone: Tone) -> None:
    tone()
    assert command("transcribe", "talk.wav").exit_code == 0
    Path("talk.vtt").write_text("mine")
    result = command("transcribe", "talk.wav", "-f", "vtt")
    refused(result, 74, "exists already", "is kept. To try again: workbench jobs retry")


def test_a_command_that_is_told_can_be_copied_whatever_the_file_is_called(command: Command, tone: Tone) -> None:
    file = tone("my 讲座.wav")
    assert command("transcribe", str(file)).exit_code == 0
    refused(command("jobs", "resume", "last"), 2, f"workbench transcribe '{file.absolute()}' --force")


def test_what_was_killed_is_interrupted_and_resumed_without_a_name(
    start: Start, command: Command, tone: Tone, gate: Gate
) -> None:
    tone()
    runs = start("transcribe", "talk.wav", "--option", gate.option)
    gate.wait()
    runs.kill()
    runs.wait(60)
    assert json.loads(command("jobs", "--json").stdout)[0]["state"] == "interrupted"
    gate.open()
    result = command("jobs", "resume")
    assert result.exit_code == 0
    assert "talk.srt" in result.stderr


def test_ctrl_c_pauses_and_says_how_to_go_on(start: Start, tone: Tone, gate: Gate) -> None:
    tone()
    runs = start("transcribe", "talk.wav", "--option", gate.option)
    gate.wait()
    runs.send_signal(signal.SIGINT)
    said(runs, "Stopping.")
    gate.open()
    _, err = runs.communicate(timeout=60)
    assert runs.returncode == 130
    assert f"paused. To go on: workbench jobs resume {only().name}" in err
    assert only().state == "paused"


def test_a_file_that_has_changed_is_not_gone_on_with(command: Command, tone: Tone) -> None:
    command("transcribe", tone(), "--option", "asr.fault=process")
    Path("talk.wav").unlink()
    tone(seconds=3.0)
    result = command("jobs", "retry")
    refused(result, 2, "was begun with something else", "size: ", "Start the file afresh")
    assert "is kept" not in result.stderr  # of another file, it is of no use
    assert len(jobs()) == 1


def test_several_jobs_end_with_the_code_of_those_that_fail(command: Command, tone: Tone) -> None:
    for name, seconds in (("a.wav", 2.0), ("b.wav", 3.0)):
        command("transcribe", tone(name, seconds))
    for info in jobs():
        JobStore().change(info.name, state="failed")
        for path in Path().glob("*.srt"):
            path.unlink()
    Path("a.wav").unlink()
    result = command("jobs", "retry", "--json")
    rows = {Path(row["file"]).name: row for row in map(json.loads, result.stdout.splitlines())}
    assert result.exit_code == 3
    assert rows["a.wav"]["error"]["code"] == "usage"
    assert rows["b.wav"]["output"] == [str(Path("b.srt").absolute())]


# remove, export, clean


def test_removing_asks_and_takes_only_what_is_over_when_all_finished_go(command: Command, tone: Tone) -> None:
    command("transcribe", tone("a.wav"))
    command("transcribe", tone("b.wav", 3.0), "--option", "asr.fault=process")
    refused(command("jobs", "remove", "last"), 2, "--yes")
    result = command("jobs", "remove", "--all-finished", "--yes", "--json")
    assert json.loads(result.stdout)["state"] == "removed"
    assert only().state == "failed"
    assert Path("a.srt").exists()
    assert "No job is finished" in command("jobs", "remove", "--all-finished", "--yes").stderr


def test_a_job_that_runs_is_not_removed(start: Start, command: Command, tone: Tone, gate: Gate) -> None:
    tone()
    start("transcribe", "talk.wav", "--option", gate.option)
    gate.wait()
    refused(command("jobs", "remove", "last", "--yes"), 2, "is being worked on", "workbench jobs cancel")
    gate.open()


def test_what_is_made_so_far_can_be_exported(command: Command, tone: Tone) -> None:
    command("transcribe", tone(), "--translate", "xx")
    JobStore().change(only().name, state="paused")
    assert "Hello there." in command("jobs", "export", "last", "-o", "-", "--show", "source").stdout
    result = command("jobs", "export", "last", "--bilingual", "-f", "txt")
    assert result.stderr == "written: talk.partial.txt\n"
    assert "Hello there." in Path("talk.partial.txt").read_text()
    refused(command("jobs", "export", "last", "-f", "txt"), 2, "exists already")
    assert command("jobs", "export", "last", "-f", "txt", "--force", "-o", "out/").exit_code == 0


def test_of_a_job_without_results_nothing_is_exported(command: Command, tone: Tone) -> None:
    command("transcribe", tone(), "--option", "asr.fault=process")
    refused(command("jobs", "export", "last"), 2, "nothing is made", "workbench jobs retry")


def test_old_jobs_are_cleaned_up_by_what_config_toml_says(command: Command, tone: Tone, log: Path) -> None:
    command("transcribe", tone("a.wav"))
    name = only().name
    config = log.parents[1] / "config" / "config.toml"
    config.write_text("[jobs]\nkeep_over_days = 0\n")
    command("transcribe", tone("b.wav", 3.0))
    assert name not in [info.name for info in jobs()]
    assert name in log.read_text()
    config.write_text("[jobs]\nkeep = 3\n")
    refused(command("transcribe", tone("c.wav", 4.0)), 2, f"{config}:2: jobs.keep is not known")
    config.write_text("[jobs]\nkeep_days = 3\nmost_gib = -1\n")
    refused(command("transcribe", tone("d.wav", 4.0)), 2, f"{config}:3: jobs.most_gib: ")


def test_of_a_file_that_is_stored_whole_only_its_files_are_said_to_be_written_again(
    command: Command, tone: Tone
) -> None:
    command("transcribe", tone())
    again = command("transcribe", "talk.wav", "--force")
    assert f"all of it is stored in job {only().name}: only its files are written" in again.stderr
    assert "going on at" not in again.stderr


# watch


@pytest.fixture
def watched(start: Start, place: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Watch the folder `in`, which is quick to take a file for complete."""
    Path("in").mkdir()
    begun = []

    def watch(*more: str) -> subprocess.Popen[str]:
        begun.append(start("jobs", "watch", "in", "--quiet", "0.2", *more))
        said(begun[-1], "Watching in. Ctrl-C ends it.")
        return begun[-1]

    yield watch
    for process in begun:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)


def test_files_that_appear_in_a_folder_become_subtitles_each_once(watched: Any, tone: Tone) -> None:
    tone("in/first.wav")
    runs = watched("--speak")
    said(runs, "in/first.wav -> in/first.srt, in/first.speech.wav")
    tone("second.wav", 3.0).rename("in/second.wav")
    said(runs, "in/second.wav -> in/second.srt, in/second.speech.wav")
    runs.send_signal(signal.SIGINT)
    _, err = runs.communicate(timeout=60)
    assert runs.returncode == 130
    assert "speech.wav" not in err
    again = watched("--speak")
    heard = said(again, "second.wav") if "first.wav" in said(again, "done before") else said(again, "done before")
    assert "speech.wav ->" not in heard
    assert sorted(path.name for path in Path("in").iterdir()) == [
        *("first.speech.wav", "first.srt", "first.wav"),
        *("second.speech.wav", "second.srt", "second.wav"),
    ]


def test_two_files_that_would_write_the_same_are_told(watched: Any, tone: Tone) -> None:
    tone("in/talk.wav")
    runs = watched("--json")
    said(runs, "in/talk.wav -> in/talk.srt")
    tone("in/talk.w64", 3.0)
    heard = said(runs, "Rename 'talk.w64', and it is taken up.")
    assert "'in/talk.w64' is left out: its 'in/talk.srt' is that of 'in/talk.wav' already" in heard
    assert "Nothing is overwritten." in heard


def test_a_file_whose_subtitles_are_those_of_another_stays_out_in_the_next_watch(watched: Any, tone: Tone) -> None:
    tone("in/talk.wav")
    runs = watched()
    said(runs, "in/talk.wav -> in/talk.srt")
    runs.send_signal(signal.SIGINT)
    runs.communicate(timeout=60)
    made = Path("in/talk.srt").read_bytes()
    tone("in/talk.flac", 3.0)  # is looked at first
    runs = watched("--force")
    heard = said(runs, "in/talk.wav -> in/talk.srt")
    assert "'in/talk.flac' is left out" in heard
    assert Path("in/talk.srt").read_bytes() == made


def test_a_file_that_cannot_be_read_is_told_once_until_it_changes(watched: Any, tone: Tone) -> None:
    Path("in/bad.wav").write_text("not audio")

    def next_watch(text: str, *more: str) -> str:
        runs = watched(*more)
        heard = said(runs, text)
        runs.send_signal(signal.SIGINT)
        runs.communicate(timeout=60)
        return heard

    next_watch("in/bad.wav")
    tone("in/good.wav")
    assert "bad.wav" not in next_watch("in/good.wav -> in/good.srt")
    next_watch("in/bad.wav", "--force")
    Path("in/bad.wav").write_text("not audio either")
    next_watch("in/bad.wav")


def test_a_folder_that_is_removed_ends_the_watch_with_an_error(watched: Any, tone: Tone) -> None:
    tone("in/talk.wav")
    runs = watched()
    said(runs, "in/talk.wav -> in/talk.srt")
    shutil.rmtree("in")
    _, err = runs.communicate(timeout=60)
    assert runs.returncode == 1
    assert "workbench: there is no folder 'in' any more\n" in err
    assert "Traceback" not in err


def test_the_help_of_watch_names_a_folder_to_write_to_and_no_standard_output(command: Command) -> None:
    said = command("jobs", "watch", "--help").stdout
    assert "--output" in said
    assert "FOLDER" in said
    assert "standard output." not in said.replace("object a file on standard output", "")


def test_watching_what_is_no_folder_or_standard_output_is_refused(command: Command, tone: Tone) -> None:
    refused(command("jobs", "watch", "missing"), 1, "there is no folder 'missing'")
    refused(command("jobs", "watch", ".", "-o", "-"), 2, "watching writes files")
    refused(command("jobs", "watch", ".", "--voice", "anna"), 2, "--voice needs --speak")
