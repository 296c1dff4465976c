"""`workbench jobs`: files that are worked on, were, or will be."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli import console, jobs_lines
from workbench.cli.jobs_run import Names, resume, retry
from workbench.cli.jobs_watch import watch
from workbench.cli.options import Bilingual, Force, Format, Output, Shown, what_to_show
from workbench.engines import StageKind
from workbench.errors import JobBusy, UsageError
from workbench.export import most_common_language, render, write_files
from workbench.jobs import control
from workbench.jobs.checkpoint import State
from workbench.jobs.partial import captions
from workbench.jobs.request import request_of
from workbench.jobs.selection import one_of, some_of
from workbench.jobs.store import JobInfo, JobStore
from workbench.outputs import chosen_formats, refuse_taken, targets
from workbench.profiles.schema import STAGE_KINDS
from workbench.session import Session

app = typer.Typer(
    help="Files that are worked on, were, or will be. Without a command: a list of them.",
    invoke_without_command=True,
    subcommand_metavar="[COMMAND] [ARGS]...",
    add_completion=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str | None, typer.Argument(help='The name of a job, how it begins, or "last".')]


@app.callback()
def jobs_(context: typer.Context, as_json: Json = False) -> None:
    """Files that are worked on, were, or will be. Without a command: a list of them."""
    if context.invoked_subcommand is None:
        list_(as_json)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List all jobs, the newest first."""
    found = JobStore().jobs()
    if as_json:
        console.print_json([jobs_lines.to_dict(info) for info in found])
    elif found:
        typer.echo(jobs_lines.listing(found, console.width()))
    else:
        console.say("There is no job yet. To make one: workbench transcribe FILE")


@app.command()
def show(name: Name = None, as_json: Json = False) -> None:
    """Print all that is known of a job.

    What it writes, how far it is, what failed, and what to do next.
    """
    info = one_of(JobStore().jobs(), name)
    if as_json:
        console.print_json(jobs_lines.details(info))
    else:
        typer.echo(console.table(list(jobs_lines.lines(info))))


@app.command()
def pause(names: Names = None, as_json: Json = False) -> None:
    """Pause jobs, wherever they run.

    They go on from where they are with: workbench jobs resume NAME
    """
    _stop(names, State.PAUSED, as_json=as_json)


@app.command()
def cancel(names: Names = None, as_json: Json = False) -> None:
    """Cancel jobs, wherever they run.

    What was made of them is kept for a while: workbench jobs retry NAME
    """
    _stop(names, State.CANCELLED, as_json=as_json)


app.command()(resume)
app.command()(retry)
app.command()(watch)


@app.command()
def remove(
    names: Names = None,
    all_finished: Annotated[bool, typer.Option("--all-finished", help="All that are finished or cancelled.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete jobs with all that is stored of them.

    Subtitles that were written stay.
    """
    store = JobStore()
    known = store.jobs()
    chosen = [info for info in known if info.is_over and not info.is_held] if all_finished else []
    if names or not all_finished:
        chosen += [info for info in some_of(known, names) if info not in chosen]
    if not chosen:
        console.say("No job is finished or cancelled.")
        return
    for info in chosen:
        if info.is_held:
            raise JobBusy(f"job {info.name!r} is being worked on", hint=f"First: workbench jobs cancel {info.name}")
    if not yes:
        _ask(chosen)
    for info in chosen:
        store.remove(info.name)
        console.say(f"removed: {info.name}")
        if as_json:
            console.print_json({"name": info.name, "state": "removed"})


@app.command()
def export(
    name: Name = None,
    output: Output = None,
    format: Format = None,
    show: Shown = None,
    bilingual: Bilingual = False,
    force: Force = False,
) -> None:
    """Write subtitles of what is made so far.

    By default FILE.partial.srt in this folder.
    """
    info = one_of(JobStore().jobs(), name)
    if info.checkpoint is None:
        raise info.refused or UsageError(f"job {info.name!r} is damaged")
    found, request = captions(info.results()), request_of(info.checkpoint)
    if not found:
        raise UsageError(f"nothing is made of job {info.name!r} yet", hint=f"To go on: {jobs_lines.next_step(info)}")
    translated = any(caption.translation for caption in found)
    wanted = what_to_show(show, bilingual=bilingual, translated=translated, hint="Nothing of it is translated.")
    only_export = dict.fromkeys(kind for kind in STAGE_KINDS if kind != StageKind.EXPORT)
    session = Session(request.profile.model_copy(update=only_export), console.registry())
    known = session.formats()
    part = "" if info.state is State.FINISHED else ".partial"
    [target] = targets(
        [Path(info.checkpoint.path.stem + part + ".media")], chosen_formats(format, output, known), known, output=output
    )
    if not force:
        refuse_taken(target.paths)
    outputs = [(session.exporter(format), format, path) for format, path in target.subtitles]
    language = request.settings.language or info.checkpoint.language or most_common_language(found)
    files = render(outputs, found, language, wanted)
    if target.folder is not None:
        target.folder.mkdir(parents=True, exist_ok=True)
    write_files(files, overwrite=force)
    for file in files:
        if file.path is None:
            console.write(file.data)
        else:
            console.say(f"written: {file.path}")


def _stop(names: Sequence[str] | None, state: State, *, as_json: bool) -> None:
    store = JobStore()
    for info in some_of(store.jobs(), names):
        if info.is_held:
            console.say(f"{info.name}: waiting until it is let go of")
        stopped = control.stop(store, info.name, state)
        meanwhile = "" if stopped.state is state else " meanwhile"
        step = jobs_lines.next_step(stopped)
        console.say(f"{info.name}: {stopped.state}{meanwhile}." + (f" To go on: {step}" if step else ""))
        if as_json:
            console.print_json(jobs_lines.to_dict(stopped))


def _ask(chosen: Sequence[JobInfo]) -> None:
    if not console.is_terminal(sys.stdin):
        raise UsageError("removing asks, and nobody can answer", hint="Add --yes.")
    unfinished = sum(not info.is_over for info in chosen)
    what = f"job {chosen[0].name}" if len(chosen) == 1 else f"{len(chosen)} jobs"
    kept = f", of which {unfinished} can go on" if unfinished and len(chosen) > 1 else ", which can go on" * unfinished
    typer.confirm(f"Remove {what}{kept}?", abort=True, err=True)
