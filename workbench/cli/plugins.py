"""`workbench plugins`"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from workbench.cli import console
from workbench.plugins import DISABLED, Plugin, Registry


def plugins(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List every engine: kind, name, version, distribution, state, and why it failed to load."""
    found = rows(console.registry())
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    table = [("KIND", "ENGINE", "VERSION", "DISTRIBUTION", "STATE")]
    table += [(r["kind"] or "-", r["name"], r["version"], r["distribution"], r["state"]) for r in found]
    widths = [max(len(row[column]) for row in table) for column in range(5)]
    for row, reason in zip(table, ["", *(r["reason"] for r in found)], strict=True):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        typer.echo(line + (f"\n    {reason}" if reason else ""))


def rows(registry: Registry) -> list[dict[str, Any]]:
    """One row for each engine, and one for each plugin that gave none."""
    engines = [
        _row(r.plugin, r.kind.value, r.name, "failed" if r.error else "ready", r.error) for r in registry.registrations
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
    }
