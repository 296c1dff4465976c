"""Engines for whole jobs: files of any length, and a recognizer that writes as many windows as a test allows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import workbench
from workbench.builtin.subtitles import SubtitleExporter
from workbench.engines import Settings
from workbench.plugins import Registry

RATE = 16_000
PROFILE = {
    "schema": 1,
    "name": "quick",
    "vad": {"engine": "ear"},
    "asr": {"engine": "scribe", "options": {"packing": False}},
}
"""Each segment is a window."""


class Tape(workbench.Capture):
    """What a file says is how many seconds it has: in each four of them, two of speech."""

    name = "file"

    class Options(workbench.Options):
        path: Path | None = None

    def __init__(self, options: Options) -> None:
        self._path = options.path

    def open(self, settings: Settings) -> Iterator[workbench.AudioChunk]:
        assert self._path is not None
        try:
            seconds = int(self._path.read_text().split()[0])
        except FileNotFoundError as error:
            raise workbench.InputError(f"there is no file {str(self._path)!r}", hint="Check the path.") from error
        self.duration = float(seconds)
        return self._chunks(seconds)

    def _chunks(self, seconds: int) -> Iterator[workbench.AudioChunk]:
        for second in range(seconds):
            level = 0.5 if second % 4 < 2 else 0.0
            yield workbench.AudioChunk(np.full(RATE, level, np.float32), RATE, float(second))


class Ear(workbench.Detector[None]):
    name = "ear"

    def open(self, settings: Settings) -> None:
        return None

    def process(self, item: workbench.AudioChunk, state: None) -> list[workbench.Activity]:
        return [workbench.Activity(item.start, 0.1, np.full(10, item.samples.max() * 2, np.float32))]


class Scribe(workbench.Recognizer):
    """Writes a line for each window. `reset` it before each test."""

    name = "scribe"
    allowed: ClassVar[threading.Semaphore]
    """Windows that may still be written."""
    written: ClassVar[list[str]]
    error: ClassVar[Exception | None]
    """Is raised in place of a line."""
    made: ClassVar[list[str]]
    """The models that were loaded."""

    class Options(workbench.Options):
        model: str = "small"

    def __init__(self, options: Options) -> None:
        self.made.append(options.model)
        self._model = options.model

    @classmethod
    def reset(cls, allowed: int = 1000) -> None:
        cls.allowed, cls.written, cls.error, cls.made = threading.Semaphore(allowed), [], None, []

    @classmethod
    def allow(cls, windows: int) -> None:
        cls.allowed.release(windows)

    def process(self, item: workbench.Window, state: Settings) -> Iterator[workbench.Transcript]:
        assert self.allowed.acquire(timeout=60), "nobody allowed this window"
        if self.error is not None:
            raise self.error
        line = f"{self._model}: line {item.segments[0].id + 1}, 第{item.segments[0].id + 1}行。"
        self.written.append(line)
        yield item.transcript(line, language="en", start=0.0, end=item.duration)


class Bridge(workbench.Translator):
    name = "bridge"
    pairs = (("en", "zh"), ("en", "de"))

    def process(self, item: workbench.Transcript, state: Settings) -> Iterator[workbench.Translation]:
        yield item.translated(f"({item.text})", state.target_language or "zh")


def scribes(*more: Any) -> Registry:
    from tests import fakes

    return fakes.registry(Tape, Ear, Scribe, Bridge, SubtitleExporter, *more)
