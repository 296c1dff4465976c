"""`workbench jobs watch`: media files become jobs as they appear in a folder."""

from __future__ import annotations

from collections.abc import Sequence
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
)
from workbench.cli.overrides import overridden, settings_of
from workbench.cli.progress import display
from workbench.cli.queued import run_jobs
from workbench.cli.report import Report
from workbench.cli.wanted import Wanted, note_stand_ins, prepare_process
from workbench.engines import Settings
from workbench.errors import UsageError, WorkbenchError
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Entry, Queue
from workbench.jobs.request import Request, request_of
from workbench.jobs.store import JobStore
from workbench.jobs.watch import QUIET_S, watch_folder
from workbench.models import loading_progress
from workbench.session import Session
from workbench.threads import to_thread


def watch(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where audio and video files appear.")],
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
    quiet: Annotated[
        float, typer.Option("--quiet", metavar="S", min=0.1, help="Seconds without a change: the file is complete.")
    ] = QUIET_S,
    force: Force = False,
    as_json: JsonLines = False,
    plain: Plain = False,
) -> None:
    """Transcribe each file of a folder, and each that appears there, until Ctrl-C."""
    if output is not None:
        if output == "-":
            raise UsageError("watching writes files", hint="Name a folder: -o FOLDER")
        output = output.rstrip("/") + "/"
    wanted = Wanted(output=output, formats=format, show=show, bilingual=bilingual, mux=mux, speak=speak, force=force)
    wanted.check(as_json=as_json, voice=voice)
    registry = console.registry()
    chosen = overridden(profile, registry, engine or [], option or [], model)
    settings = settings_of(
        chosen, language=language, target_language=translate, voice=voice, prompt=prompt, hotwords=hotwords
    )
    prepare_process(chosen, registry)
    report = Report([], as_json=as_json)

    async def run() -> None:
        async with Session(chosen, registry) as session:
            note_stand_ins(session.plan(settings, speak=speak))
            wanted.targets([folder / "any.wav"], session, settings)  # refuses what holds for any file
            made = await to_thread(_made_before, JobStore())

            async def feed(queue: Queue) -> None:
                taken = _Taken(queue, session, settings, wanted, made, report)
                report.shown.say(f"Watching {folder}. Ctrl-C ends it.")
                await watch_folder(folder, taken.found, recursive=recursive, quiet_s=quiet)

            await run_jobs(session, report, feed)

    with display(plain=plain, shares_terminal=as_json) as shown:
        report.shown = shown
        console.run(run())


class _Taken:
    """Makes jobs of files as they are found."""

    def __init__(
        self, queue: Queue, session: Session, settings: Settings, wanted: Wanted, made: set[Path], report: Report
    ) -> None:
        """`made`: what jobs write, which is not to be transcribed; it grows."""
        self._queue = queue
        self._session = session
        self._settings = settings
        self._wanted = wanted
        self._made = made
        self._report = report
        self._entries: dict[Path, Entry] = {}

    def found(self, path: Path) -> None:
        if path.resolve() in self._made:
            return
        if not self._entries:
            loading_progress.set(self._report.shown.loading())
        self._report.add(path)
        try:
            [targets] = self._wanted.targets([path], self._session, self._settings)
            if before := self._entries.get(path):
                self._stop(before.number)
            self._refuse_twice(targets.paths, path)
        except WorkbenchError as error:
            self._report.failed(path, error)
            return
        self._made |= {made.resolve() for made in targets.paths}
        profile = self._session.profile
        self._entries[path] = self._queue.submit(Request(targets=targets, settings=self._settings, profile=profile))

    def _stop(self, number: int) -> None:
        """It was taken for complete, and has changed: what is made of it is void."""
        entry = next(entry for entry in self._queue.entries if entry.number == number)
        if entry.state in (State.QUEUED, State.RUNNING):
            self._report.shown.say(f"{entry.request.targets.path} has changed: it is done afresh")
            self._queue.cancel(number)

    def _refuse_twice(self, paths: Sequence[Path], path: Path) -> None:
        for other, entry in self._entries.items():
            if other != path and (both := set(entry.request.targets.paths) & set(paths)):
                hint = "Give it another name."
                raise UsageError(f"{str(path)!r} and {str(other)!r} would both write {str(both.pop())!r}", hint=hint)


def _made_before(store: JobStore) -> set[Path]:
    """All files that known jobs write. Blocks."""
    found = set()
    for info in store.jobs():
        try:
            found |= (
                {path.resolve() for path in request_of(info.checkpoint).targets.paths} if info.checkpoint else set()
            )
        except WorkbenchError:  # it is of another version, and tells when it is resumed
            continue
    return found
