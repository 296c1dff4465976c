"""Options that several commands take."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

Language: TypeAlias = Annotated[
    str | None, typer.Option("--language", "-l", metavar="L", help="What is spoken. Default: detected.")
]
Model: TypeAlias = Annotated[
    str | None, typer.Option("--model", "-m", metavar="M", help="ASR model: a name, a folder, or auto.")
]
Voice: TypeAlias = Annotated[str | None, typer.Option("--voice", metavar="NAME", help="Who speaks.")]
Prompt: TypeAlias = Annotated[str | None, typer.Option("--prompt", help="Text that shows names and style.")]
Hotwords: TypeAlias = Annotated[str | None, typer.Option("--hotwords", help="Words to favour.")]
ProfileName: TypeAlias = Annotated[
    str | None, typer.Option("--profile", "-p", metavar="P", help="Profile name or file.")
]
Engines: TypeAlias = Annotated[
    list[str] | None, typer.Option("--engine", metavar="STAGE=NAME", help="Engine of a stage; repeatable.")
]
EngineOptions: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="STAGE.KEY=VALUE", help="Option of a stage's engine; repeatable."),
]
