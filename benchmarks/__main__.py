"""`python -m benchmarks NAME [--json]`: measure one thing and print the figures.

A benchmark is a module with `run() -> dict[str, object]` and `report(figures) -> str`.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module

NAMES = (
    "overhead",
    "pack",
    "decode",
    "pool",
    "dispatch",
    "detect",
    "vad",
    "vad_file",
    "startup",
    "parallel",
    "accuracy",
    "memory",
    "live",
    "interface",
    "terminal",
    "soak",
    "capture",
    "serve",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    arguments = parser.parse_args()
    module = import_module(f"benchmarks.{arguments.name}")
    figures = module.run()
    print(json.dumps(figures, indent=2) if arguments.json else module.report(figures))


if __name__ == "__main__":
    main()
