"""What a live session listens to, and how it is doing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from workbench.engines import StageKind
from workbench.plan import Choice, Plan
from workbench.pool import PoolStatistics
from workbench.stages import Stages


class LivePhase(StrEnum):
    IDLE = "idle"
    RECORDING = "recording"
    PAUSED = "paused"
    FINISHING = "finishing"
    """Nothing is captured any more; what was, is worked off."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is listened to: a device, or a file played as if it were one."""

    device: str | None = None
    """As `workbench devices` names it; None: the default one."""
    path: Path | None = None
    pace: float = 1.0
    """Of a file: times real time; 0: as fast as it is stored."""
    duration: float | None = None
    """Seconds after which the session stops by itself."""


@dataclass(frozen=True, slots=True)
class StageStatus:
    kind: StageKind
    engine: str
    model: str
    """Empty where the engine has but one."""
    latency_p50_s: float
    """From waiting to done, of recent items, interim ones too; wall-clock seconds."""
    latency_p95_s: float
    depth: int
    """Items that wait."""
    high_water: int
    """The most that ever waited."""
    dropped: int
    """Interim items whose place newer ones took."""
    failed: int
    calls: int = 0
    """Items that ended, well or not."""
    running: int = 0
    """Items that are being worked on."""


def stage_status(choice: Choice, counted: PoolStatistics, edge: Mapping[str, Any]) -> StageStatus:
    """`edge`: of the queue before the pool, as `EdgeStatistics`; empty where no session runs."""
    return StageStatus(
        kind=choice.engine.kind,
        engine=choice.engine.name,
        model=choice.model,
        latency_p50_s=counted.latency_p50_s,
        latency_p95_s=counted.latency_p95_s,
        depth=counted.depth + edge.get("depth", 0),
        high_water=max(counted.high_water, edge.get("high_water", 0)),
        dropped=counted.superseded,
        failed=counted.failed,
        calls=counted.items,
        running=counted.running,
    )


def stage_statuses(plan: Plan, stages: Stages, edges: Mapping[str, Any]) -> Iterator[StageStatus]:
    """Of all stages of a stream. `edges`: what `Pipeline.statistics` gives; empty where nothing runs."""
    for choice, pool, edge in (
        (plan.detector, stages.detector, "chunks"),
        (plan.recognizer, stages.recognizer, "windows"),
        (plan.translator, stages.translator, "transcripts"),
        (plan.synthesizer, stages.synthesizer, "translations"),
    ):
        if choice is not None and pool is not None:
            yield stage_status(choice, pool.statistics(), edges.get(edge, {}))


@dataclass(frozen=True, slots=True)
class LiveStatus:
    phase: LivePhase
    label: str
    """Of the source."""
    lost: bool
    """The source gives nothing."""
    refused: bool
    """The disk takes nothing."""
    silent: bool
    captured: float
    """Seconds that are stored."""
    done: float
    """Seconds up to which everything is recognized."""
    reached: float
    """The same, but for speech that goes on."""
    overflows: int
    """Times that samples were lost before they could be stored."""
    stages: tuple[StageStatus, ...]

    @property
    def backlog(self) -> float:
        """Seconds by which the stages are behind what is stored."""
        return max(0.0, self.captured - self.reached)
