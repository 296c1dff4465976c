"""The main job: an audio or video file goes in, subtitles come out. The command line and the screen both call it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench import events
from workbench.audio.wav import SpeechTrack, WavWriter
from workbench.engines import Exporter, Settings
from workbench.files import NewFile, said_plainly, write_atomically
from workbench.pipeline import Emit, Pipeline, Stages
from workbench.plan import attributed
from workbench.session import Session
from workbench.subtitles import Caption, CueRules, Show, build_cues, violations
from workbench.threads import to_thread
from workbench.types import Cue, Speech

SPEECH_RATE = 24_000
"""Hertz of the WAV that `--speak` writes."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be made of one file."""

    path: Path
    outputs: tuple[tuple[Exporter, str, Path | None], ...]
    """(engine, format, where to) for each subtitle file; None: only rendered."""
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
            "segments": [_segment(caption) for caption in self.captions],
        }


def _segment(caption: Caption) -> dict[str, Any]:
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


@dataclass(slots=True)
class _Listener:
    """Collects what a pipeline tells."""

    emit: Emit
    captions: list[Caption] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)
    duration: float = 0.0

    def __call__(self, event: events.Event) -> None:
        match event:
            case events.Transcript(transcript=transcript):
                self.places[id(transcript)] = len(self.captions)
                self.captions.append(Caption(transcript))
            case events.Translation(transcript=transcript, translation=translation):
                place = self.places[id(transcript)]
                if (before := self.captions[place].translation) is not None:
                    translation = replace(translation, text=f"{before.text} {translation.text}")
                self.captions[place] = Caption(transcript, translation)
            case events.Done(duration=duration):
                self.duration = duration
        self.emit(event)


def prepare(job: Job) -> None:
    """Make the folder, and make sure that files can be written in it, before hours of work. Raises `OutputError`."""
    if job.folder is not None:
        with said_plainly(job.folder):
            job.folder.mkdir(parents=True, exist_ok=True)
    for path in job.paths:
        with NewFile(path, overwrite=job.overwrite):
            pass


async def transcribe(session: Session, stages: Stages, job: Job, settings: Settings, emit: Emit) -> Result:
    """Run `job`. Files appear under their names when they are complete, or not at all.

    Raises `InputError`, `StageError`, `OutputError` and what else `Pipeline.run` raises.
    """
    began = time.perf_counter()
    capture = session.capture(job.path)
    listener = _Listener(emit)
    with WavWriter(job.speech, SPEECH_RATE, overwrite=job.overwrite) if job.speech else nullcontext() as wav:
        pipeline = Pipeline(capture, stages, settings, listener, play=_player(wav) if wav else None)
        await pipeline.run()
        language = pipeline.settings.language or _most_common_language(listener.captions)
        files = await to_thread(_render, job, listener.captions, language)
        await to_thread(_write, job, files, wav)
    return Result(
        path=job.path,
        outputs=tuple(job.paths),
        rendered=tuple(file.data for file in files if file.path is None),
        language=language,
        duration=listener.duration,
        elapsed=time.perf_counter() - began,
        captions=tuple(listener.captions),
        cues=max((len(file.cues) for file in files), default=0),
        warnings=(*getattr(capture, "warnings", ()), *(line for file in files[:1] for line in file.warnings())),
    )


def _most_common_language(captions: Sequence[Caption]) -> str | None:
    """What the recognizer took most of it for, where it could not tell beforehand."""
    languages = Counter(caption.transcript.language for caption in captions).most_common(1)
    return languages[0][0] if languages else None


def _player(wav: WavWriter) -> Callable[[Speech], Awaitable[None]]:
    track = SpeechTrack(wav)

    async def play(speech: Speech) -> None:
        await to_thread(track.add, speech.audio)

    return play


@dataclass(frozen=True, slots=True)
class _File:
    """A subtitle file, ready to be written."""

    path: Path | None
    data: bytes
    cues: list[Cue]
    rules: CueRules
    translation_rules: CueRules

    def warnings(self) -> list[str]:
        """One line for each rule that cues break, since the speech leaves no other way."""
        broken = Counter(v.rule for v in violations(self.cues, self.rules, self.translation_rules))
        cues = {rule: "1 cue" if count == 1 else f"{count} cues" for rule, count in broken.items()}
        return [f"{cues[rule]} of {len(self.cues)} cannot keep {rule}" for rule in sorted(broken)]


def _render(job: Job, captions: Sequence[Caption], language: str | None) -> list[_File]:
    """In a worker thread."""
    translated = next((caption.translation.language for caption in captions if caption.translation), language)
    files = []
    for exporter, format, path in job.outputs:
        with attributed(exporter, f"to make {format}"):
            rules = exporter.rules_for(translated if job.show == "translation" else language)
            translation_rules = exporter.rules_for(translated)
            cues = build_cues(captions, rules, job.show, translation_rules=translation_rules)
            data = exporter.render(cues, format)
            if not isinstance(data, bytes):
                raise TypeError(f"it gave a {type(data).__name__}, not bytes")
        files.append(_File(path, data, cues, rules, translation_rules))
    return files


def _write(job: Job, files: Sequence[_File], wav: WavWriter | None) -> None:
    """In a worker thread. Everything is rendered before the first file is written."""
    for file in files:
        if file.path is not None:
            write_atomically(file.path, file.data, overwrite=job.overwrite)
    if wav is not None:
        wav.commit()
