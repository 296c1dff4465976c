"""A job whose process is killed at any moment goes on, and ends with the subtitles of an undisturbed run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.jobs.killing import Stage

ROOT: Final = Path(__file__).parents[2]
RUNS: Final = 60
LANES: Final = 2


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
def test_a_job_that_is_killed_in_any_stage_ends_with_the_same_subtitles(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.jobs.killing", f"--runs={RUNS // LANES}"]
    lanes = []
    for seed in range(LANES):
        (tmp_path / str(seed)).mkdir()
        more = [f"--seed={seed}", f"--folder={tmp_path / str(seed)}"]
        lanes.append(subprocess.Popen([*command, *more], cwd=ROOT, stdout=subprocess.PIPE, text=True))
    kills: Counter[str] = Counter()
    for lane in lanes:
        seen = json.loads(lane.communicate()[0])
        assert seen["problems"] == {}
        kills += Counter(seen["kills"])
    assert all(kills[stage.name.lower()] >= RUNS // len(Stage) for stage in Stage)
