"""An audio workbench for the terminal. These are the names that a plugin needs, and what programs use of it.

They are imported when first used, so that `workbench --help` starts without numpy and pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.engines import (
        BatchEngine,
        Capture,
        Detector,
        Engine,
        Exporter,
        Options,
        Recognizer,
        Settings,
        StageKind,
        Stateless,
        Synthesizer,
        Translator,
    )
    from workbench.errors import (
        EngineError,
        InputError,
        MissingError,
        OutputError,
        UnsupportedLanguage,
        UsageError,
        WorkbenchError,
    )
    from workbench.framing import FrameDetector
    from workbench.hookspecs import Register, hookimpl
    from workbench.stream import StreamProcessor
    from workbench.types import (
        Activity,
        AudioChunk,
        Cue,
        Samples,
        Speech,
        SpeechSegment,
        Transcript,
        Translation,
        Window,
        Word,
    )

__version__ = "0.1.0"

_HOME = {
    "engines": "BatchEngine Capture Detector Engine Exporter Options Recognizer Settings StageKind Stateless "
    "Synthesizer Translator",
    "errors": "EngineError InputError MissingError OutputError UnsupportedLanguage UsageError WorkbenchError",
    "framing": "FrameDetector",
    "hookspecs": "Register hookimpl",
    "stream": "StreamProcessor",
    "types": "Activity AudioChunk Cue Samples Speech SpeechSegment Transcript Translation Window Word",
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}

__all__ = [  # noqa: RUF022 - grouped by where they live, as above
    "BatchEngine", "Capture", "Detector", "Engine", "Exporter", "Options", "Recognizer", "Settings", "StageKind",
    "Stateless", "Synthesizer", "Translator",
    "EngineError", "InputError", "MissingError", "OutputError", "UnsupportedLanguage", "UsageError", "WorkbenchError",
    "FrameDetector",
    "Register", "hookimpl",
    "StreamProcessor",
    "Activity", "AudioChunk", "Cue", "Samples", "Speech", "SpeechSegment", "Transcript", "Translation", "Window",
    "Word",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    value = getattr(import_module(f"workbench.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
