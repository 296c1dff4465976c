"""What is known of a server that runs: the one source that /metrics, `--json`, `--plain` and the screen read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias

from workbench.engines import StageKind
from workbench.live.status import StageStatus
from workbench.models.states import ModelState
from workbench.pool import PoolStatistics


@dataclass(frozen=True, slots=True)
class Distribution:
    """Of seconds that something took."""

    count: int
    total: float
    """Seconds, all added up."""
    up_to: tuple[tuple[float, int], ...]
    """(bound in seconds, how many took no longer), the bounds in order; beyond the last one there may be more."""
    p50: float
    """Of recent ones; 0 when there are none."""
    p95: float
    p99: float

    def to_dict(self) -> dict[str, Any]:
        return {"count": self.count, "p50_s": self.p50, "p95_s": self.p95, "p99_s": self.p99}


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """One WebSocket."""

    id: int
    client: str
    """HOST:PORT."""
    stages: str
    """As in the URL; empty until it is read."""
    language: str
    """BCP-47; empty where it is detected."""
    open_s: float
    received_s: float
    """Seconds of audio."""
    pace: float
    """Audio of the last seconds, times real time."""
    done_s: float
    """Seconds of audio that are judged, or recognized."""
    frames_received: int
    """Of voice activity detection alone; else 0."""
    frames_judged: int
    bytes_received: int
    """Of audio."""
    bytes_sent: int
    """Of events."""
    latency_p50_s: float
    """As `Snapshot.latency`, of recent events."""
    latency_p95_s: float
    waiting_events: int
    """That the client has not read yet."""
    coalesced: int
    """Interim texts that newer ones replaced before they were sent."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Requests:
    """HTTP requests of one kind that are answered."""

    path: str
    """As in the table of docs/server.md; "other" for what there is not."""
    status: int
    took: Distribution


@dataclass(frozen=True, slots=True)
class PoolFacts:
    number: int
    """Tells those of one engine apart."""
    kind: StageKind
    engine: str
    statistics: PoolStatistics


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counts are since the start, rates and percentiles of the last seconds. Streams are at most a second old."""

    started: float
    """Seconds since 1970."""
    up_s: float
    sessions: int
    """Streams, transcriptions and speech now."""
    most_sessions: int
    """At once so far."""
    sessions_limit: int
    streams: tuple[StreamFacts, ...]
    """That are open, the oldest first."""
    streams_opened: int
    streams_closed: Mapping[int, int]
    """By close code."""
    requests: tuple[Requests, ...]
    requests_per_s: float
    audio_s: Mapping[str, float]
    """Seconds of audio that came in streams and files, and that were made: of "streams", "files", "speech"."""
    frames_received: int
    frames_judged: int
    bytes_received: int
    bytes_sent: int
    coalesced: int
    latency: Mapping[str, Distribution]
    """Seconds from the arrival of the audio that decided an event to when the event was sent; of "speech", "text"."""
    lag: Distribution
    """How late the event loop was, of the last minute."""
    problem: str
    """Why nothing can be recognized now; empty: it can."""
    engines: tuple[ModelState, ...]
    stages: tuple[StageStatus, ...]
    """How each engine keeps up that is loaded for everybody."""
    pools: tuple[PoolFacts, ...]
    errors: int
    last_errors: tuple[Failure, ...]
    """The newest last."""

    def to_dict(self) -> dict[str, Any]:
        """The figures, as plain values; streams and errors are told as they come."""
        return {
            "up_s": self.up_s,
            "sessions": self.sessions,
            "most_sessions": self.most_sessions,
            "streams": len(self.streams),
            "streams_opened": self.streams_opened,
            "requests": sum(one.took.count for one in self.requests),
            "requests_per_s": self.requests_per_s,
            "audio_s": dict(self.audio_s),
            "frames_received": self.frames_received,
            "frames_judged": self.frames_judged,
            "bytes_received": self.bytes_received,
            "bytes_sent": self.bytes_sent,
            "coalesced": self.coalesced,
            "latency": {of: one.to_dict() for of, one in self.latency.items()},
            "lag": self.lag.to_dict(),
            "problem": self.problem,
            "engines": [asdict(one) for one in self.engines],
            "errors": self.errors,
        }


# what happens, as it happens


@dataclass(frozen=True, slots=True)
class Opened:
    type: ClassVar[str] = "opened"
    stream: StreamFacts


@dataclass(frozen=True, slots=True)
class Closed:
    type: ClassVar[str] = "closed"
    stream: StreamFacts
    code: int
    """Of the WebSocket."""
    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    type: ClassVar[str] = "error"
    at: float
    """Seconds since 1970."""
    where: str
    """A client, a path, or "engines"."""
    message: str
    hint: str = ""


Happening: TypeAlias = Opened | Closed | Failure
