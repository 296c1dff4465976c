"""Every system call of a whole job is a safe place to be killed, to find the disk full, and to find it broken.

Each call gets one of the faults in turn; with WORKBENCH_TEST_ALL_FAULTS=1 in the environment, all of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.jobs.faulty import FAILED, FAILING, FINISHED, FULL
from tests.jobs.talking import made, write_talk
from tests.jobs.test_crashes import why_not
from workbench.jobs.checkpoint import State
from workbench.jobs.store import JobStore

ROOT: Final = Path(__file__).parents[2]
FAULTS: Final = {
    "killed": f"signal=KILL:when={FAILING}",
    "full-once": f"error=ENOSPC:when={FAILING}",
    "full": f"error=ENOSPC:when={FAILING}+",
    "broken-once": f"error=EIO:when={FAILING}",
    "broken": f"error=EIO:when={FAILING}+",
}
CALLS: Final = {"write": 23, "fsync": 21, "fdatasync": 5, "rename": 11}
"""How many of each an undisturbed run makes."""
OLD: Final = b"subtitles of another day"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_job_goes_on_after_any_fault_and_no_good_file_is_lost(tmp_path: Path, fault: str) -> None:
    if reason := why_not():
        pytest.skip(reason)
    write_talk(tmp_path / "talk.wav", 4.0)
    turn = list(FAULTS).index(fault)
    every = 1 if os.environ.get("WORKBENCH_TEST_ALL_FAULTS") else len(FAULTS)
    points = [(call, before) for call, count in CALLS.items() for before in range(count)]
    for call, before in points[turn % every :: every]:
        out = tmp_path / f"{call}-{before}" / "out"
        out.mkdir(parents=True)
        (out / "talk.srt").write_bytes(OLD)
    found = injected(tmp_path, FAULTS[fault])
    expected = made(tmp_path / "undisturbed" / "out")
    for name, (code, *tries) in found.items():
        check(tmp_path / name, fault, code, tries, expected)
    done = subprocess.run(
        [sys.executable, "-m", "tests.jobs.faulty", str(tmp_path)], cwd=ROOT, check=True, text=True, capture_output=True
    )
    again = json.loads(done.stdout)
    for name in found:
        assert again[name][:2] == [0, FINISHED], name
        assert made(tmp_path / name / "out") == expected, name


def injected(root: Path, fault: str) -> dict[str, list[int]]:
    """What became of each child of `tests.jobs.faulty`."""
    calls = ",".join(CALLS)
    strace = [shutil.which("strace") or "", "-f", "-qq", "-o", os.devnull]
    strace += ["-e", f"trace={calls}", "-e", f"inject={calls}:{fault}"]
    if fault.startswith("error"):
        strace.append("--seccomp-bpf")  # faster, but no signals come
    command = [*strace, sys.executable, "-B", "-m", "tests.jobs.faulty", str(root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[int]] = json.loads(done.stdout)
    return found


def check(folder: Path, fault: str, code: int, tries: list[int], expected: dict[str, bytes]) -> None:
    name = folder.name
    outputs = made(folder / "out")
    assert outputs["talk.srt"] in (OLD, expected["talk.srt"]), name
    assert all(data == expected[file] for file, data in outputs.items() if file != "talk.srt"), name
    if fault == "killed":
        assert code == -9, name
        return
    assert code == 0, name
    kind = FULL if fault.startswith("full") else FAILED
    assert tries[0] in (FINISHED, kind), name
    if fault.endswith("once"):
        assert FINISHED in tries, name
        assert outputs == expected, name
    states = [job.checkpoint.state for job in JobStore(folder / "data" / "jobs").jobs() if job.checkpoint]
    assert states in ([], [State.QUEUED], [State.RUNNING], [State.PAUSED], [State.FAILED], [State.FINISHED]), name
