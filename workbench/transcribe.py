"""The main job: an audio or video file goes in, subtitles come out. The command line and the screen both call it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench import events
from workbench.audio.wav import SpeechTrack, WavWriter
from workbench.captions import Captions
from workbench.engines import Capture, Settings
from workbench.export import Output, SubtitleFile, most_common_language, render, write_files
from workbench.files import NewFile, said_plainly
from workbench.pipeline import Emit, Pipeline, Stages
from workbench.session import Session
from workbench.subtitles import Caption, Show
from workbench.subtitles.repeats import MOST_IN_A_TEXT, repeated, times_looped
from workbench.threads import to_thread
from workbench.types import Speech

SPEECH_RATE = 24_000
"""Hertz of the WAV that `--speak` writes."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be made of one file."""

    path: Path
    outputs: tuple[Output, ...]
    speech: Path | None = None
    """The WAV for synthesized speech."""
    show: Show = "source"
    overwrite: bool = False
    folder: Path | None = None
    """Where the files go, to be made if it is missing."""

    @property
    def paths(self) -> list[Path]:
        """All files it writes."""
        return [path for _, _, path in self.outputs if path] + ([self.speech] if self.speech else [])


@dataclass(frozen=True, slots=True)
class Result:
    path: Path
    outputs: tuple[Path, ...]
    rendered: tuple[bytes, ...]
    """Subtitle files that were asked for without a place to write them."""
    language: str | None
    duration: float
    """Seconds of audio."""
    elapsed: float
    """Seconds it took."""
    captions: tuple[Caption, ...]
    cues: int
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """What `workbench transcribe --json` prints."""
        return {
            "file": str(self.path),
            "output": [str(path) for path in self.outputs],
            "language": self.language,
            "duration": round(self.duration, 3),
            "elapsed": round(self.elapsed, 3),
            "segments": [segment(caption) for caption in self.captions],
            "repeated": repeated_segments(self.captions),
        }


def repeated_segments(captions: Sequence[Caption]) -> list[int]:
    """Which of `segments`, from 0, say the same as their neighbours or loop: recognizers do where they fail."""
    texts = [caption.transcript.text for caption in captions]
    in_a_row = {index for index, _ in repeated(texts)}
    return [i for i, text in enumerate(texts) if i in in_a_row or times_looped(text) > MOST_IN_A_TEXT]


def segment(caption: Caption) -> dict[str, Any]:
    """One of `segments`; plain JSON values, times in seconds."""
    transcript = caption.transcript
    return {
        "start": _rounded(transcript.start),
        "end": _rounded(transcript.end),
        "text": transcript.text,
        "words": [
            {
                "start": _rounded(word.start),
                "end": _rounded(word.end),
                "text": word.text,
                "probability": _rounded(word.probability),
            }
            for word in transcript.words
        ],
        "translation": caption.translation.text if caption.translation else None,
    }


def _rounded(value: float) -> float:
    """For JSON, which refuses NumPy's numbers: engines give them."""
    return round(float(value), 3)


def prepare(job: Job) -> None:
    """Make the folder, and make sure that files can be written in it, before hours of work. Raises `OutputError`."""
    if job.folder is not None:
        with said_plainly(job.folder):
            job.folder.mkdir(parents=True, exist_ok=True)
    for path in job.paths:
        with NewFile(path, overwrite=job.overwrite):
            pass


async def transcribe(
    session: Session, stages: Stages, job: Job, settings: Settings, emit: Emit, capture: Capture | None = None
) -> Result:
    """Run `job`. Files appear under their names when they are complete, or not at all.

    `capture` gives the audio of its file, by default as the profile has it read.
    Raises `InputError`, `StageError`, `OutputError` and what else `Pipeline.run` raises.
    """
    began = time.perf_counter()
    capture = capture or session.capture(job.path)
    told = Captions()
    duration = 0.0

    def listen(event: events.Event) -> None:
        nonlocal duration
        told.add(event)
        if isinstance(event, events.Done):
            duration = event.duration
        emit(event)

    with WavWriter(job.speech, SPEECH_RATE, overwrite=job.overwrite) if job.speech else nullcontext() as wav:
        pipeline = Pipeline(capture, stages, settings, listen, play=_player(wav) if wav else None)
        await pipeline.run()
        language = pipeline.settings.language or most_common_language(told.found)
        files = await to_thread(render, job.outputs, told.found, language, job.show)
        await to_thread(_write, job, files, wav)
    return Result(
        path=job.path,
        outputs=tuple(job.paths),
        rendered=tuple(file.data for file in files if file.path is None),
        language=language,
        duration=duration,
        elapsed=time.perf_counter() - began,
        captions=tuple(told.found),
        cues=max((len(file.cues) for file in files), default=0),
        warnings=(*getattr(capture, "warnings", ()), *(line for file in files[:1] for line in file.warnings())),
    )


def _player(wav: WavWriter) -> Callable[[Speech], Awaitable[None]]:
    track = SpeechTrack(wav)

    async def play(speech: Speech) -> None:
        await to_thread(track.add, speech.audio)

    return play


def _write(job: Job, files: Sequence[SubtitleFile], wav: WavWriter | None) -> None:
    """In a worker thread. Everything is rendered before the first file is written."""
    write_files(files, overwrite=job.overwrite)
    if wav is not None:
        wav.commit()
