"""Real speech through real engines, in a process that is killed again and again: the subtitles are the same."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tests.real_speech import clip, needs_engines
from workbench.jobs.store import JobStore

pytestmark = [needs_engines, pytest.mark.timeout(300)]
KILLS: Final = 3


def begun(root: Path, file: Path) -> subprocess.Popen[bytes]:
    root.mkdir(exist_ok=True)
    environment = os.environ | {
        f"WORKBENCH_{name}_DIR": str(root / name.lower()) for name in ("DATA", "STATE", "CACHE")
    }
    command = [sys.executable, "-m", "workbench", "transcribe", str(file), "--model", "tiny.en", "--language", "en"]
    command += ["--option", "asr.packing=false", "--output", str(root / "talk.srt"), "--plain"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def ended(process: subprocess.Popen[bytes]) -> str:
    """What it complains of when it fails."""
    told = process.communicate()[1].decode()
    return told if process.returncode else ""


def results(root: Path) -> int:
    return sum(len(job.results()) for job in JobStore(root / "data" / "jobs").jobs())


def test_real_speech_survives_kills(tmp_path: Path) -> None:
    file = clip("meeting/dev00.wav")
    began = time.monotonic()
    assert ended(begun(tmp_path / "reference", file)) == ""
    length, chance, stored = time.monotonic() - began, random.Random(3), 0
    for _ in range(KILLS):
        process = begun(tmp_path / "killed", file)
        time.sleep(chance.uniform(0.3, 0.9) * length)
        process.kill()
        process.communicate()
        assert results(tmp_path / "killed") >= stored, "what was stored stays"
        stored = results(tmp_path / "killed")
    assert ended(begun(tmp_path / "killed", file)) == ""
    assert stored > 0
    assert (tmp_path / "killed" / "talk.srt").read_bytes() == (tmp_path / "reference" / "talk.srt").read_bytes()
