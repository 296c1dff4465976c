"""Light engines for whole jobs of real files: what they say depends on every sample they hear.

`tells` of each process hears what they do, as it begins and ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

import workbench
from tests import fakes
from workbench.audio.wav import WavWriter
from workbench.builtin.file import FileCapture
from workbench.builtin.subtitles import SubtitleExporter
from workbench.engines import Settings
from workbench.jobs.request import Request
from workbench.outputs import Targets
from workbench.plugins import Registry
from workbench.profiles.schema import Profile, parse_profile
from workbench.types import AudioChunk, Cue, Samples, Transcript, Translation, Window

RATE: Final = 16_000
CONCURRENCY: Final = 3
FORMATS: Final = ("srt", "vtt", "json")
PROFILE: Final = """
schema = 1
name = "light"
[vad]
engine = "loud"
options = { min_speech_ms = 60, min_silence_ms = 100, speech_pad_ms = 30 }
[asr]
engine = "digests"
[translation]
engine = "capitals"
"""


class Process:
    """Of this process."""

    tells: ClassVar[Callable[[str, float], None]] = staticmethod(lambda what, start: None)
    """Called from any thread with what an engine does, and where in the audio, in seconds."""
    work_s: ClassVar[float] = 0.0
    """What a window takes; a text takes half as long."""


class Opened(FileCapture):
    """Is opened twice: to look into the file, and to read it."""

    name = "file"

    def open(self, settings: Settings) -> Iterator[AudioChunk]:
        Process.tells("open", 0.0)
        return super().open(settings)


class Loud(fakes.Loudness):
    name = "loud"

    def __init__(self, options: Any) -> None:
        super().__init__()


class Digests(workbench.Recognizer):
    """Says a hash of what it hears, in words."""

    name = "digests"
    concurrency = CONCURRENCY
    window_s = 1.0

    def __init__(self, options: Any) -> None:
        """Takes none."""

    def detect_language(self, window: Window) -> str:
        Process.tells("detect", window.start)
        return "en"

    def process(self, item: Window, state: Settings) -> Iterator[Transcript]:
        Process.tells("recognize", item.start)
        time.sleep(Process.work_s)
        Process.tells("recognized", item.start)
        said = blake2b(item.samples.tobytes(), digest_size=6).hexdigest()
        yield item.transcript(f"{said[:4]} {said[4:8]}, {said[8:]}.", language="en", start=0.0, end=item.duration)


class Capitals(workbench.Translator):
    name = "capitals"
    pairs = (("en", "de"),)
    concurrency = 2

    def __init__(self, options: Any) -> None:
        """Takes none."""

    def process(self, item: Transcript, state: Settings) -> Iterator[Translation]:
        Process.tells("translate", item.start)
        time.sleep(Process.work_s / 2)
        yield item.translated(item.text.upper(), "de")


class Written(SubtitleExporter):
    def render(self, cues: Sequence[Cue], format: str) -> bytes:
        Process.tells("render", 0.0)
        return super().render(cues, format)


def talk(seconds: float) -> Samples:
    """Noise for words, with pauses between them that end a window."""
    chance, parts, length = np.random.default_rng(1), list[Samples](), 0
    while length < seconds * RATE:
        word = chance.uniform(-0.5, 0.5, int(chance.uniform(0.3, 0.8) * RATE)).astype(np.float32)
        parts += [word, np.zeros(int(chance.uniform(0.2, 0.4) * RATE), np.float32)]
        length += len(word) + len(parts[-1])
    return np.concatenate(parts)


def write_talk(path: Path, seconds: float) -> Path:
    with WavWriter(path, RATE, overwrite=True) as wav:
        wav.write(talk(seconds))
        wav.commit()
    return path


def profile(more: str = "") -> Profile:
    return parse_profile(PROFILE + more)


def registry() -> Registry:
    return fakes.registry(Opened, Loud, Digests, Capitals, Written)


def request(file: Path, folder: Path, *, overwrite: bool = False) -> Request:
    """Subtitles in two languages, in `folder`."""
    subtitles = tuple((format, folder / f"talk.{format}") for format in FORMATS)
    targets = Targets(file, subtitles, folder=folder, show="both", overwrite=overwrite)
    return Request(targets=targets, settings=Settings(target_language="de"), profile=profile())


def made(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("talk.*"))}
