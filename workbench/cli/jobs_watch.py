"""`workbench jobs watch`: media files become jobs as they appear in a folder."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli import console, options
from workbench.cli.asked import Asked, asking
from workbench.cli.progress import display
from workbench.cli.queued import run_jobs
from workbench.cli.report import Report
from workbench.cli.wanted import OutputOptions, have_engines, prepare_process
from workbench.engines import Settings
from workbench.errors import InputError, UsageError, WorkbenchError
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Entry, Queue
from workbench.jobs.request import Request, request_of
from workbench.jobs.store import JobStore
from workbench.jobs.unreadable import Unreadable
from workbench.jobs.watch import QUIET_S, Status, watch_folder
from workbench.models import loading_progress
from workbench.session import Session
from workbench.threads import to_thread

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _AskedOfWatch(Asked):
    output: options.Folder = None


@asking
def watch(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where audio and video files appear.")],
    asked: _AskedOfWatch,
    quiet: Annotated[
        float,
        typer.Option("--quiet", metavar="S", min=0.1, help="Seconds without a change after which a file is complete."),
    ] = QUIET_S,
) -> None:
    """Transcribe what is in a folder, and what appears there.

    Until Ctrl-C. -o names a folder; without it, subtitles appear beside each file. A file that cannot be read is told
    once, until it changes; with --force it is tried again.
    """
    if asked.output is not None:
        if asked.output == "-":
            raise UsageError("watching writes files", hint="Name a folder: -o FOLDER")
        asked = replace(asked, output=asked.output.rstrip("/") + "/")
    wanted = asked.wanted()
    registry = console.registry()
    profile, settings = asked.chosen(registry)
    prepare_process(profile, registry)
    report = Report([], as_json=asked.as_json)

    async def run() -> None:
        async with Session(profile, registry) as session:
            plan = session.plan(settings, speak=asked.speak)
            wanted.targets([folder / "any.wav"], session, settings)  # refuses what holds for any file
            await have_engines(session, plan, report.shown)
            store = JobStore()
            unreadable = Unreadable(store.root)
            made, known = await to_thread(_made_before, store), await to_thread(unreadable.known)

            async def feed(queue: Queue) -> None:
                taken = _Taken(queue, session, settings, wanted, report, made, {} if asked.force else known)
                report.shown.say(f"Watching {folder}. Ctrl-C ends it.")
                async with asyncio.TaskGroup() as tasks:
                    end = queue.watch(partial(taken.changed, unreadable, tasks))
                    try:
                        await watch_folder(folder, taken.found, recursive=asked.recursive, quiet_s=quiet)
                    finally:
                        end()

            await run_jobs(session, report, feed)

    with display(plain=asked.plain, shares_terminal=asked.as_json) as shown:
        report.shown = shown
        console.run(run())


class _Taken:
    """Makes jobs of files as they are found."""

    def __init__(
        self,
        queue: Queue,
        session: Session,
        settings: Settings,
        wanted: OutputOptions,
        report: Report,
        made: dict[Path, Path],
        unreadable: Mapping[Path, Status],
    ) -> None:
        """`made`: what jobs write, which is not to be transcribed, with what it is made of; it grows.

        `unreadable`: files that were told of before, by their absolute path.
        """
        self._queue = queue
        self._session = session
        self._settings = settings
        self._wanted = wanted
        self._report = report
        self._made = made
        self._unreadable = unreadable
        self._statuses: dict[Path, Status] = {}
        self._entries: dict[Path, Entry] = {}

    def found(self, path: Path, status: Status) -> None:
        if path.resolve() in self._made:
            return
        if self._unreadable.get(path.absolute()) == status:
            _log.info("%s could not be read before, and has not changed", path)
            return
        if not self._entries:
            loading_progress.set(self._report.shown.loading())
        self._report.add(path)
        self._statuses[path] = status
        try:
            [targets] = self._wanted.targets([path], self._session, self._settings)
            if before := self._entries.get(path):
                self._stop(before.number)
            self._refuse_twice(targets.paths, path)
        except WorkbenchError as error:
            self._report.failed(path, error)
            return
        self._made |= {made.resolve(): path for made in targets.paths}
        profile = self._session.profile
        self._entries[path] = self._queue.submit(Request(targets=targets, settings=self._settings, profile=profile))

    def changed(self, unreadable: Unreadable, tasks: asyncio.TaskGroup, entry: Entry) -> None:
        """Remember what cannot be read: the next watch tells nothing new of it."""
        if entry.state is State.FAILED and isinstance(entry.error, InputError):
            path = entry.request.targets.path
            tasks.create_task(_remember(unreadable, path, self._statuses[path]))

    def _stop(self, number: int) -> None:
        """It was taken for complete, and has changed: what is made of it is void."""
        entry = next(entry for entry in self._queue.entries if entry.number == number)
        if entry.state in (State.QUEUED, State.RUNNING):
            self._report.shown.say(f"{entry.request.targets.path} has changed: it is done afresh")
            self._queue.cancel(number)

    def _refuse_twice(self, paths: Sequence[Path], path: Path) -> None:
        """Raise `UsageError` where one of `paths` is made of another file."""
        for made in paths:
            other = self._made.get(made.resolve(), path)
            is_in_use = other in self._entries or (made.exists() and other.exists())
            if other.resolve() != path.resolve() and is_in_use:
                raise UsageError(
                    f"{str(path)!r} is left out: its {str(made)!r} is that of {str(other)!r} already",
                    hint=f"Nothing is overwritten. Rename {path.name!r}, and it is taken up.",
                )


async def _remember(unreadable: Unreadable, path: Path, status: Status) -> None:
    try:
        await to_thread(unreadable.add, path, status)
    except WorkbenchError as error:  # it is told once more, then
        _log.warning("%s", error)


def _made_before(store: JobStore) -> dict[Path, Path]:
    """All files that known jobs write, with what they are made of. Blocks."""
    found: dict[Path, Path] = {}
    for info in store.jobs():
        try:
            targets = request_of(info.checkpoint).targets if info.checkpoint else None
        except WorkbenchError:  # it is of another version, and tells when it is resumed
            continue
        if targets is not None:
            found |= {path.resolve(): targets.path for path in targets.paths}
    return found
