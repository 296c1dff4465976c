"""`workbench sessions`: what was recorded."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from workbench import sessions
from workbench.cli import console
from workbench.cli.options import Bilingual, EngineOptions, Engines, Model, ProfileName, Shown, what_to_show
from workbench.cli.overrides import overridden
from workbench.clock import clock
from workbench.disk_errors import said_plainly
from workbench.errors import UsageError
from workbench.export import Output, Span, parse_time
from workbench.outputs import Targets, chosen_formats, refuse_taken, targets
from workbench.phrase import counted
from workbench.session import Session
from workbench.sessions import Recording, RecordingInfo, State
from workbench.subtitles import Show
from workbench.transcribe import segment

app = typer.Typer(
    help="What was recorded. Without a command: a list of it.",
    invoke_without_command=True,
    subcommand_metavar="[COMMAND] [ARGS]...",
    add_completion=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help='The name of a session, how it begins, or "last".')]
Search = Annotated[str | None, typer.Option("--search", metavar="TEXT", help="Only those that hold it.")]


@app.callback()
def sessions_(context: typer.Context, as_json: Json = False, search: Search = None) -> None:
    """What was recorded. Without a command: a list of it."""
    if context.invoked_subcommand is None:
        list_(as_json, search)


@app.command("list")
def list_(as_json: Json = False, search: Search = None) -> None:
    """List all sessions, the newest first."""
    found = [recording.info() for recording in sessions.recordings() if search is None or _holds(recording, search)]
    if as_json:
        console.print_json([info.to_dict() for info in found])
    elif found:
        rows = [("NAME", "LENGTH", "STATE", "LANGUAGE", "SOURCE", "TEXT"), *map(_row, found)]
        typer.echo(console.table(rows))
    else:
        console.say(
            "There is no session yet. To record one: workbench live"
            if search is None
            else f"No session holds {search!r}."
        )


@app.command()
def show(
    name: Name,
    times: Annotated[bool, typer.Option(help="Put the time before each caption.")] = True,
    as_json: Json = False,
) -> None:
    """Print what was said, each translation under its source."""
    recording = sessions.find(name)
    info, captions = recording.info(), recording.captions()
    if as_json:
        console.print_json(info.to_dict() | {"segments": [segment(caption) for caption in captions]})
        return
    console.say("  ".join(filter(None, [info.name, info.title, info.source, clock(info.duration), info.state])))
    for caption in captions:
        time = f"[{clock(caption.transcript.start)}] " if times else ""
        typer.echo(console.printable(time + caption.transcript.text))
        if caption.translation:
            typer.echo(console.printable(" " * len(time) + caption.translation.text))


@app.command()
def search(text: Annotated[str, typer.Argument(help="Whatever the case.")], as_json: Json = False) -> None:
    """Find what was said, in all sessions."""
    if not text.strip():
        raise UsageError("there is nothing to search for", hint="Name some text.")
    hits = list(sessions.search(text))
    if as_json:
        console.print_json([{"name": hit.recording.name} | segment(hit.caption) for hit in hits])
    elif hits:
        typer.echo(console.table([row for hit in hits for row in _found(hit)]))
    else:
        console.say(f"No session holds {text!r}.")


@app.command()
def export(
    name: Name,
    format: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="F,F", help="srt, vtt, ass, ttml, json, txt, wav. Default: srt."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="PATH", help="A file, a folder, or - for standard output.")
    ] = None,
    show: Shown = None,
    bilingual: Bilingual = False,
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="Such as 1:30 or 90.5.")] = "0",
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Times count from --from.")] = None,
    profile: ProfileName = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
) -> None:
    """Write subtitles, text or audio of a session.

    By default all of it, as NAME.srt in this folder.
    """
    recording = sessions.find(name)
    span = Span(parse_time(start), parse_time(end) if end is not None else float("inf"))
    if span.end <= span.start:
        raise UsageError(f"nothing lies between {start} and {end}", hint="--to comes after --from.")
    registry = console.registry()
    session = Session(overridden(profile, registry, [], []), registry)
    info = recording.info()
    translated, hint = info.target_language is not None, f"Session {info.name} has none."
    wanted = what_to_show(show, bilingual=bilingual, translated=translated, hint=hint)
    target = _target(recording, format, output, session.formats(), wanted, info)
    texts = [(format, path) for format, path in target.subtitles if format != "wav"]
    _check(info, target, texts)
    if not force:
        refuse_taken(target.paths)
    if target.folder is not None:
        with said_plainly(target.folder):
            target.folder.mkdir(parents=True, exist_ok=True)
    outputs: list[Output] = [(session.exporter(format), format, path) for format, path in texts]
    for file in recording.export(outputs, show=wanted, span=span, overwrite=force):
        if file.path is None:
            console.write(file.data)
    for format, path in target.subtitles:
        if format == "wav" and path is not None:
            recording.export_audio(path, span=span, overwrite=force)
    for _, path in target.subtitles:
        if path is not None:
            console.say(f"written: {path}")


@app.command()
def rename(
    name: Name, title: Annotated[str, typer.Argument(help="For people; the name stays.")], as_json: Json = False
) -> None:
    """Give a session a title."""
    recording = sessions.find(name)
    recording.rename(title)
    info = recording.info()
    console.say(f"renamed: {info.name} is {info.title!r}" if info.title else f"renamed: {info.name} has no title")
    if as_json:
        console.print_json(info.to_dict())


@app.command()
def delete(
    name: Name, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False, as_json: Json = False
) -> None:
    """Delete a session with its audio."""
    recording = sessions.find(name)
    info = recording.info()
    if info.state is not State.LIVE and not yes:
        if not console.is_terminal(sys.stdin):
            raise UsageError("deleting asks, and nobody can answer", hint="Add --yes.")
        typer.confirm(f"Delete {_content(info)}?", abort=True, err=True)
    recording.delete()
    console.say(f"deleted: {_content(info)}")
    if as_json:
        console.print_json(info.to_dict())


@app.command()
def path(name: Name) -> None:
    """Print the folder of a session."""
    typer.echo(str(sessions.find(name).folder))


@app.command()
def finish(
    name: Name,
    model: Model = None,
    profile: ProfileName = None,
    engine: Engines = None,
    option: EngineOptions = None,
    as_json: Annotated[bool, typer.Option("--json", help="One event a line on standard output.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Only final captions, one a line.")] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Leave the rest as it is; its audio stays.")] = False,
) -> None:
    """Recognize what is recorded and not recognized yet.

    After a crash, say.
    """
    from workbench.cli.live import finish as work_off

    recording = sessions.find(name)
    if recording.state is State.FINISHED:
        console.say(f"Session {recording.name} is finished.")
    elif discard:
        recording.discard()
        console.say(f"finished: {_content(recording.info())}. What is not recognized is left; its audio stays.")
    else:
        registry = console.registry()
        chosen = overridden(profile, registry, engine or [], option or [], model)
        work_off(recording, chosen, registry, as_json=as_json, plain=plain)


def _holds(recording: Recording, text: str) -> bool:
    return text.casefold() in recording.info().title.casefold() or bool(recording.mentions(text))


def _row(info: RecordingInfo) -> tuple[str, ...]:
    languages = " > ".join(filter(None, [info.language or "-", info.target_language]))
    text = info.title or info.preview
    return (
        info.name,
        clock(info.duration),
        info.state,
        languages,
        info.source,
        text if len(text) <= 60 else text[:59] + "…",
    )


def _content(info: RecordingInfo) -> str:
    return f"{info.name} with {clock(info.duration)} of audio and {counted(info.segments, 'caption')}"


def _found(hit: sessions.Hit) -> Iterator[tuple[str, str, str]]:
    yield hit.recording.name, clock(hit.caption.transcript.start), hit.caption.transcript.text
    if hit.caption.translation:
        yield "", "", hit.caption.translation.text


def _target(
    recording: Recording,
    format: str | None,
    output: str | None,
    formats: Sequence[str],
    wanted: Show,
    info: RecordingInfo,
) -> Targets:
    known = [*formats, "wav"]
    middle = info.target_language if wanted != "source" else None
    chosen = chosen_formats(format, output, known)
    [target] = targets([Path(recording.name)], chosen, known, output=output, translation=middle)
    return target


def _check(info: RecordingInfo, target: Targets, texts: Sequence[tuple[str, Path | None]]) -> None:
    """Refuse what would be empty, or garbage on a terminal."""
    if ("wav", None) in target.subtitles:
        raise UsageError("audio is not written to standard output", hint="Name a file with -o.")
    if texts and not info.segments:
        hint = f"Finish it first: workbench sessions finish {info.name}" if info.state is State.INTERRUPTED else ""
        raise UsageError(f"session {info.name!r} has no text", hint=hint or "Its audio can be exported: -f wav")
