"""The main job: an audio or video file goes in, subtitles come out. The command line and the screen both call it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from workbench import events
from workbench.audio.wav import SpeechTrack, WavWriter
from workbench.captions import Captions
from workbench.disk import Priority, disk
from workbench.disk_errors import said_plainly
from workbench.engines import Capture, Exporter, Settings, StageKind
from workbench.errors import StageError
from workbench.export import most_common_language, render, soft_subtitles, write_files
from workbench.files import NewFile, sweep
from workbench.kept import Kept
from workbench.node import Emit
from workbench.outputs import Targets
from workbench.pipeline import Pipeline
from workbench.session import Session
from workbench.speech.drift import Drift
from workbench.speech.quality import Quality
from workbench.stages import Stages
from workbench.subtitles import Caption
from workbench.subtitles.mux import mux
from workbench.subtitles.repeats import MOST_IN_A_TEXT, repeated, times_looped
from workbench.threads import to_thread
from workbench.types import Speech

SPEECH_RATE = 24_000
"""Hertz of the WAV that `--speak` writes."""


class Drifted(StageError):
    """Windows that are recognized together give other texts than each alone. Nothing was written."""


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
    quality: Quality | None = None
    """Of the segments."""
    drift: Drift | None = None
    """Where windows were recognized together: how far their texts are from those of each alone; None: not compared."""

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
            "segmentation": self.quality.to_dict() if self.quality else None,
            "drift": self.drift.to_dict() if self.drift else None,
            "warnings": list(self.warnings),
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


def prepare(targets: Targets) -> None:
    """Make the folder, and make sure that files can be written in it, before hours of work. Raises `OutputError`.

    What is there already may be from a run that was killed: whether it is, shows when it is written. What one left half
    written is removed.
    """
    if targets.folder is not None:
        with said_plainly(targets.folder):
            targets.folder.mkdir(parents=True, exist_ok=True)
    for folder in {path.parent for path in targets.paths}:
        sweep(folder)
    for path in targets.paths:
        if targets.overwrite or not os.path.exists(path):
            with NewFile(path, overwrite=targets.overwrite):
                pass


async def transcribe(
    session: Session,
    stages: Stages,
    targets: Targets,
    settings: Settings,
    emit: Emit,
    *,
    capture: Capture | None = None,
    kept: Kept | None = None,
    tolerance: int = 1,
    may_drift: bool = True,
    began: Callable[[Pipeline], None] = lambda pipeline: None,
) -> Result:
    """Make `targets`. Files appear under their names when they are complete, or not at all.

    `capture` gives the audio of the file, by default as the profile has it read, within bounds. `kept` and `tolerance`
    are the pipeline's; where windows failed and it went on, nothing is written. `began` gets the pipeline. Texts of
    windows that were recognized together `may_drift` far from those of each alone, with a warning; or else `Drifted` is
    raised.

    Raises `InputError`, `StageError`, `OutputError` and what else `Pipeline.run` raises.
    """
    started = time.perf_counter()
    capture = capture or session.bounded(targets.path)
    outputs = tuple((session.exporter(format), format, path) for format, path in targets.subtitles)
    told = Captions()
    duration = 0.0
    failures: list[events.Error] = []
    notes: list[str] = []

    def listen(event: events.Event) -> None:
        nonlocal duration
        told.add(event)
        match event:
            case events.Done():
                duration = event.duration
            case events.Error(stage=StageKind.VAD):
                notes.append(f"{event.message}. {event.hint}")
            case events.Error():
                failures.append(event)
        emit(event)

    with (
        WavWriter(targets.speech, SPEECH_RATE, overwrite=targets.overwrite) if targets.speech else nullcontext() as wav
    ):
        play = _player(wav) if wav else None
        pipeline = Pipeline(capture, stages, settings, listen, play=play, tolerance=tolerance, kept=kept)
        began(pipeline)
        await pipeline.run()
        if failures:
            raise _incomplete(failures)
        if (drift := pipeline.drift) and drift.is_too_much:
            if not may_drift:
                raise Drifted(str(drift), hint="Set batch_size to 1.")
            notes.append(str(drift))
        language = pipeline.settings.language or most_common_language(told.found)
        files = await to_thread(render, outputs, told.found, language, targets.show)
        await disk().run(partial(write_files, files, overwrite=targets.overwrite))
        if wav is not None:
            await disk().run(wav.commit, tries=1)
    warnings = (*notes, *getattr(capture, "warnings", ()), *(line for file in files[:1] for line in file.warnings()))
    if targets.copy is not None:
        warnings += tuple(await _make_copy(targets, targets.copy, session.exporter("srt"), told.found, language))
    return Result(
        path=targets.path,
        outputs=tuple(targets.paths),
        rendered=tuple(file.data for file in files if file.path is None),
        language=language,
        duration=duration,
        elapsed=time.perf_counter() - started,
        captions=tuple(told.found),
        cues=max((len(file.cues) for file in files), default=0),
        warnings=warnings,
        quality=pipeline.quality,
        drift=drift,
    )


def _incomplete(failures: Sequence[events.Error]) -> StageError:
    first = failures[0]
    rest = f" (and {len(failures) - 1} more failed)" if len(failures) > 1 else ""
    return StageError(f"{first.message}{rest}", hint=first.hint)


def _player(wav: WavWriter) -> Callable[[Speech], Awaitable[None]]:
    track = SpeechTrack(wav)

    async def play(speech: Speech) -> None:
        await to_thread(track.add, speech.audio)

    return play


async def _make_copy(
    targets: Targets, copy: Path, exporter: Exporter, captions: Sequence[Caption], language: str | None
) -> list[str]:
    """A line for each stream that was left out. Takes as long as the disk needs; who cancels does not wait for that."""
    stop = threading.Event()

    def make() -> list[str]:
        tracks = soft_subtitles(exporter, captions, language)
        return mux(targets.path, tracks, copy, overwrite=targets.overwrite, stop=stop)

    return await disk().run(make, priority=Priority.COPY, stop=stop)
