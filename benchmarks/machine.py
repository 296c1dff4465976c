"""Where figures come from: this machine, child processes, and medians of rounds in turns."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a child process, with its own children, took."""

    wall_s: float
    cpu_s: float
    """User and system time."""
    output: str
    """Of its standard output."""


def child(command: Sequence[str | Path], **environment: str) -> Cost:
    """Run `command` to its end. Raises `CalledProcessError` when it fails. Only one at a time can be measured."""
    before, began = _children_s(), time.perf_counter()
    result = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    wall_s, cpu_s = time.perf_counter() - began, _children_s() - before
    if result.returncode:
        sys.stderr.write(result.stderr)
        result.check_returncode()
    return Cost(wall_s, cpu_s, result.stdout)


def facts(*distributions: str) -> dict[str, Any]:
    """The machine and what runs on it."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in distributions},
    }


def described(machine: dict[str, Any]) -> str:
    """One line that says the same."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}{', ' if versions else ''}{versions}"
    )


def medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of each figure, over all rounds."""
    return {name: median(one[name] for one in rounds) for name in rounds[0]}


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
