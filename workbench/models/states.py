"""How far each engine is with its weights: the one source that every screen and interface reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from workbench.engines import StageKind


class Phase(StrEnum):
    ABSENT = "absent"
    """Wanted, and its weights are not on this machine."""
    DOWNLOADING = "downloading"
    LOADING = "loading"
    WARMING = "warming"
    """Loaded; a first call is made, which is slower than others."""
    READY = "ready"
    FAILED = "failed"
    UNLOADING = "unloading"


@dataclass(frozen=True, slots=True)
class ModelState:
    """One loaded engine, or one that is wanted."""

    kind: StageKind
    engine: str
    model: str
    """The name of its weights; empty where an engine has but one."""
    phase: Phase
    done: int = 0
    """Bytes fetched so far, while downloading."""
    total: int = 0
    """Bytes to fetch; 0: not known."""
    message: str = ""
    """Why it failed, and what to do."""
    next: str = ""
    """What is loaded after it, because it was asked for meanwhile: "ENGINE MODEL"."""


Watch: TypeAlias = Callable[[tuple[ModelState, ...]], None]
"""Is called on the loop with all states, after each change."""
