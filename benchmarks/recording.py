"""What benchmarks listen to: real clips joined to one recording, or the samples where those are not here."""

from __future__ import annotations

import csv
import os
import wave
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks.machine import ROOT
from workbench.audio.decode import decode
from workbench.types import Samples

RATE: Final = 16_000
PAUSES_S: Final = (0.6, 1.2, 2.5)
"""Silence between two clips, in turn."""
TRANSCRIPTS: Final = Path(os.environ.get("WORKBENCH_TEST_AUDIO") or ROOT.parent / "shared/audio") / "transcripts.tsv"
_SPOKEN: Final = {"*": "star", "#": "pound"}


class Clip(NamedTuple):
    path: Path
    text: str
    """What is said."""
    language: str


def clips() -> tuple[list[Clip], str]:
    """English speech, and where it comes from: `read` and `phone` of WORKBENCH_TEST_AUDIO, or the samples."""
    if not TRANSCRIPTS.is_file():
        samples = [ROOT / "samples" / name for name in ("dialogue.flac", "talk.mp4")]
        return [Clip(path, path.with_suffix(".txt").read_text("utf-8"), "en") for path in samples], "the samples"
    return [clip for clip in real_clips() if clip.language == "en"], "real speech"


def real_clips() -> list[Clip]:
    """All that have a transcript, in all languages. Raises `FileNotFoundError` where they are not."""
    with TRANSCRIPTS.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return [Clip(TRANSCRIPTS.parent / row["file"], _said(row["text"]), row["language"]) for row in rows]


def samples(found: Iterable[Clip], pauses_s: Sequence[float] = PAUSES_S) -> Samples:
    """All clips one after the other at 16 kHz, with pauses between them."""
    parts = []
    for index, clip in enumerate(found):
        parts += [chunk.samples for chunk in decode(clip.path)]
        parts.append(np.zeros(round(pauses_s[index % len(pauses_s)] * RATE), np.float32))
    return np.concatenate(parts)


def write(path: Path, audio: Samples) -> None:
    """As a WAV of 16 bits."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes())


def _said(text: str) -> str:
    for sign, word in _SPOKEN.items():
        text = text.replace(sign, f" {word} ")
    return text
