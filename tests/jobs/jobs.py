"""Small jobs for tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from workbench.jobs.checkpoint import Identity
from workbench.jobs.segments import WindowResult
from workbench.types import Transcript, Translation, Word

IDENTITY: Final = Identity(
    size=3,
    content="ab" * 32,
    settings={"language": "en", "windows": [30, 90]},
    profile={"name": "cpu", "asr": {"engine": "whisper", "model": "base"}},
    plugins={"workbench-faster-whisper": "0.1.0"},
    models={"whisper base": "cd" * 32},
)
OTHER: Final = replace(IDENTITY, plugins={"workbench-faster-whisper": "0.2.0"})
FILE: Final = Path("/videos/talk.mp4")


def result(index: int, text: str = "") -> WindowResult:
    start = 60.0 * index
    text = text or f"Wort {index}, \N{CJK UNIFIED IDEOGRAPH-597D}."
    words = (Word(start, start + 0.1 + 0.2, text, 0.9),)
    said = Transcript(segment_id=index, text=text, language="de", start=start, end=start + 1.5, words=words)
    translated = Translation(segment_id=index, text=text.upper(), language="en", start=start, end=start + 1.5)
    return WindowResult(index=index, start=start, end=start + 60, transcripts=(said,), translations=(translated,))
