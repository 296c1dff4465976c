"""`workbench transcribe`"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

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
from workbench.cli.queued import run_jobs
from workbench.cli.report import Report
from workbench.engines import Settings
from workbench.errors import UsageError, WorkbenchError
from workbench.jobs.folders import media_files
from workbench.jobs.request import Request
from workbench.outputs import Targets, chosen_formats, targets
from workbench.plugins import DISABLED, Registry
from workbench.profiles import affinity
from workbench.profiles.hardware import CoreHardwareDetector
from workbench.profiles.schema import Profile, mismatches
from workbench.session import Session
from workbench.subtitles import Show
from workbench.subtitles.mux import subtitled
from workbench.threads import limit_arenas


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Audio or video files, or folders of them.")],
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
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Take folders inside folders, too.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file on standard output.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Progress as plain lines.")] = False,
) -> None:
    """Make subtitles, translations or speech from audio and video files.

    Writes FILE.srt beside each input. Stages: capture, vad, asr, translation, tts, export. What was interrupted goes on
    where it was when the same command is given again.
    """
    files = _expanded(files, recursive=recursive)
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


def _expanded(files: list[Path], *, recursive: bool) -> list[Path]:
    """Folders replaced by the media files in them. Raises `UsageError` for one without any."""
    found: list[Path] = []
    for path in files:
        inside = media_files(path, recursive=recursive) if path.is_dir() else [path]
        if not inside:
            raise UsageError(
                f"there is no audio or video file in {str(path)!r}", hint="Name files, or add --recursive."
            )
        found += inside
    return list(dict.fromkeys(found))


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
    """What can be refused for all files is, before any of them is looked into."""
    async with Session(profile, registry) as session:
        plan = session.plan(settings, speak=request.speak)
        for choice in plan.choices:
            for reason in choice.instead_of:
                console.say(f"note: {choice.engine.kind} engine {choice.engine.name!r} stands in: {reason}")
        wanted = _targets(session, settings, request)
        await run_jobs(session, [Request(targets=one, settings=settings, profile=profile) for one in wanted], report)


def _targets(session: Session, settings: Settings, request: _Request) -> list[Targets]:
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
    return [replace(one, show=show, overwrite=request.force, copy=_copy(one) if request.mux else None) for one in found]


def _copy(targets: Targets) -> Path:
    """Where the copy with subtitles goes: beside the subtitles."""
    return targets.paths[0].with_name(subtitled(targets.path).name)
