"""Jobs for which memory is not enough, until they ask for less."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests import fakes
from tests.jobs.hungry import Greedy, Hungry, transcribe
from workbench import events
from workbench.errors import EngineError, JobRefused, StageError
from workbench.jobs.checkpoint import Checkpoint, State, StepDown
from workbench.jobs.store import JobStore
from workbench.profiles import stepping
from workbench.transcribe import Result

SAID = "memory ran out, so the recognizer goes on with "
STEPS = [
    f"{SAID}batch_size 2 instead of 4",
    f"{SAID}batch_size 1 instead of 2",
    f"{SAID}concurrency 1 instead of 2",
    f"{SAID}compute_type int8 instead of float32",
    f"{SAID}model small instead of large",
]


@pytest.fixture(autouse=True)
def tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three windows."""
    for name in ("DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"WORKBENCH_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setattr(stepping, "present", lambda model: "here")
    monkeypatch.setattr(Hungry, "loaded", [])
    monkeypatch.setattr(Hungry, "heard", [])
    path = tmp_path / "a.wav"
    path.write_text("12 seconds")
    return path


def limited(mb: int, error: Exception, first: str = "0", seen: list[list[str]] | None = None) -> object:
    """What `take` does where `error` comes above `mb`, from `first` on: a window, or "load"."""

    def take(self: Hungry, when: str, needed: int) -> None:
        if seen is not None and when == "load":
            seen.append(list(self.loaded))
        if needed > mb and (when == "load") == (first == "load") and when >= first:
            raise error

    return take


def run(path: Path, into: str | None = None) -> Result:
    async def done() -> Result:
        return await transcribe(path, JobStore(), into=into)

    return fakes.run(done)


def checkpoint() -> Checkpoint:
    (found,) = JobStore().jobs()
    assert found.checkpoint is not None
    return found.checkpoint


@pytest.mark.parametrize("first", ["0", "load"])
@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("CUDA failed with error out of memory"), EngineError("std::bad_alloc")]
)
def test_the_job_finishes_with_less_when_memory_runs_out_and_says_so(
    error: Exception, first: str, tape: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Hungry, "take", limited(200, error, first))
    with caplog.at_level(logging.WARNING):
        result = run(tape)
    assert list(result.warnings) == result.to_dict()["warnings"] == STEPS
    assert Hungry.heard == [f"{number} small int8 1x1" for number in range(3)]
    assert "line 2" in tape.with_suffix(".srt").read_text()
    assert all(said in caplog.text for said in STEPS)
    assert checkpoint().state is State.FINISHED
    assert len(checkpoint().failures) == len(STEPS)


def test_what_was_made_before_is_not_made_again(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hungry, "take", limited(2400, MemoryError(), first="2"))
    assert run(tape).warnings == tuple(STEPS[:1])
    assert sorted(Hungry.heard) == ["0 large float32 4x2", "1 large float32 4x2", "2 large float32 2x2"]


def test_one_engine_is_unloaded_before_the_next_is_loaded(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(Hungry, "take", limited(200, MemoryError(), seen=seen))
    run(tape)
    assert seen == [[]] * (len(STEPS) + 1)


def test_who_watches_is_told_that_it_begins_anew(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hungry, "take", limited(2400, MemoryError(), first="2"))
    told: list[object] = []

    async def done() -> Result:
        return await transcribe(tape, JobStore(), told.append)

    fakes.run(done)
    again = told.index(events.Resumed(position=0.0))
    lines = [event.transcript.text for event in told[again:] if isinstance(event, events.Transcript)]
    assert lines == ["line 0", "line 1", "line 2"]


def test_a_job_that_goes_on_another_day_starts_with_what_fitted(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(self: Hungry, when: str, needed: int) -> None:
        if when == "2":
            raise MemoryError if needed > 2400 else PermissionError("not today")

    monkeypatch.setattr(Hungry, "take", dies)
    with pytest.raises(StageError, match="not today"):
        run(tape)
    assert [step.said for step in checkpoint().steps] == STEPS[:1]
    monkeypatch.setattr(Hungry, "take", limited(2400, MemoryError()))
    monkeypatch.setattr(Hungry, "heard", [])
    assert run(tape).warnings == tuple(STEPS[:1])
    assert Hungry.heard == ["2 large float32 2x2"]


def test_when_nothing_is_left_to_give_up_the_job_fails(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hungry, "take", limited(1, MemoryError()))
    with pytest.raises(StageError, match="MemoryError"):
        run(tape)
    assert [step.said for step in checkpoint().steps] == STEPS
    assert checkpoint().state is State.FAILED


@pytest.mark.parametrize("when", ["load", "line 1"])
def test_the_stage_that_ran_out_of_memory_goes_on_with_less(
    when: str, tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(self: Greedy, now: str) -> None:
        if now == when and self.concurrency > 1:
            raise MemoryError

    monkeypatch.setattr(Greedy, "take", take)
    result = run(tape, into="de")
    assert result.warnings == ("memory ran out, so the translator goes on with concurrency 1 instead of 2",)
    assert {heard.split(" ", 1)[1] for heard in Hungry.heard} == {"large float32 4x2"}
    assert [caption.translation and caption.translation.text for caption in result.captions][2] == "LINE 2"


def test_no_other_stage_goes_on_with_less_for_one_that_cannot(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def take(self: Greedy, now: str) -> None:
        if now == "line 1":
            raise MemoryError

    monkeypatch.setattr(Greedy, "take", take)
    with pytest.raises(StageError, match=r"translation engine 'greedy' failed at .*MemoryError") as caught:
        run(tape, into="de")
    assert "name a smaller one with --engine translation=NAME" in caught.value.hint
    assert [step.said for step in checkpoint().steps] == [
        "memory ran out, so the translator goes on with concurrency 1 instead of 2"
    ]


def test_other_failures_change_nothing(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hungry, "take", limited(1, ValueError("odd audio")))
    with pytest.raises(StageError, match="odd audio"):
        run(tape)
    assert checkpoint().steps == ()


def test_a_step_that_cannot_be_read_is_refused(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hungry, "take", limited(1, ValueError("odd audio")))
    with pytest.raises(StageError):
        run(tape)
    with (store := JobStore()).open(store.jobs()[0].name, checkpoint().identity) as job:
        job.save(replace(job.checkpoint, steps=(StepDown(profile={"schema": 9}, said=""),)))
    with pytest.raises(JobRefused, match="goes on with"):
        run(tape)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits memory as Linux does")
def test_a_process_that_really_runs_out_of_memory_finishes_its_job(tape: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.jobs.hungry", str(tmp_path)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == STEPS[:4]
    assert "line 2" in tape.with_suffix(".srt").read_text()
