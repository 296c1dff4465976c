"""What is measured in time: when the audio of a stream came, how long things took, how fast something grows."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, TypeAlias

from workbench.server.facts import Distribution

Decided: TypeAlias = tuple[str, float]
"""(of what the latency is, when the audio came that decided it)."""


class Arrivals:
    """When each part of a stream's audio came. The oldest is forgotten."""

    def __init__(self, step_s: float, most: int) -> None:
        """`step_s`: parts that come sooner after one another count as one, that came when the first did."""
        self._step = step_s
        self._ends: deque[tuple[float, float]] = deque(maxlen=most)  # (seconds on the timeline, when)
        self._end = 0.0
        self._forgotten = 0.0

    def add(self, seconds: float) -> None:
        now = time.monotonic()
        self._end += seconds
        if self._ends and now - self._ends[-1][1] < self._step:
            self._ends[-1] = self._end, self._ends[-1][1]
            return
        if len(self._ends) == self._ends.maxlen:
            self._forgotten = self._ends[0][0]
        self._ends.append((self._end, now))

    def find(self, position: float) -> float | None:
        """When what is at `position` (seconds) came; None: it is forgotten, or still to come."""
        if position < self._forgotten:
            return None
        return next((at for end, at in self._ends if end >= position - 1e-6), None)


class Durations:
    """Seconds, counted for a `Distribution`."""

    def __init__(self, bounds: tuple[float, ...], recent: int) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0
        self._recent: deque[float] = deque(maxlen=recent)

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value
        self._recent.append(value)

    def now(self) -> Distribution:
        cumulative = list(accumulate(self._counts))
        up_to = tuple(zip(self._bounds, cumulative, strict=False))
        return Distribution(cumulative[-1], self._total, up_to, *percentiles(self._recent))


def percentiles(values: Iterable[float]) -> tuple[float, float, float]:
    """(p50, p95, p99); 0 when there are none."""
    ordered = sorted(values)
    p50, p95, p99 = (ordered[int(len(ordered) * q)] if ordered else 0.0 for q in (0.5, 0.95, 0.99))
    return p50, p95, p99


def rate(looks: deque[tuple[float, Any]]) -> float:
    """A second, between the first and the last of (when, how much)."""
    if len(looks) < 2:
        return 0.0
    (began, before), (ended, after) = looks[0], looks[-1]
    return float((after - before) / (ended - began)) if ended > began else 0.0
