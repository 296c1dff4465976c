"""`workbench subtitles`: check, convert and mux subtitle files."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from workbench.builtin.subtitles import SubtitleExporter
from workbench.cli import console
from workbench.errors import UsageError, WorkbenchError
from workbench.export import parse_time
from workbench.files import write_atomically
from workbench.outputs import refuse_taken
from workbench.phrase import counted
from workbench.profiles.options import parse_override, split_options
from workbench.subtitles import STYLES, Style, Violation, format_of, violations
from workbench.subtitles.editing import moved, restyled
from workbench.subtitles.files import load, named_language, written_language
from workbench.subtitles.mux import CONTAINERS, Track, mux, subtitled
from workbench.types import Cue

app = typer.Typer(
    help="Check, convert and mux subtitle files.",
    subcommand_metavar="COMMAND [ARGS]...",
    add_completion=False,
    rich_markup_mode=None,
)

Chosen = Annotated[Style | None, typer.Option("--style", metavar="S", help=f"{', '.join(STYLES)}. Default: default.")]
Encoding = Annotated[
    str | None, typer.Option("--encoding", metavar="E", help="Of the files that are not UTF-8, such as cp1252.")
]
Language = Annotated[
    str | None, typer.Option("--language", "-l", metavar="L", help="Default: as in NAME.L.srt, or by the script.")
]
Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="export.KEY=VALUE", help="A limit of one's own; repeatable.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files.")]
_NO_LIMIT_BELOW = ("min_duration_s", "min_gap_s", "small_gap_s")


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="srt, vtt, ass, ttml or json.")],
    style: Chosen = None,
    language: Language = None,
    encoding: Encoding = None,
    option: Options = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file on standard output.")] = False,
) -> None:
    """Print each cue that breaks a rule of the style.

    Each line says file:cue, time, rule, value and limit.

    Exits with 1 when there are any, or when a file cannot be read.
    """
    exporter = _exporter(style, option)
    bad = 0
    for path in files:
        try:
            cues = load(path, encoding)
            if format_of(path) == "txt":
                raise UsageError(f"{str(path)!r} has no times to check", hint="Name a file of another format.")
            spoken = _language(path, cues, language)
            found = _violations(cues, exporter, spoken)
        except WorkbenchError as error:
            bad += 1
            if as_json:
                about = {"code": error.code, "message": str(error), "hint": error.hint}
                console.print_json({"file": str(path), "error": about})
            else:
                console.fail(error)
            continue
        bad += bool(found)
        if as_json:
            listed = [_to_dict(cues[violation.index], violation) for violation in found]
            console.print_json({"file": str(path), "language": spoken, "cues": len(cues), "violations": listed})
        else:
            for violation in found:
                typer.echo(console.printable(_line(path, cues[violation.index], violation)))
            broken = len({violation.index for violation in found})
            console.say(f"{path}: {broken} of {len(cues)} cues break a rule" if broken else f"{path}: all is well")
    raise typer.Exit(1 if bad else 0)


@app.command()
def convert(
    file: Annotated[Path, typer.Argument(metavar="IN", help="srt, vtt, ass, ttml or json.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Its suffix says the format; txt, too.")],
    style: Annotated[
        Style | None, typer.Option("--style", metavar="S", help=f"Cut lines and cues anew: {', '.join(STYLES)}.")
    ] = None,
    shift: Annotated[str, typer.Option("--shift", metavar="TIME", help="Later by 1.5 or 1:30, earlier by -1.5.")] = "0",
    fps: Annotated[
        str | None,
        typer.Option("--fps", metavar="FROM:TO", help="Made for one frame rate, shown at another: 25:23.976."),
    ] = None,
    language: Language = None,
    encoding: Encoding = None,
    option: Options = None,
    force: Force = False,
) -> None:
    """Write subtitles in another format, style or timing.

    The text stays as it is.
    """
    format = format_of(output)
    if format_of(file) == "txt":
        raise UsageError(f"{str(file)!r} has no times", hint="Subtitles are made of audio: workbench transcribe.")
    _refuse_input([file], output)
    if not force:
        refuse_taken([output])
    exporter = _exporter(style, option)
    cues = moved(load(file, encoding), _signed_time(shift), _speed(fps))
    if style is not None:
        spoken = _language(file, cues, language)
        translation = written_language(cue.translation for cue in cues)
        cues = restyled(cues, exporter.rules_for(spoken), spoken, exporter.rules_for(translation))
    write_atomically(output, exporter.render(cues, format), overwrite=force)
    console.say(f"written: {output} ({counted(len(cues), 'cue')})")


@app.command("mux")
def mux_(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="Any video or audio file.")],
    subtitles: Annotated[list[Path], typer.Argument(metavar="SUBS", help="A track each, in this order.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT", help="Default: VIDEO.subtitled.mkv or .mp4.")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", "-l", metavar="L,L", help="Of each track. Default: as in NAME.L.srt.")
    ] = None,
    default: Annotated[int, typer.Option("--default", metavar="N", help="Track shown unasked, from 1; 0: none.")] = 1,
    encoding: Encoding = None,
    force: Force = False,
) -> None:
    """Put subtitles into a copy of a video.

    As tracks to switch on and off. Nothing is encoded anew.
    """
    output = output or subtitled(video)
    if output.suffix.lower() not in CONTAINERS:
        raise UsageError(f"{str(output)!r} cannot hold subtitle tracks", hint=f"Name one of {', '.join(CONTAINERS)}.")
    if not 0 <= default <= len(subtitles):
        raise UsageError(f"there is no track {default}", hint=f"Tracks are 1 to {len(subtitles)}; 0 is none.")
    languages = [tag.strip() or None for tag in language.split(",")] if language else []
    if languages and len(languages) != len(subtitles):
        raise UsageError(f"--language names {len(languages)} of {len(subtitles)}", hint="Name one for each track.")
    _refuse_input([video, *subtitles], output)
    if not force:
        refuse_taken([output])
    tracks = []
    for number, path in enumerate(subtitles):
        cues = load(path, encoding)
        spoken = languages[number] if languages else _language(path, cues, None)
        tracks.append(Track(cues, spoken, styled=format_of(path) == "ass", default=number + 1 == default))
    for line in mux(video, tracks, output, overwrite=force):
        console.say(f"note: {line}")
    console.say(f"written: {output} ({len(tracks)} subtitle track{'s' * (len(tracks) > 1)})")


def _exporter(style: Style | None, options: list[str] | None) -> SubtitleExporter:
    """Of no profile: subtitle files need no engines."""
    chosen: dict[str, Any] = {"style": style} if style else {}
    for text in options or []:
        kind, key, value = parse_override(text)
        if kind != "export":
            raise UsageError(f"--option {text!r} is none of the export stage", hint="Write it as export.KEY=VALUE.")
        chosen[key] = value
    own, _ = split_options("export", chosen, SubtitleExporter)
    return SubtitleExporter(cast(SubtitleExporter.Options, own))


def _language(path: Path, cues: list[Cue], given: str | None) -> str | None:
    return given or named_language(path) or written_language(cue.text for cue in cues)


def _violations(cues: list[Cue], exporter: SubtitleExporter, language: str | None) -> list[Violation]:
    translation = written_language(cue.translation for cue in cues)
    return violations(
        cues,
        exporter.rules_for(language),
        exporter.rules_for(translation),
        language=language,
        translation_language=translation,
    )


def _line(path: Path, cue: Cue, violation: Violation) -> str:
    sign = "<" if violation.rule in _NO_LIMIT_BELOW else ">"
    broken = f"{violation.rule} {_rounded(violation.value):g} {sign} {violation.limit:g}"
    return f"{path}:{violation.index + 1}  {_stamp(cue.start)}  {broken}"


def _to_dict(cue: Cue, violation: Violation) -> dict[str, Any]:
    return {
        "cue": violation.index + 1,
        "start": cue.start,
        "end": cue.end,
        "rule": violation.rule,
        "value": _rounded(violation.value),
        "limit": violation.limit,
        "text": cue.text,
    }


def _rounded(value: float) -> float:
    """A cue without duration is read at no speed that JSON can say."""
    return round(min(value, 1e9), 3)


def _stamp(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds, 3), 60)
    return f"{int(minutes) // 60}:{int(minutes) % 60:02}:{seconds:06.3f}"


def _signed_time(text: str) -> float:
    sign = -1 if text.strip().startswith("-") else 1
    return sign * parse_time(text.strip().lstrip("+-"))


def _speed(fps: str | None) -> float:
    """How much faster it is shown than it was made for. Raises `UsageError`."""
    if fps is None:
        return 1.0
    rates = [rate.strip() for rate in fps.split(":")]
    if len(rates) != 2 or not all(re.fullmatch(r"\d+(?:\.\d+|/[1-9]\d*)?", rate) and Fraction(rate) for rate in rates):
        raise UsageError(f"--fps {fps!r} names no two frame rates", hint="Write it as 25:23.976 or 25:24000/1001.")
    made, shown = map(Fraction, rates)
    return float(shown / made)


def _refuse_input(inputs: list[Path], output: Path) -> None:
    for path in inputs:
        if output.exists() and path.exists() and output.samefile(path):
            raise UsageError(f"{str(path)!r} would be overwritten", hint="Name another file to write.")
