"""A job on a real disk of 1 MiB that fills up is paused, and completed when there is room again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.jobs.filling import MOMENTS, OLD
from tests.jobs.talking import write_talk

ROOT: Final = Path(__file__).parents[2]
MOUNTED: Final = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -m tests.jobs.filling "$1" "$3" "$4"'


def seen(disk: Path, file: Path, moment: str) -> dict[str, Any]:
    disk.mkdir()
    unshare = shutil.which("unshare")
    script = ["sh", "-c", MOUNTED, "sh", str(disk), sys.executable, str(file), moment]
    for command in [[unshare, "-m", *script], [unshare, "-rm", *script]] if unshare else []:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            found: dict[str, Any] = json.loads(done.stdout)
            return found
        assert "mount" in done.stderr or "unshare" in done.stderr, done.stderr
    pytest.skip("a small disk cannot be mounted here: neither as root nor in a user namespace")


def test_a_job_whose_disk_fills_up_is_paused_and_completed_when_there_is_room(tmp_path: Path) -> None:
    file = write_talk(tmp_path / "talk.wav", 4.0)
    undisturbed = seen(tmp_path / "undisturbed", file, "nothing")
    assert undisturbed["states"] == ["finished", "finished"]
    for moment in MOMENTS:
        found = seen(tmp_path / moment, file, moment)
        assert (found["states"], found["is_full"]) == (["paused", "finished"], True), moment
        assert found["left"] == {"talk.srt": OLD.decode()}, "no empty file takes the place of a good one"
        assert found["made"] == undisturbed["made"], moment
        assert found["others"] == [], moment
