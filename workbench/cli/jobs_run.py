"""`workbench jobs resume` and `retry`: jobs that go on, in the foreground, as `workbench transcribe` has them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence, Set
from dataclasses import replace
from functools import partial
from typing import Annotated, Final

import typer

from workbench.cli import console
from workbench.cli.jobs_lines import next_step, state_of
from workbench.cli.options import Force, JsonLines, Plain
from workbench.cli.progress import display
from workbench.cli.queued import Feed, run_jobs
from workbench.cli.report import Report
from workbench.cli.wanted import prepare_process
from workbench.errors import JobBusy, UsageError, WorkbenchError
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Queue
from workbench.jobs.request import Request, request_of
from workbench.jobs.selection import some_of
from workbench.jobs.store import JobInfo, JobStore
from workbench.models import loading_progress
from workbench.profiles.schema import Profile
from workbench.session import Session
from workbench.threads import to_thread

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", help='Names of jobs, how they begin, or "last".')]
_INTERRUPTED: Final = frozenset({"interrupted", State.QUEUED})
_FAILED: Final = frozenset({State.FAILED})


def resume(
    names: Names = None,
    all_: Annotated[bool, typer.Option("--all", help="Those that are paused, too.")] = False,
    as_json: JsonLines = False,
    plain: Plain = False,
) -> None:
    """Go on with jobs that were interrupted or paused.

    Each goes on with the engines it was begun with. Without a name: all that were interrupted, or waited. Ctrl-C pauses
    them again.
    """
    usual = _INTERRUPTED | {State.PAUSED} if all_ else _INTERRUPTED
    chosen = _chosen(names, usual, _INTERRUPTED | {State.PAUSED}, everything=all_)
    if chosen:
        _go_on(chosen, as_json=as_json, plain=plain)
    paused = sum(state_of(info) == State.PAUSED for info in JobStore().jobs())
    console.say(
        "No job was interrupted." + (f" Paused: {paused}. With them: workbench jobs resume --all" if paused else "")
    )


def retry(
    names: Names = None,
    all_: Annotated[bool, typer.Option("--all", help="Those that were cancelled, too.")] = False,
    force: Force = False,
    as_json: JsonLines = False,
    plain: Plain = False,
) -> None:
    """Try jobs again that failed or were cancelled.

    What was made of them is not made again. Without a name: all that failed.
    """
    usual = _FAILED | {State.CANCELLED} if all_ else _FAILED
    chosen = _chosen(names, usual, _FAILED | {State.CANCELLED}, everything=all_)
    if chosen:
        _go_on(chosen, force=force, as_json=as_json, plain=plain)
    console.say("No job failed.")


def _chosen(names: Sequence[str] | None, usual: Set[str], allowed: Set[str], *, everything: bool) -> list[JobInfo]:
    """The jobs to go on with, the oldest first: those that are named, else those in a `usual` state."""
    known = JobStore().jobs()
    if not names:
        return [info for info in reversed(known) if not (info.is_held or info.is_waiting) and state_of(info) in usual]
    if everything:
        raise UsageError("names and --all contradict each other", hint="Leave one of them out.")
    found = some_of(known, names)
    for info in found:
        if info.refused is not None:
            raise info.refused
        if info.is_held:
            raise JobBusy(f"job {info.name!r} is being worked on", hint=f"First: {next_step(info)}")
        if info.is_waiting:
            raise JobBusy(f"job {info.name!r} waits in a queue that runs", hint="It begins when its turn comes.")
        if state_of(info) not in allowed:
            raise UsageError(f"job {info.name!r} is {state_of(info)}", hint=_instead(info))
    return found


def _instead(info: JobInfo) -> str:
    if step := next_step(info):
        return f"To go on: {step}"
    assert info.checkpoint is not None
    return f"To do it again: workbench transcribe {shlex.quote(str(info.checkpoint.path))} --force"


def _go_on(chosen: Sequence[JobInfo], *, force: bool = False, as_json: bool, plain: bool) -> None:
    report, requests = Report([], as_json=as_json), {}
    for info in chosen:
        assert info.checkpoint is not None
        try:
            request = request_of(info.checkpoint)
            targets = replace(request.targets, overwrite=request.targets.overwrite or force)
            requests[info.name] = replace(request, targets=targets)
            report.add(requests[info.name].targets.path)
        except WorkbenchError as error:
            report.add(info.checkpoint.path)
            report.failed(info.checkpoint.path, error)
    if not requests:
        raise typer.Exit(report.exit_code())
    prints = any(path is None for request in requests.values() for _, path in request.targets.subtitles)
    registry = console.registry()
    first = next(iter(requests.values())).profile
    prepare_process(first, registry)
    neutral = Profile(schema=1, name=first.name, jobs=first.jobs)  # each job brings its own engines

    async def run() -> None:
        async with Session(neutral, registry) as session:
            await run_jobs(session, report, _restoring(requests, report))

    try:
        with display(plain=plain, shares_terminal=as_json or prints) as shown:
            report.shown = shown
            console.run(run())
    except WorkbenchError as error:
        report.give_up(error)
        raise
    raise typer.Exit(report.exit_code())


def _restoring(requests: dict[str, Request], report: Report) -> Feed:
    async def feed(queue: Queue) -> None:
        loading_progress.set(report.shown.loading())
        store, ready = JobStore(), []
        for name, request in requests.items():
            try:
                await to_thread(partial(store.change, name, state=State.QUEUED, request=request.to_dict()))
                ready.append(name)
            except WorkbenchError as error:
                report.failed(request.targets.path, error)
        await queue.restore(ready)

    return feed
