"""`python -m benchmarks NAME [--json] [--seconds S]`: measure one thing and print the figures.

A benchmark is a module with `run() -> dict[str, object]` and `report(figures) -> str`; where a longer run says more,
`run` takes `seconds`.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from inspect import signature

NAMES = (
    "overhead",
    "pack",
    "decode",
    "ranges",
    "pool",
    "dispatch",
    "detect",
    "vad",
    "vad_file",
    "startup",
    "parallel",
    "accuracy",
    "memory",
    "commit",
    "jobs",
    "live",
    "interface",
    "terminal",
    "soak",
    "capture",
    "serve",
    "io",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.add_argument("--seconds", type=float, help="of audio, for capture, ranges and soak; of watching, for io")
    arguments = parser.parse_args()
    module = import_module(f"benchmarks.{arguments.name}")
    if arguments.seconds is not None and "seconds" not in signature(module.run).parameters:
        parser.error(f"{arguments.name} has a length of its own")
    figures = module.run() if arguments.seconds is None else module.run(seconds=arguments.seconds)
    print(json.dumps(figures, indent=2) if arguments.json else module.report(figures))


if __name__ == "__main__":
    main()
