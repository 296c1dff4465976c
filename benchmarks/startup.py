"""How soon the command line answers: `workbench --help` and `workbench plugins` against importing typer alone."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.machine import child, described, facts

ROUNDS: Final = 11
TARGET_S: Final = 0.25
"""Wall-clock time of `--help`."""
_WORKBENCH: Final = Path(sys.executable).with_name("workbench")
COMMANDS: Final[dict[str, list[str | Path]]] = {
    "bare": [sys.executable, "-c", "pass"],
    "typer": [sys.executable, "-c", "import typer"],
    "help": [_WORKBENCH, "--help"],
    "plugins": [_WORKBENCH, "plugins"],
}


def run() -> dict[str, object]:
    for command in COMMANDS.values():  # once, so that bytecode is there and files are in the cache
        child(command)
    rounds = [{name: child(command) for name, command in COMMANDS.items()} for _ in range(ROUNDS)]
    figures: dict[str, object] = {"machine": facts("audio-workbench", "typer"), "rounds": ROUNDS, "target_s": TARGET_S}
    for name in COMMANDS:
        figures[f"{name}_wall_s"] = round(median(one[name].wall_s for one in rounds), 4)
        figures[f"{name}_cpu_s"] = round(median(one[name].cpu_s for one in rounds), 4)
    for name in ("help", "plugins"):
        figures[f"ratio_{name}"] = round(median(one[name].cpu_s / one["typer"].cpu_s for one in rounds), 3)
    return figures


def report(figures: dict[str, Any]) -> str:
    titles = {
        "bare": "python -c pass",
        "typer": "import typer",
        "help": "workbench --help",
        "plugins": "workbench plugins",
    }
    rows = [
        f"{title:<20}{figures[f'{name}_wall_s'] * 1000:>8.0f} ms {figures[f'{name}_cpu_s'] * 1000:>8.0f} ms CPU"
        for name, title in titles.items()
    ]
    ratios = f"CPU against import typer: --help {figures['ratio_help']:.2f}, plugins {figures['ratio_plugins']:.2f}"
    target = f"target of --help: {figures['target_s'] * 1000:.0f} ms"
    return "\n".join([f"{described(figures['machine'])}; median of {figures['rounds']}", *rows, ratios, target])
