"""`workbench plugins`"""

from __future__ import annotations

import contextlib
import json
import shutil
import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import console
from workbench.errors import UsageError, WorkbenchError, did_you_mean
from workbench.plugins import DISABLED, Plugin, Registry, disabled
from workbench.plugins import disable as disable_plugins
from workbench.plugins import enable as enable_plugins
from workbench.profiles import store
from workbench.profiles.losses import losses
from workbench.profiles.option_words import default_of, description_of, type_of
from workbench.profiles.options import option_fields
from workbench.profiles.schema import Profile

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


def plugins(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="An engine, plugin or distribution: shows its options.")
    ] = None,
    disable: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Leave a plugin out from now on, with all its engines.")
    ] = None,
    enable: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Take a plugin up again.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List every engine: kind, name, version, distribution, state, and why it failed to load."""
    if disable or enable:
        _choose(console.registry(), disable or [], enable or [])
        if not (as_json or name):
            return
    found = rows(console.registry())
    if name is not None:
        found = _named(name, found)
    if as_json:
        console.print_json(found)
    elif name is None:
        _print_table(found)
    else:
        typer.echo("\n\n".join("\n".join(_details(row)) for row in found))


def _choose(registry: Registry, disable: list[str], enable: list[str]) -> None:
    """Leave plugins out for good, or take them up again. Raises `UsageError`, and nothing has changed then."""
    leave_out = [plugin for name in disable for plugin in registry.named(name)]
    take_up = [plugin for name in enable for plugin in registry.named(name)]
    disable_plugins(leave_out)
    enable_plugins(take_up)
    for plugin in leave_out:
        gone = ", ".join(f"{r.kind} {r.name}" for r in registry.registrations if r.plugin == plugin)
        console.say(f"left out from now on: plugin {plugin.name}" + (f", with {gone}" if gone else ""))
    if leave_out and (missing := losses(disabled(), registry, _profile())):
        undo = " ".join(f"--enable {plugin.name}" for plugin in leave_out)
        console.say("\n".join([*missing, f"To undo: workbench plugins {undo}"]))
    for plugin in take_up:
        console.say(f"not left out any more: plugin {plugin.name}")


def _profile() -> Profile:
    """The current one, with the engines it names; without any where it is made anew, or has mistakes."""
    name, _why = store.current_name()
    with contextlib.suppress(WorkbenchError):
        if name != store.AUTO:
            return store.load(name)
    return Profile.model_validate({"schema": 1, "name": name})


def _named(name: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of an engine, a plugin or a distribution. Raises `UsageError` when there is none."""
    keys = ("name", "plugin", "distribution")
    if chosen := [row for row in found if name in [row[key] for key in keys]]:
        return chosen
    known = dict.fromkeys(row[key] for key in keys for row in found)
    message = f"no engine, plugin or distribution is called {name!r}{did_you_mean(name, known)}"
    raise UsageError(message, hint="See: workbench plugins")


def _print_table(found: list[dict[str, Any]]) -> None:
    table = [("KIND", "ENGINE", "VERSION", "DISTRIBUTION", "STATE")]
    table += [(r["kind"] or "-", r["name"], r["version"], r["distribution"], r["state"]) for r in found]
    for line, reason in zip(console.table(table).split("\n"), ["", *map(_reason, found)], strict=True):
        typer.echo(line + (f"\n    {reason}" if reason else ""))


def _details(row: dict[str, Any]) -> list[str]:
    """An engine and its options, as they are written after --option."""
    what = f"{row['kind']} engine" if row["kind"] else "plugin"
    lines = [f"{what} {row['name']} {row['version']}, of {row['distribution']}: {row['state']}"]
    lines += [f"    {reason}"] if (reason := _reason(row)) else []
    if row["kind"] and not row["options"]:
        lines.append("  no options")
    width = max(40, min(shutil.get_terminal_size().columns, 120))
    for option in row["options"]:
        default = "not set" if option["default"] is None else json.dumps(option["default"], ensure_ascii=False)
        lines.append(f"  {row['kind']}.{option['name']}: {option['type']}; default: {default}")
        lines += textwrap.wrap(option["description"], width, initial_indent="      ", subsequent_indent="      ")
    return lines


def _reason(row: dict[str, Any]) -> str:
    """Nothing where the state says it already."""
    return "" if row["reason"] == row["state"] else str(row["reason"])


def rows(registry: Registry) -> list[dict[str, Any]]:
    """One row for each engine, and one for each plugin that gave none."""
    engines = [
        _row(r.plugin, r.kind.value, r.name, "failed" if r.error else "ready", r.error)
        | {"options": [_option(key, field) for key, field in option_fields(r.kind.value, r.engine).items()]}
        for r in registry.registrations
    ]
    others = [
        _row(p, None, p.name, "disabled" if p.error == DISABLED else "failed", p.error)
        for p in registry.plugins
        if p.error
    ]
    return engines + others


def _row(plugin: Plugin, kind: str | None, name: str, state: str, reason: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "version": plugin.version,
        "distribution": plugin.distribution,
        "plugin": plugin.name,
        "state": state,
        "reason": reason,
        "options": [],
    }


def _option(name: str, field: FieldInfo) -> dict[str, Any]:
    return {"name": name, "type": type_of(field), "default": default_of(field), "description": description_of(field)}
