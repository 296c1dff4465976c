"""`workbench live` with an engine that never answers, and somebody who wants to leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import workbench
from tests.fakes import Loudness
from workbench import cli, sessions
from workbench.audio.wav import WavWriter
from workbench.builtin.file import FileCapture
from workbench.cli import console
from workbench.engines import Settings
from workbench.plugins import Plugin, Registry
from workbench.types import Transcript, Window

RATE = 16_000
ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")


class Loud(Loudness):
    name = "loud"

    def __init__(self, options: Any) -> None:
        super().__init__()


class Stuck(workbench.Recognizer):
    name = "stuck"

    def __init__(self, options: Any) -> None:
        """Takes none."""

    def process(self, item: Window, state: Settings) -> Iterator[Transcript]:
        console.say("It hangs.")
        threading.Event().wait()
        return iter(())


def main(path: str) -> None:
    """In a process of its own."""

    @workbench.hookimpl
    def register_engines(register: Any) -> None:
        for engine in (Loud, Stuck, FileCapture):
            register(engine)

    found = Registry()
    found.add(Plugin("test", "test", "1"), lambda: SimpleNamespace(register_engines=register_engines))
    console.registry = lambda: found
    sys.argv = [
        "workbench",
        "live",
        "--file",
        path,
        "--language",
        "en",
        "--engine",
        "vad=loud",
        "--engine",
        "asr=stuck",
    ]
    cli.main()


@pytest.fixture
def stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """It was spoken to, and its engine does not answer."""
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"WORKBENCH_{name}_DIR", str(tmp_path / name.lower()))
    with WavWriter(tmp_path / "talk.wav", RATE) as wav:
        wav.write(np.full(60 * RATE, 0.5, np.float32))
        wav.commit()
    code = f"from tests.test_live_left import main; main({str(tmp_path / 'talk.wav')!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ, stderr=subprocess.PIPE, text=True
    )
    heard(process, "It hangs.")
    yield process
    process.kill()
    process.communicate()


def heard(process: subprocess.Popen[str], text: str) -> None:
    """Read what it says until `text` is in it."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if text in line:
            return
    raise AssertionError(f"it did not say {text!r}: {said}")


def interrupt(process: subprocess.Popen[str], says: str) -> None:
    process.send_signal(signal.SIGINT)
    heard(process, says)


def test_who_stops_drops_and_leaves_is_told_what_that_waits_for_and_waits_no_longer(
    stuck: subprocess.Popen[str],
) -> None:
    interrupt(stuck, "Stopping")
    interrupt(stuck, "Dropping")
    heard(stuck, "asr engine 'stuck' is still at work")
    interrupt(stuck, "Once more ends it at once")
    assert stuck.wait(10) == 130
    (session,) = sessions.recordings()
    assert session.duration > 0.0


def test_once_more_ends_it_at_once(stuck: subprocess.Popen[str]) -> None:
    interrupt(stuck, "Stopping")
    interrupt(stuck, "Dropping")
    interrupt(stuck, "Once more ends it at once")
    stuck.send_signal(signal.SIGINT)
    assert stuck.wait(1.5) == 130, "sooner than anything is given up"
