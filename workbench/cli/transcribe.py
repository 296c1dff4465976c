"""`workbench transcribe`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli import console
from workbench.cli.asked import Asked, asking
from workbench.cli.options import refuse_standard_input
from workbench.cli.progress import display
from workbench.cli.queued import run_jobs
from workbench.cli.report import Report
from workbench.cli.wanted import OutputOptions, have_engines, prepare_process
from workbench.engines import Settings
from workbench.errors import UsageError, WorkbenchError
from workbench.jobs.folders import media_files
from workbench.jobs.queue import Queue
from workbench.jobs.request import Request
from workbench.models import loading_progress
from workbench.paths import tidied
from workbench.plugins import Registry
from workbench.profiles.schema import Profile
from workbench.session import Session


@asking
def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Audio or video files, or folders of them.")],
    asked: Asked,
) -> None:
    """Make subtitles, translations or speech from audio and video files.

    Writes FILE.srt beside each input. Stages: capture, vad, asr, translation, tts, export. What was interrupted goes on
    where it was when the same command is given again.
    """
    files = _expanded(files, recursive=asked.recursive)
    report = Report(files, as_json=asked.as_json)
    try:
        registry = console.registry()
        profile, settings = asked.chosen(registry)
        refuse_standard_input(files)
        wanted = asked.wanted()
        prepare_process(profile, registry)
        with display(plain=asked.plain, shares_terminal=asked.as_json or asked.output == "-") as shown:
            report.shown = shown
            console.run(_run(files, profile, registry, settings, wanted, report))
    except WorkbenchError as error:
        report.give_up(error)
        raise
    raise typer.Exit(report.exit_code())


def _expanded(files: list[Path], *, recursive: bool) -> list[Path]:
    """Folders replaced by the media files in them. Raises `UsageError` for one without any."""
    found: list[Path] = []
    for path in map(tidied, files):
        inside = media_files(path, recursive=recursive) if path.is_dir() else [path]
        if not inside:
            raise UsageError(
                f"there is no audio or video file in {str(path)!r}", hint="Name files, or add --recursive."
            )
        found += inside
    return list(dict.fromkeys(found))


async def _run(
    files: list[Path], profile: Profile, registry: Registry, settings: Settings, wanted: OutputOptions, report: Report
) -> None:
    """What can be refused for all files is, before any of them is looked into."""
    async with Session(profile, registry) as session:
        plan = session.plan(settings, speak=wanted.speak)
        targets = wanted.targets(files, session, settings)
        await have_engines(session, plan, report.shown)

        async def submit(queue: Queue) -> None:
            loading_progress.set(report.shown.loading())
            for one in targets:
                queue.submit(Request(targets=one, settings=settings, profile=profile))

        await run_jobs(session, report, submit)
