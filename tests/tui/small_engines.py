"""Engines that load at once, one that cannot be loaded, a plugin that failed, and one that is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

import workbench
from workbench import plugins
from workbench.errors import EngineError
from workbench.plugins import Plugin, Registry


class Gate(workbench.Detector[None]):
    name = "gate"

    def open(self, settings: workbench.Settings) -> None: ...

    def process(self, item: workbench.AudioChunk, state: None) -> tuple[()]:
        return ()


class Ears(workbench.Recognizer):
    name = "ears"
    made: list[Any]

    class Options(workbench.Options):
        beam_size: int = Field(default=5, ge=1)
        """How many texts are followed at once."""
        device: Literal["auto", "cpu", "cuda"] = "auto"

    def __init__(self, options: Options) -> None:
        self.made.append(options)

    def process(self, item: workbench.Window, state: workbench.Settings) -> Iterator[workbench.Transcript]:
        yield from ()


class OtherEars(Ears):
    name = "other-ears"


class Deaf(Ears):
    name = "deaf"

    def __init__(self, options: Ears.Options) -> None:
        raise EngineError("the weights are damaged", hint="Fetch them anew.")


class Plug:
    def __init__(self, *engines: Any) -> None:
        self.engines = engines

    @workbench.hookimpl
    def register_engines(self, register: workbench.Register) -> None:
        for engine in self.engines:
            register(engine)


def _fail() -> Any:
    raise RuntimeError("no luck at import")


def small_registry() -> Registry:
    """Writes down that one is left out: needs a folder for choices of the test's own."""
    Ears.made = []
    registry = Registry()
    registry.add(Plugin("builtin", "audio-workbench", "1.0"), lambda: Plug(Gate))
    registry.add(Plugin("ears", "workbench-ears", "0.2"), lambda: Plug(Ears, OtherEars))
    registry.add(Plugin("deaf", "workbench-deaf", "0.3"), lambda: Plug(Deaf))
    registry.add(Plugin("old", "workbench-old", "0.0.9"), _fail)
    registry.plugins.append(Plugin("quiet", "workbench-quiet", "1.1", plugins.DISABLED))
    plugins.disable(registry.named("quiet"))
    return registry
