"""`workbench transcribe`"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from workbench.cli import console
from workbench.cli.progress import Display, display
from workbench.errors import UsageError
from workbench.threads import to_thread

if TYPE_CHECKING:
    from workbench.engines import Settings
    from workbench.pipeline import Stages
    from workbench.plugins import Registry
    from workbench.profiles.schema import Profile
    from workbench.session import Session
    from workbench.subtitles import Show
    from workbench.transcribe import Job, Result

FILES_AT_ONCE: Final = 8
"""Enough for short files to get past a long one; each holds a minute of audio at most."""
PARTLY: Final = 3
"""Exit code: some files failed."""


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Audio or video files.", show_default=False)],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="PATH", help="A file, a folder, or - for standard output.")
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", "-f", metavar="F,F", help="srt, vtt, ass, ttml, json, txt. Default: srt.")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", "-l", metavar="L", help="What is spoken. Default: detected.")
    ] = None,
    translate: Annotated[
        str | None, typer.Option("--translate", "-t", metavar="L", help="Write subtitles in this language.")
    ] = None,
    bilingual: Annotated[bool, typer.Option("--bilingual", help="With --translate: both languages.")] = False,
    speak: Annotated[bool, typer.Option("--speak", help="Also write a WAV that speaks the text.")] = False,
    voice: Annotated[str | None, typer.Option("--voice", metavar="NAME", help="Who speaks.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="M", help="ASR model: a name, a folder, or auto.")
    ] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", help="Text that shows names and style.")] = None,
    hotwords: Annotated[str | None, typer.Option("--hotwords", help="Words to favour.")] = None,
    profile: Annotated[str | None, typer.Option("--profile", "-p", metavar="P", help="Profile name or file.")] = None,
    engine: Annotated[
        list[str] | None, typer.Option("--engine", metavar="STAGE=NAME", help="Engine of a stage; repeatable.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="STAGE.KEY=VALUE", help="Option of a stage's engine; repeatable."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file on standard output.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Progress as plain lines.")] = False,
) -> None:
    """Make subtitles, translations or speech from audio and video files.

    Writes FILE.srt beside each input. Stages: capture, vad, asr, translation, tts, export.
    """
    from workbench.cli.overrides import overridden, settings_of

    if as_json and output == "-":
        raise UsageError("--json and -o - both want standard output", hint="Leave one of them out.")
    if bilingual and translate is None:
        raise UsageError("--bilingual needs a translation", hint="Say which: --translate LANGUAGE")
    registry = console.registry()
    chosen = overridden(profile, registry, engine or [], [*(option or []), *([f"asr.model={model}"] if model else [])])
    settings = settings_of(
        chosen, language=language, target_language=translate, voice=voice, prompt=prompt, hotwords=hotwords
    )
    request = _Request(files, output, format, bilingual, speak, force, as_json)
    with display(plain=plain) as shown:
        code = console.run(_run(chosen, registry, settings, request, shown))
    raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class _Request:
    """What the command line asks for, beside the settings of the stream."""

    files: list[Path]
    output: str | None
    formats: str | None
    bilingual: bool
    speak: bool
    force: bool
    as_json: bool


async def _run(profile: Profile, registry: Registry, settings: Settings, request: _Request, shown: Display) -> int:
    """Everything that can be refused is, before anything is loaded. Gives the exit code."""
    from workbench.session import Session

    async with Session(profile, registry) as session:
        plan = session.plan(settings, speak=request.speak)
        jobs = _jobs(session, settings, request)
        report = _Report(request, shown)
        ready = []
        for job in jobs:
            try:
                await to_thread(session.look_into, job.path, settings)
                ready.append(job)
            except Exception as error:
                report.failed(job.path, error)
        if ready:
            shown.status("Loading engines")
            stages = await session.load(plan)
            slots = asyncio.Semaphore(FILES_AT_ONCE)
            async with asyncio.TaskGroup() as tasks:
                for job in ready:
                    tasks.create_task(_one(session, stages, job, settings, slots, report))
        return report.exit_code()


async def _one(
    session: Session, stages: Stages, job: Job, settings: Settings, slots: asyncio.Semaphore, report: _Report
) -> None:
    from workbench.transcribe import transcribe as transcribe_file

    async with slots:
        try:
            result = await transcribe_file(session, stages, job, settings, report.shown.observer(job.path))
        except Exception as error:
            report.failed(job.path, error)
        else:
            report.finished(result)


def _jobs(session: Session, settings: Settings, request: _Request) -> list[Job]:
    """Raises `UsageError` for what cannot be written where it was asked for."""
    from workbench.outputs import check_free, targets
    from workbench.transcribe import Job

    known = session.formats()
    formats = _formats(request.formats, request.output, known)
    translator = settings.target_language or ("translated" if session.translates(settings) else None)
    found = targets(
        request.files,
        formats,
        known,
        output=request.output,
        translation=translator,
        speech=(settings.target_language or "speech") if request.speak else None,
    )
    if not request.force:
        check_free(found)
    show: Show = "source" if translator is None else "both" if request.bilingual else "translation"
    exporters = {format: session.exporter(format) for format in formats}
    return [
        Job(
            path=one.path,
            outputs=tuple((exporters[format], format, path) for format, path in one.subtitles),
            speech=one.speech,
            show=show,
            overwrite=request.force,
        )
        for one in found
    ]


def _formats(given: str | None, output: str | None, known: Sequence[str]) -> list[str]:
    """What --format says, else the suffix of -o, else SRT."""
    if given is None:
        suffix = Path(output or "").suffix.lstrip(".").lower()
        return [suffix if suffix in known else "srt"]
    formats = list(dict.fromkeys(part.strip().lower() for part in given.split(",") if part.strip()))
    unknown = [format for format in formats if format not in known]
    if unknown or not formats:
        raise UsageError(
            f"no format is called {given!r}" if not formats else f"no format is called {unknown[0]!r}",
            hint=f"Formats: {', '.join(known)}.",
        )
    return formats


class _Report:
    """What became of each file: a line for people, or JSON for programs, and the exit code."""

    def __init__(self, request: _Request, shown: Display) -> None:
        self.shown = shown
        self._as_json = request.as_json
        self._succeeded = 0
        self._codes: list[int] = []

    def finished(self, result: Result) -> None:
        self._succeeded += 1
        for data in result.rendered:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        if self._as_json:
            self._print(result.to_dict())
        self.shown.finished(result)

    def failed(self, path: Path, error: Exception) -> None:
        said = console.as_workbench_error(error)
        self._codes.append(said.exit_code)
        if self._as_json:
            about = {"code": said.code, "message": str(said), "hint": said.hint}
            self._print({"file": str(path), "error": about})
        self.shown.failed(path, error)

    def exit_code(self) -> int:
        """That of the failures when all files failed alike."""
        if not self._codes:
            return 0
        if self._succeeded:
            return PARTLY
        return self._codes[0] if len(set(self._codes)) == 1 else 1

    def _print(self, row: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        sys.stdout.flush()
