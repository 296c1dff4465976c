"""Every system call of a job's storage is a safe place to be killed, to find the disk full, and to find it broken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from tests.jobs.crashing import CHILDREN
from tests.jobs.jobs import IDENTITY, result
from workbench.jobs.checkpoint import State
from workbench.jobs.store import JobStore

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = (0, 0, 0, 1, 2, 3, 3, 5, 5)
"""On disk after each number of steps."""
STATES: Final = (State.QUEUED, State.QUEUED, *[State.RUNNING] * 6, State.FINISHED)
CALLS: Final = {"write": 7, "ftruncate": 1, "fdatasync": 7, "fsync": 11, "rename": 5}
"""How many of each an undisturbed run makes."""


@cache
def why_not() -> str:
    """Why system calls cannot be made to fail here; empty: they can."""
    if not (strace := shutil.which("strace")):
        return "system calls cannot be made to fail here: install strace"
    tried = subprocess.run([strace, "-f", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()}"


def injected(root: Path, call: str, fault: str) -> list[dict[str, Any]]:
    """What became of each child of `tests.jobs.crashing`; `fault` is strace's, of the call in its turn."""
    if reason := why_not():
        pytest.skip(reason)
    root.mkdir()
    strace = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:{fault}"]
    if fault.startswith("error"):
        strace.append("--seccomp-bpf")  # faster by half, but no signals come
    command = [*strace, sys.executable, "-B", "-m", "tests.jobs.crashing", str(root), call]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert found[-1]["code"] == 0, "there are more children than calls"
    return found


def check(root: Path, steps: int) -> None:
    """What was told is on disk and nothing else is; the job goes on from there, and nothing is left lying about."""
    store = JobStore(root)
    assert store.clean(keep=timedelta(days=1), most_bytes=10**9) == []
    jobs = store.jobs()
    assert len(jobs) in ((0, 1) if steps in (0, len(STATES) - 1) else (1,))
    for info in jobs:
        with store.open(info.name, IDENTITY) as job:
            assert job.checkpoint.state in STATES[steps : steps + 2]
            assert RESULTS[steps] <= len(job.results) <= RESULTS[min(steps + 1, len(RESULTS) - 1)]
            job.commit([result(index) for index in range(len(job.results), 5)])
            job.save(job.checkpoint)
            assert sorted(os.listdir(job.folder)) == ["checkpoint.json", "lock", "segments_results"]
        with store.open(info.name, IDENTITY) as job:
            assert list(job.results.values()) == [result(index) for index in range(5)]
    assert sorted(os.listdir(root)) == sorted([".lock", *(job.name for job in jobs)])


@pytest.mark.parametrize("call", CALLS)
def test_a_job_that_is_killed_at_any_call_goes_on_from_what_was_told(tmp_path: Path, call: str) -> None:
    found = injected(tmp_path / "keeps", call, f"signal=KILL:when={CHILDREN}")
    killed = [child["code"] == -9 for child in found]
    assert killed == [number < CALLS[call] for number in range(CHILDREN)]
    for number, child in enumerate(found):
        assert (child["steps"] == len(STATES) - 1) is (not killed[number])
        check(tmp_path / "keeps" / str(number), child["steps"])


@pytest.mark.parametrize("call", ["rename", "unlinkat", "fsync"])
def test_a_job_that_is_killed_while_it_is_removed_is_gone_or_as_it_was(tmp_path: Path, call: str) -> None:
    found = injected(tmp_path / "removes", call, f"signal=KILL:when={CHILDREN}")
    assert any(child["code"] == -9 and child["steps"] == len(STATES) - 1 for child in found)
    for number, child in enumerate(found):
        check(tmp_path / "removes" / str(number), min(child["steps"], len(STATES) - 1))


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("call", CALLS)
def test_a_disk_that_fails_once_is_told_and_the_job_goes_on(tmp_path: Path, call: str, error: str) -> None:
    found = injected(tmp_path / "keeps", call, f"error={error}:when={CHILDREN}")
    for number, child in enumerate(found):
        assert (child["code"], child["steps"], child["unsafe"]) == (0, len(STATES) - 1, 0)
        check(tmp_path / "keeps" / str(number), child["steps"])
    assert sum(child["full"] for child in found) == (CALLS[call] if error == "ENOSPC" else 0)


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("call", CALLS)
def test_a_disk_that_fails_from_some_call_on_leaves_what_was_told(tmp_path: Path, call: str, error: str) -> None:
    found = injected(tmp_path / "keeps", call, f"error={error}:when={CHILDREN}+")
    for number, child in enumerate(found):
        assert (child["code"], child["unsafe"]) == (0, 0)
        check(tmp_path / "keeps" / str(number), child["steps"])
    assert [child["steps"] < len(STATES) - 1 for child in found] == [number < CALLS[call] for number in range(CHILDREN)]
