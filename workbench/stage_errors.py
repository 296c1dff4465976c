"""Errors of engines, as what the pipeline says of them: which stage, which engine, and where in the audio."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from workbench import paths
from workbench.engines import StageKind
from workbench.errors import (
    EngineError,
    InputError,
    MissingError,
    PoolBusy,
    StageError,
    UsageError,
    WorkbenchError,
    in_one_line,
)

_MEMORY_WORDS: Final = ("out of memory", "bad_alloc", "cannot allocate memory", "failed to allocate")


@contextmanager
def named(kind: StageKind, name: str, position: float) -> Iterator[None]:
    """Say which stage an engine's exception comes from, and where in the audio, in seconds."""
    try:
        yield
    except Exception as error:
        problem = explained(kind, name, position, error)
        raise problem from problem.__cause__


def explained(kind: StageKind, name: str, position: float, error: Exception) -> WorkbenchError:
    """An error that says itself what is to be done stays as it is; of another, `error` is the cause."""
    if isinstance(error, UsageError | MissingError | InputError):
        return error
    ours = isinstance(error, WorkbenchError)
    minutes, seconds = divmod(round(position, 1), 60)
    hint = error.hint if isinstance(error, WorkbenchError) else ""
    if not hint and is_out_of_memory(error):
        hint = f"Close other programs, or name a smaller one with --engine {kind}=NAME. Details: {paths.log_file()}"
    problem = StageError(
        f"{kind} engine {name!r} failed at {minutes:.0f}:{seconds:04.1f}: {error if ours else in_one_line(error)}",
        hint=hint or f"Details: {paths.log_file()}",
    )
    problem.__cause__, problem.stage = error, kind
    return problem


def is_temporary(error: BaseException) -> bool:
    """Whether the same may work another time: what failed is the engine, the machine or the network, not the item."""
    return isinstance(error, (EngineError, PoolBusy, OSError, MemoryError)) or is_out_of_memory(error)


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether memory was short, of this machine or its GPU; runtimes say so in words only."""
    while error is not None:
        if isinstance(error, MemoryError) or any(words in str(error).lower() for words in _MEMORY_WORDS):
            return True
        error = error.__cause__
    return False
