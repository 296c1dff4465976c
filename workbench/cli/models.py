"""`workbench models`"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from workbench import models as weights
from workbench.cli import console
from workbench.engines import Engine, StageKind
from workbench.errors import EngineError
from workbench.models import Model, Progress
from workbench.plan import attributed
from workbench.plugins import Registry


def models(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
    verify: Annotated[bool, typer.Option(help="Check the SHA-256 of all files that are here.")] = True,
    fetch: Annotated[str, typer.Option("--fetch", metavar="NAME", help="Bring a model here, or mend it.")] = "",
) -> None:
    """List known models: size, licence, languages, and where those lie that are on this machine."""
    registry = console.registry()
    if fetch:
        model = weights.find(catalog(registry), fetch)
        with _progress(model.name) as progress:
            typer.echo(str(weights.fetch(model, progress)))
        return
    found = rows(registry, verify=verify)
    if as_json:
        console.print_json(found)
    else:
        typer.echo(_table(found))
    if any(row["error"] for row in found):
        raise typer.Exit(EngineError.exit_code)


def catalog(registry: Registry) -> list[Model]:
    """The models of all engines, in their engines' order."""
    found: list[Model] = []
    for engine in [engine for kind in StageKind for engine in registry.engines(kind).values()]:
        if issubclass(engine, Engine):
            with attributed(engine, "to list its models"):
                found += engine.models()
    return found


def rows(registry: Registry, *, verify: bool = True) -> list[dict[str, Any]]:
    """One row for each model. `verified` and `error` stay empty without `verify`, or where the weights are not here."""
    return [_row(model, verify=verify) for model in catalog(registry)]


def _row(model: Model, *, verify: bool) -> dict[str, Any]:
    where = weights.present(model)
    error = _error(model) if verify and where else None
    return {
        "engine": model.engine,
        "name": model.name,
        "aliases": list(model.aliases),
        "where": where,
        "verified": error == "" if error is not None else None,
        "error": error or "",
        "size_bytes": model.size,
        "memory_mb": model.memory_mb,
        "license": model.license,
        "languages": list(model.languages),
        "packages": [list(package.requirements) for package in model.packages],
        "repository": model.repository,
    }


def _error(model: Model) -> str:
    try:
        weights.verify(model)
    except EngineError as error:
        return f"{error.message}\n{error.hint}"
    return ""


def _table(found: list[dict[str, Any]]) -> str:
    table = [("ENGINE", "MODEL", f"{'SIZE':>10}", f"{'MEMORY':>10}", "LANGUAGES", "LICENCE", "WHERE")]
    for row in found:
        state = {None: "", True: ", verified", False: ", DAMAGED"}[row["verified"]]
        spoken = ", ".join(row["languages"]) or "any" if len(row["languages"]) < 4 else str(len(row["languages"]))
        size, memory = f"{row['size_bytes'] / 1e6:7,.0f} MB", f"{row['memory_mb']:7,} MB"
        where = (row["where"] or "-") + state
        table.append((row["engine"], row["name"], size, memory, spoken, row["license"], where))
    return "\n".join([console.table(table), *(row["error"] for row in found if row["error"])])


@contextlib.contextmanager
def _progress(name: str) -> Iterator[Progress | None]:
    """A bar on stderr where that is a terminal; else the log is told."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
