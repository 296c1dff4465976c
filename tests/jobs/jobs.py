"""Small jobs for tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from workbench.engines import StageKind
from workbench.jobs.checkpoint import Identity
from workbench.jobs.segments import ItemResult
from workbench.kept import Item
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


def item(index: int) -> Item:
    """Windows of a minute for even numbers; for odd ones the text that is to be translated."""
    kind = StageKind.TRANSLATION if index % 2 else StageKind.ASR
    return Item(kind=kind, start=60.0 * index, end=60.0 * index + 60, text=f"Wort {index}" if index % 2 else "")


def result(index: int, text: str = "") -> ItemResult:
    start = 60.0 * index
    text = text or f"Wort {index}, \N{CJK UNIFIED IDEOGRAPH-597D}."
    if index % 2:
        translated = Translation(segment_id=index, text=text, language="en", start=start, end=start + 1.5)
        return ItemResult(item=item(index), translations=(translated,))
    words = (Word(start, start + 0.1 + 0.2, text, 0.9),)
    said = Transcript(segment_id=index, text=text, language="de", start=start, end=start + 1.5, words=words)
    return ItemResult(item=item(index), transcripts=(said,))


def numbers(results: Iterable[ItemResult]) -> list[int]:
    """What `result` was given for each."""
    return [round(found.item.start / 60) for found in results]
