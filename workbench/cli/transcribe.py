"""`workbench transcribe`"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from workbench.cli import console
from workbench.cli.options import (
    Bilingual,
    EngineOptions,
    Engines,
    Hotwords,
    Language,
    Model,
    ProfileName,
    Prompt,
    Shown,
    Voice,
    refuse_standard_input,
    what_to_show,
)
from workbench.cli.overrides import overridden, settings_of
from workbench.cli.progress import display
from workbench.cli.report import Report
from workbench.engines import Exporter, Settings
from workbench.errors import UsageError, WorkbenchError
from workbench.export import soft_subtitles
from workbench.files import NewFile
from workbench.models import loading_progress
from workbench.outputs import check_free, chosen_formats, targets
from workbench.pipeline import Stages
from workbench.plugins import DISABLED, Registry
from workbench.profiles import affinity
from workbench.profiles.hardware import CoreHardwareDetector
from workbench.profiles.schema import Profile, mismatches
from workbench.session import Session
from workbench.subtitles import Show
from workbench.subtitles.mux import mux as mux_subtitles
from workbench.subtitles.mux import subtitled
from workbench.threads import limit_arenas, to_thread
from workbench.transcribe import Job, Result, prepare
from workbench.transcribe import transcribe as transcribe_file

FILES_AT_ONCE: Final = 8
"""Enough for short files to get past a long one; each holds a minute of audio at most."""


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Audio or video files.")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="PATH", help="A file, a folder, or - for standard output.")
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", "-f", metavar="F,F", help="srt, vtt, ass, ttml, json, txt. Default: srt.")
    ] = None,
    language: Language = None,
    translate: Annotated[
        str | None, typer.Option("--translate", "-t", metavar="L", help="Write subtitles in this language.")
    ] = None,
    show: Shown = None,
    bilingual: Bilingual = False,
    mux: Annotated[
        bool, typer.Option("--mux", help="Also write FILE.subtitled.mkv or .mp4: a copy with the subtitles in it.")
    ] = False,
    speak: Annotated[bool, typer.Option("--speak", help="Also write a WAV that speaks the text.")] = False,
    voice: Voice = None,
    model: Model = None,
    prompt: Prompt = None,
    hotwords: Hotwords = None,
    profile: ProfileName = None,
    engine: Engines = None,
    option: EngineOptions = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file on standard output.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Progress as plain lines.")] = False,
) -> None:
    """Make subtitles, translations or speech from audio and video files.

    Writes FILE.srt beside each input. Stages: capture, vad, asr, translation, tts, export.
    """
    request = _Request(files, output, format, show, bilingual, mux, speak, force, as_json)
    report = Report(files, as_json=as_json)
    try:
        registry = console.registry()
        chosen = overridden(profile, registry, engine or [], option or [], model)
        settings = settings_of(
            chosen, language=language, target_language=translate, voice=voice, prompt=prompt, hotwords=hotwords
        )
        _check(request, voice)
        _note(chosen, registry)
        affinity.apply(chosen.hardware.cpu_affinity)
        limit_arenas()
        with display(plain=plain, shares_terminal=as_json or output == "-") as shown:
            report.shown = shown
            console.run(_run(chosen, registry, settings, request, report))
    except WorkbenchError as error:
        report.give_up(error)
        raise
    raise typer.Exit(report.exit_code())


@dataclass(frozen=True, slots=True)
class _Request:
    """What the command line asks for, beside the settings of the stream."""

    files: list[Path]
    output: str | None
    formats: str | None
    show: Show | None
    bilingual: bool
    mux: bool
    speak: bool
    force: bool
    as_json: bool


def _check(request: _Request, voice: str | None) -> None:
    """Refuse options that contradict each other, or would have no effect."""
    refuse_standard_input(request.files)
    if request.as_json and request.output == "-":
        raise UsageError("--json and -o - both want standard output", hint="Leave one of them out.")
    if request.mux and request.output == "-":
        raise UsageError("--mux writes a file, and -o - none", hint="Leave one of them out.")
    if voice is not None and not request.speak:
        raise UsageError("--voice needs --speak", hint="Add --speak to get a WAV, or leave --voice out.")


def _note(profile: Profile, registry: Registry) -> None:
    """Say what is amiss and stops nothing."""
    notes = [f"plugin {p.name!r} is left out: {p.error}" for p in registry.plugins if p.error not in ("", DISABLED)]
    notes += dict.fromkeys(registration.error for registration in registry.registrations if registration.error)
    if profile.source:
        notes += mismatches(profile, CoreHardwareDetector().detect())
    for note in notes:
        console.say(f"note: {note}")


async def _run(profile: Profile, registry: Registry, settings: Settings, request: _Request, report: Report) -> None:
    """Everything that can be refused is, before anything is loaded."""
    async with Session(profile, registry) as session:
        plan = session.plan(settings, speak=request.speak)
        for choice in plan.choices:
            for reason in choice.instead_of:
                console.say(f"note: {choice.engine.kind} engine {choice.engine.name!r} stands in: {reason}")
        ready = []
        for job in _jobs(session, settings, request):
            try:
                await to_thread(session.look_into, job.path, settings)
                await to_thread(prepare, job)
                if request.mux:
                    await to_thread(_prepare_copy, job)
                ready.append(job)
            except Exception as error:
                report.failed(job.path, error)
        if not ready:
            return
        loading_progress.set(report.shown.loading())
        stages = await session.load(plan)
        slots = asyncio.Semaphore(FILES_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for job in ready:
                tasks.create_task(_one(session, stages, job, settings, slots, report, with_copy=request.mux))


async def _one(
    session: Session,
    stages: Stages,
    job: Job,
    settings: Settings,
    slots: asyncio.Semaphore,
    report: Report,
    *,
    with_copy: bool,
) -> None:
    async with slots:
        try:
            result = await transcribe_file(session, stages, job, settings, report.shown.observer(job.path))
            if with_copy:
                result = await _with_copy(job, result, session.exporter("srt"))
        except Exception as error:
            report.failed(job.path, error)
        else:
            report.finished(result)


def _copy(job: Job) -> Path:
    """Where the copy with subtitles goes: beside the subtitles."""
    return job.paths[0].with_name(subtitled(job.path).name)


def _prepare_copy(job: Job) -> None:
    """Raises `OutputError`."""
    with NewFile(_copy(job), overwrite=job.overwrite):
        pass


async def _with_copy(job: Job, result: Result, exporter: Exporter) -> Result:
    """A copy takes as long as the disk needs; who cancels does not wait for the rest of it."""
    stop = threading.Event()
    copying = asyncio.ensure_future(to_thread(_add_copy, job, result, exporter, stop))
    try:
        return await asyncio.shield(copying)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.gather(copying, return_exceptions=True)
        raise


def _add_copy(job: Job, result: Result, exporter: Exporter, stop: threading.Event) -> Result:
    """In a worker thread."""
    tracks = soft_subtitles(exporter, result.captions, result.language)
    left_out = mux_subtitles(job.path, tracks, _copy(job), overwrite=job.overwrite, stop=stop)
    return replace(result, outputs=(*result.outputs, _copy(job)), warnings=(*result.warnings, *left_out))


def _jobs(session: Session, settings: Settings, request: _Request) -> list[Job]:
    """Raises `UsageError` for what cannot be written where it was asked for."""
    known = session.formats()
    formats = chosen_formats(request.formats, request.output, known)
    translator = settings.target_language or ("translated" if session.translates(settings) else None)
    hint, translated = "Say which: --translate LANGUAGE", translator is not None
    show = what_to_show(request.show, bilingual=request.bilingual, translated=translated, hint=hint)
    found = targets(
        request.files,
        formats,
        known,
        output=request.output,
        translation=translator if show != "source" else None,
        speech=(settings.target_language or "speech") if request.speak else None,
    )
    if not request.force:
        check_free(found)
    exporters = {format: session.exporter(format) for format in formats}
    return [
        Job(
            path=one.path,
            outputs=tuple((exporters[format], format, path) for format, path in one.subtitles),
            speech=one.speech,
            show=show,
            overwrite=request.force,
            folder=one.folder,
        )
        for one in found
    ]
