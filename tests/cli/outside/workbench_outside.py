"""A plugin as someone else would ship it: quick engines of every kind, each of which can be told to fail."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import workbench
from workbench.models import Model, loading_progress, locate

RATE = 16_000


class _Options(workbench.Options):
    fault: str = ""
    """What goes wrong, and where."""


def _fail(options: _Options, where: str) -> None:
    if options.fault == where:
        raise RuntimeError(f"no luck in {where}\nand a second line")


class Always(workbench.Detector[None]):
    """Takes everything for speech."""

    name = "always"
    Options = _Options

    def __init__(self, options: _Options) -> None:
        _fail(options, "constructor")
        self.options = options

    def open(self, settings: workbench.Settings) -> None:
        return None

    def process(self, item: workbench.AudioChunk, state: None) -> list[Any]:
        _fail(self.options, "process")
        if self.options.fault == "garbage":
            return ["speech"]
        return [workbench.Activity(item.start, 0.1, np.ones(len(item.samples) // (RATE // 10), np.float32))]


HUGE = Model(name="huge", engine="echo", languages=(), license="", size=1, memory_mb=1, files=("model.bin",))
"""Weights that cannot be had."""


class Echo(workbench.Recognizer):
    """Says how long each window is."""

    name = "echo"

    class Options(_Options):
        model: str = "small"
        language: str | None = "en"
        """What it takes every language for."""
        gate: Path | None = None
        """It waits until there is such a file, after making one with the suffix .entered."""
        license: str = ""
        """Must be "bought", or it cannot be used."""
        fetches: bool = False
        """Whether its weights come from afar."""

    def __init__(self, options: Options) -> None:
        _fail(options, "constructor")
        if options.fault == "exit":
            raise SystemExit(5)
        if options.fault == "broken":
            raise workbench.EngineError("the weights are damaged", hint="Fetch them again.")
        if options.model == HUGE.name:
            locate(HUGE)
        if options.fetches and (progress := loading_progress.get()):
            progress(5_000_000, 8_000_000)
        self.options = options

    @classmethod
    def models(cls) -> Sequence[Model]:
        return (HUGE,)

    @classmethod
    def resolve(cls, options: Options, settings: workbench.Settings) -> Options:
        _fail(options, "resolve")
        if options.license == "lost":
            raise workbench.MissingError("echo has no license", hint="Buy one.")
        return options

    def detect_language(self, window: workbench.Window) -> str | None:
        _fail(self.options, "detection")
        return self.options.language

    def process(self, item: workbench.Window, state: workbench.Settings) -> Iterator[Any]:
        if self.options.gate is not None:
            self.options.gate.with_suffix(".entered").touch()
            while not self.options.gate.exists():
                time.sleep(0.005)
        _fail(self.options, "process")
        if self.options.fault == "garbage":
            yield "Hello"
        middle = item.duration / 2
        words = [workbench.Word(0.0, middle, " Hello", 0.75), workbench.Word(middle, item.duration, " there.", 0.5)]
        language = state.language or "und"
        yield item.transcript(" Hello there.", language=language, start=0.0, end=item.duration, words=words)


class Mirror(workbench.Translator):
    """Writes English backwards."""

    name = "mirror"
    pairs = (("en", "xx"),)
    Options = _Options

    def __init__(self, options: _Options) -> None:
        self.options = options

    def process(self, item: workbench.Transcript, state: workbench.Settings) -> Iterator[workbench.Translation]:
        _fail(self.options, "process")
        yield item.translated(item.text[::-1], "xx")


class Hum(workbench.Synthesizer):
    """Half a second of a tone for every text."""

    name = "hum"
    voices: ClassVar[dict[str, str]] = {"anna": "en", "otto": "xx"}

    def process(self, item: Any, state: workbench.Settings) -> Iterator[workbench.Speech]:
        tone = np.sin(np.arange(4000, dtype=np.float32) / 5)
        yield workbench.Speech(segment_id=item.segment_id, audio=workbench.AudioChunk(tone, 8000, item.start))


class Listing(workbench.Exporter):
    """One line for each cue."""

    name = "listing"
    formats = ("lst",)
    Options = _Options

    def __init__(self, options: _Options) -> None:
        self.options = options

    def render(self, cues: Sequence[workbench.Cue], format: str) -> Any:
        _fail(self.options, "render")
        text = "".join(f"{cue.start:.1f} {cue.text}\n" for cue in cues)
        return text if self.options.fault == "garbage" else text.encode()


class Tone(workbench.Capture):
    """Three seconds of a tone, whatever the file."""

    name = "tone"

    class Options(_Options):
        path: Path | None = None
        """Any name."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def open(self, settings: workbench.Settings) -> Iterator[Any]:
        _fail(self.options, "open")
        return self._chunks()

    def _chunks(self) -> Iterator[Any]:
        tone = np.sin(np.arange(RATE, dtype=np.float32) / 5)
        yield workbench.AudioChunk(tone, RATE, 0.0)
        _fail(self.options, "read")
        yield "noise" if self.options.fault == "garbage" else workbench.AudioChunk(tone, RATE, 1.0)
        yield workbench.AudioChunk(tone, RATE, 2.0)


@workbench.hookimpl
def register_engines(register: workbench.Register) -> None:
    for engine in (Always, Echo, Mirror, Hum, Listing, Tone):
        register(engine)
