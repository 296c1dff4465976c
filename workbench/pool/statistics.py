"""What a pool has done, for panels and `--json`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

RECENT = 512
"""Latencies kept for the percentiles."""


class PoolStatistics(NamedTuple):
    """A snapshot; seconds are wall-clock seconds."""

    instances: int
    """Engines that are loaded."""
    depth: int
    """Items that wait for an engine."""
    running: int
    """Items in a worker thread, or generators between two values."""
    high_water: int
    """The most items that ever waited at once."""
    items: int
    """Items that ended, well or not."""
    failed: int
    superseded: int
    """Items whose place a newer one took before they ran."""
    hops: int
    """Stays in a worker thread."""
    busy_s: float
    """Time in worker threads, all threads added up."""
    waited_s: float
    """Time between submit and start, all items added up."""
    latency_p50_s: float
    """Submit to last value, of recent items."""
    latency_p95_s: float
    retried: int
    """Items that ran a second time because their engine broke."""
    replaced: int
    """Engines that broke and were loaded anew."""
    abandoned: int
    """Threads that did not come back within the hang limit."""


@dataclass(slots=True)
class Counters:
    """What the pool counts as it goes; on the loop only."""

    depth: int = 0
    running: int = 0
    high_water: int = 0
    items: int = 0
    failed: int = 0
    superseded: int = 0
    hops: int = 0
    busy_s: float = 0.0
    waited_s: float = 0.0
    retried: int = 0
    replaced: int = 0
    abandoned: int = 0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def queued(self) -> None:
        self.depth += 1
        self.high_water = max(self.high_water, self.depth)

    def snapshot(self, instances: int) -> PoolStatistics:
        ordered = sorted(self.latencies)
        p50, p95 = (ordered[int(len(ordered) * q)] if ordered else 0.0 for q in (0.5, 0.95))
        return PoolStatistics(
            instances=instances,
            depth=self.depth,
            running=self.running,
            high_water=self.high_water,
            items=self.items,
            failed=self.failed,
            superseded=self.superseded,
            hops=self.hops,
            busy_s=self.busy_s,
            waited_s=self.waited_s,
            latency_p50_s=p50,
            latency_p95_s=p95,
            retried=self.retried,
            replaced=self.replaced,
            abandoned=self.abandoned,
        )
