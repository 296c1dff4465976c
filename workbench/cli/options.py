"""Options that several commands take."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from workbench.errors import UsageError
from workbench.subtitles import Show

Output: TypeAlias = Annotated[
    str | None, typer.Option("--output", "-o", metavar="PATH", help="A file, a folder, or - for standard output.")
]
Folder: TypeAlias = Annotated[str | None, typer.Option("--output", "-o", metavar="FOLDER", help="Where files go.")]
Format: TypeAlias = Annotated[
    str | None, typer.Option("--format", "-f", metavar="F,F", help="srt, vtt, ass, ttml, json, txt. Default: srt.")
]
Translate: TypeAlias = Annotated[
    str | None,
    typer.Option("--translate", "-t", metavar="L", help="Translate: write subtitles in this language, such as de."),
]
Mux: TypeAlias = Annotated[
    bool, typer.Option("--mux", help="Also write FILE.subtitled.mkv or .mp4: a copy with the subtitles in it.")
]
Speak: TypeAlias = Annotated[bool, typer.Option("--speak", help="Also write a WAV that speaks the text.")]
Recursive: TypeAlias = Annotated[bool, typer.Option("--recursive", "-r", help="Take folders inside folders, too.")]
Force: TypeAlias = Annotated[bool, typer.Option("--force", help="Overwrite files.")]
Afresh: TypeAlias = Annotated[bool, typer.Option("--force", help="Overwrite files, also those of jobs that are done.")]
JsonLines: TypeAlias = Annotated[bool, typer.Option("--json", help="One JSON object a file on standard output.")]
Plain: TypeAlias = Annotated[bool, typer.Option("--plain", help="Progress as plain lines.")]
Language: TypeAlias = Annotated[
    str | None,
    typer.Option("--language", "-l", metavar="L", help="Language that is spoken, such as en. Default: detected."),
]
Model: TypeAlias = Annotated[
    str | None,
    typer.Option("--model", "-m", metavar="M", help="ASR model: a name of `workbench models`, a folder, or auto."),
]
Voice: TypeAlias = Annotated[str | None, typer.Option("--voice", metavar="NAME", help="Voice of --speak.")]
Prompt: TypeAlias = Annotated[
    str | None, typer.Option("--prompt", metavar="TEXT", help="Text to go by: how names are written, and the style.")
]
Hotwords: TypeAlias = Annotated[
    str | None, typer.Option("--hotwords", metavar="WORDS", help="Words to expect, such as names.")
]
Shown: TypeAlias = Annotated[
    Show | None,
    typer.Option(
        "--show", metavar="WHAT", help="source, translation or both. Default: the translation, where there is one."
    ),
]
Bilingual: TypeAlias = Annotated[bool, typer.Option("--bilingual", help="Both languages: as --show both.")]
ProfileName: TypeAlias = Annotated[
    str | None,
    typer.Option("--profile", "-p", metavar="P", help="Profile: a name of `workbench profile list`, or a file."),
]
Engines: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--engine", metavar="STAGE=NAME", help="Engine of a stage, of `workbench plugins`; repeatable."),
]
EngineOptions: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--option", metavar="STAGE.KEY=VALUE", help="Option of a stage's engine, such as asr.device=cpu; repeatable."
    ),
]


def refuse_standard_input(files: Iterable[Path]) -> None:
    """Raise `UsageError` for "-", unless a file is called so."""
    if Path("-") in files and not Path("-").exists():
        hint = "Write it to a file first: an input is read more than once."
        raise UsageError("audio is not taken from standard input", hint=hint)


def what_to_show(given: Show | None, *, bilingual: bool, translated: bool, hint: str) -> Show:
    """What --show and --bilingual ask for. Raises `UsageError`; `hint` is for those who have no translation."""
    if bilingual and given not in (None, "both"):
        raise UsageError(f"--bilingual and --show {given} contradict each other", hint="Leave one of them out.")
    if (bilingual or given in ("translation", "both")) and not translated:
        said = "--bilingual" if bilingual else f"--show {given}"
        raise UsageError(f"{said} needs a translation", hint=hint)
    return given or ("both" if bilingual else "translation" if translated else "source")
