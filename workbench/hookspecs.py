"""How a plugin is found: it implements these hooks and names its module under the entry point group `workbench`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pluggy

from workbench.engines import Capture, Engine, Exporter

EngineClass: TypeAlias = type[Engine[Any, Any, Any]] | type[Capture] | type[Exporter]
Register: TypeAlias = Callable[[EngineClass], None]

hookspec = pluggy.HookspecMarker("workbench")
hookimpl = pluggy.HookimplMarker("workbench")


@hookspec
def register_engines(register: Register) -> None:
    """Call `register(EngineClass)` once for each engine of this plugin. Loads nothing, imports nothing heavy."""
