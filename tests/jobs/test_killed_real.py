"""Real speech through real engines, in a process that is killed again and again: the subtitles are the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from watchfiles import watch

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


def stores_more(root: Path, than: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until it does, or has ended."""
    for _ in watch(root, step=10, debounce=10, rust_timeout=100, yield_on_timeout=True):
        if results(root) > than or process.poll() is not None:
            return


def test_real_speech_survives_kills(tmp_path: Path) -> None:
    file = clip("meeting/dev00.wav")
    assert ended(begun(tmp_path / "reference", file)) == ""
    killed, stored = tmp_path / "killed", 0
    for _ in range(KILLS):
        process = begun(killed, file)
        stores_more(killed, stored, process)
        process.kill()
        process.communicate()
        assert results(killed) > stored, "what was stored stays, and it goes on"
        stored = results(killed)
    assert ended(begun(killed, file)) == ""
    assert (killed / "talk.srt").read_bytes() == (tmp_path / "reference" / "talk.srt").read_bytes()
