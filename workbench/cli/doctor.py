"""workbench doctor: what works here, what does not, and how to mend it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

from workbench.cli import console


def doctor(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check whether everything is there, and say how to mend what is not."""
    from workbench.doctor import examine

    checks = examine(console.disabled_plugins)
    counts = Counter(check.status for check in checks)
    if json:
        summary = {status: counts[status] for status in ("ok", "warn", "fail")}
        console.print_json({"checks": [asdict(check) for check in checks], "summary": summary})
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            typer.echo(f"{check.status:4}  {check.name:{width}}  {check.message}")
            if check.fix:
                typer.echo(f"{'':4}  {'':{width}}  -> {check.fix}")
        typer.echo(f"{counts['ok']} ok, {counts['warn']} warn, {counts['fail']} fail", err=True)
    raise typer.Exit(1 if counts["fail"] else 0)
