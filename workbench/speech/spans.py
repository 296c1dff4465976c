"""Stretches of a timeline, and what is odd about them put right. Pure: times and probabilities in, times out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from workbench.speech.segmenter import quietest
from workbench.types import Activity

_ROUNDING_S: Final = 1e-6
"""A span that is longer by less is as long as it may be."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    start: float
    """Seconds on the timeline."""
    end: float
    """Seconds on the timeline; after `start`."""

    @property
    def duration(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class SpanLimits:
    """How long a span may be, in seconds."""

    min_s: float = 1.0
    """A shorter one is joined to its neighbour, where the two are not too long then."""
    max_s: float = 30.0
    """A longer one is split; at least twice `min_s`, so that no part is too short."""
    max_gap_s: float = 2.0
    """The longest silence that joining may take in."""

    def __post_init__(self) -> None:
        if not (0 <= 2 * self.min_s <= self.max_s and self.max_s > 0):
            raise ValueError(f"spans of {self.min_s} to {self.max_s} s: the longest must be twice the shortest")


def repaired(spans: Iterable[Span], activity: Activity, limits: SpanLimits) -> list[Span]:
    """In order, without overlaps, none longer than `limits.max_s`, and none too short that has a neighbour to take it.

    Nothing that was in a span is lost. What is repaired stays as it is when repaired again.
    """
    whole = [part for span in without_overlaps(spans) for part in split(span, activity, limits)]
    return merged(whole, limits)


def without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """In order of time; each begins where the one before ends, at the earliest. Empty and endless ones go."""
    found: list[Span] = []
    for span in sorted(span for span in spans if math.isfinite(span.duration)):
        start = max(span.start, found[-1].end) if found else span.start
        if span.end > start:
            found.append(Span(start, span.end))
    return found


def split(span: Span, activity: Activity, limits: SpanLimits) -> Iterator[Span]:
    """Parts that touch, none longer than `limits.max_s`: each ends where its second half is quietest."""
    while span.duration > limits.max_s + _ROUNDING_S:
        latest = min(span.start + limits.max_s, span.end - limits.min_s)
        cut = _quietest(activity, span.start + limits.max_s / 2, latest)
        yield Span(span.start, cut)
        span = Span(cut, span.end)
    yield span


def merged(spans: Sequence[Span], limits: SpanLimits) -> list[Span]:
    """Join each span that is too short to the neighbour that is nearer, the silence between included.

    Expects order and no overlaps, keeps both, and makes nothing longer than `limits.max_s`.
    """
    found: list[Span] = []
    waiting = list(reversed(spans))
    while waiting:
        span = waiting.pop()
        before, after = found[-1] if found else None, waiting[-1] if waiting else None
        near = [one for one in (before, after) if one and _may_join(span, one, limits)]
        if span.duration >= limits.min_s or not near:
            found.append(span)
        elif min(near, key=lambda one: _gap(span, one)) is before:
            waiting.append(_joined(found.pop(), span))
        else:
            waiting.append(_joined(span, waiting.pop()))
    return found


def fixed(duration: float, length_s: float = 60.0) -> list[Span]:
    """All of a recording, in spans of `length_s` seconds that touch; the last one is shorter."""
    count = math.ceil(duration / length_s)
    return [Span(i * length_s, min((i + 1) * length_s, duration)) for i in range(count)]


def _gap(a: Span, b: Span) -> float:
    return max(a.start, b.start) - min(a.end, b.end)


def _joined(a: Span, b: Span) -> Span:
    return Span(min(a.start, b.start), max(a.end, b.end))


def _may_join(a: Span, b: Span, limits: SpanLimits) -> bool:
    return _gap(a, b) <= limits.max_gap_s and _joined(a, b).duration <= limits.max_s + _ROUNDING_S


def _quietest(activity: Activity, earliest: float, latest: float) -> float:
    """Seconds on the timeline, between the two: where speech is least likely; `latest` where nothing is known."""
    count = len(activity.probabilities)
    first = min(max(math.ceil((earliest - activity.start) / activity.frame_s), 0), count)
    last = min(max(math.floor((latest - activity.start) / activity.frame_s), 0), count)
    if first >= last:
        return latest
    at = first + quietest(activity.probabilities[first:last], activity.frame_s)
    return min(max(activity.start + at * activity.frame_s, earliest), latest)
