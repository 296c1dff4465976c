"""`workbench transcribe`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli import console
from workbench.cli.options import (
    Bilingual,
    EngineOptions,
    Engines,
    Force,
    Format,
    Hotwords,
    JsonLines,
    Language,
    Model,
    Mux,
    Output,
    Plain,
    ProfileName,
    Prompt,
    Recursive,
    Shown,
    Speak,
    Translate,
    Voice,
    refuse_standard_input,
)
from workbench.cli.overrides import overridden, settings_of
from workbench.cli.progress import display
from workbench.cli.queued import run_jobs
from workbench.cli.report import Report
from workbench.cli.wanted import Wanted, note_stand_ins, prepare_process
from workbench.engines import Settings
from workbench.errors import UsageError, WorkbenchError
from workbench.jobs.folders import media_files
from workbench.jobs.queue import Queue
from workbench.jobs.request import Request
from workbench.models import loading_progress
from workbench.plugins import Registry
from workbench.profiles.schema import Profile
from workbench.session import Session


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Audio or video files, or folders of them.")],
    output: Output = None,
    format: Format = None,
    language: Language = None,
    translate: Translate = None,
    show: Shown = None,
    bilingual: Bilingual = False,
    mux: Mux = False,
    speak: Speak = False,
    voice: Voice = None,
    model: Model = None,
    prompt: Prompt = None,
    hotwords: Hotwords = None,
    profile: ProfileName = None,
    engine: Engines = None,
    option: EngineOptions = None,
    recursive: Recursive = False,
    force: Force = False,
    as_json: JsonLines = False,
    plain: Plain = False,
) -> None:
    """Make subtitles, translations or speech from audio and video files.

    Writes FILE.srt beside each input. Stages: capture, vad, asr, translation, tts, export. What was interrupted goes on
    where it was when the same command is given again.
    """
    files = _expanded(files, recursive=recursive)
    wanted = Wanted(output=output, formats=format, show=show, bilingual=bilingual, mux=mux, speak=speak, force=force)
    report = Report(files, as_json=as_json)
    try:
        registry = console.registry()
        chosen = overridden(profile, registry, engine or [], option or [], model)
        settings = settings_of(
            chosen, language=language, target_language=translate, voice=voice, prompt=prompt, hotwords=hotwords
        )
        refuse_standard_input(files)
        wanted.check(as_json=as_json, voice=voice)
        prepare_process(chosen, registry)
        with display(plain=plain, shares_terminal=as_json or output == "-") as shown:
            report.shown = shown
            console.run(_run(files, chosen, registry, settings, wanted, report))
    except WorkbenchError as error:
        report.give_up(error)
        raise
    raise typer.Exit(report.exit_code())


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


async def _run(
    files: list[Path], profile: Profile, registry: Registry, settings: Settings, wanted: Wanted, report: Report
) -> None:
    """What can be refused for all files is, before any of them is looked into."""
    async with Session(profile, registry) as session:
        note_stand_ins(session.plan(settings, speak=wanted.speak))
        targets = wanted.targets(files, session, settings)

        async def submit(queue: Queue) -> None:
            loading_progress.set(report.shown.loading())
            for one in targets:
                queue.submit(Request(targets=one, settings=settings, profile=profile))

        await run_jobs(session, report, submit)
