"""The example in docs/streams.md works as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_example_finds_speech_in_a_file() -> None:
    pytest.importorskip("workbench_silero_vad", reason="needs workbench-silero-vad: make test installs it")
    [program] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/streams.md").read_text("utf-8"), re.DOTALL)
    command = [sys.executable, "-c", program, str(ROOT / "samples/dialogue.flac")]
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert result.stdout.startswith("SpeechStarted(segment_id=0, start=")
    assert "SpeechEnded(" in result.stdout
    assert "SpeechSegment(" in result.stdout
