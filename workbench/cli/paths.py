"""`workbench paths`"""

from __future__ import annotations

from typing import Annotated

import typer

from workbench import paths as places
from workbench.cli import console


def paths(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Print where settings, sessions, jobs, fetched models and the log lie, whether they are there yet or not."""
    from workbench.jobs.store import JobStore
    from workbench.models.resolution import models_dir
    from workbench.recording import sessions_dir

    found = {
        "settings": places.config_dir(),
        "sessions": sessions_dir(),
        "jobs": JobStore().root,
        "models": models_dir(),
        "log": places.log_file(),
    }
    if as_json:
        console.print_json({what: str(path) for what, path in found.items()})
    else:
        typer.echo(console.table([(what, str(path)) for what, path in found.items()]))
