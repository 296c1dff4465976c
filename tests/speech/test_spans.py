"""Odd segments put right: nothing is lost, nothing overlaps, lengths fit."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.speech.spans import Span, SpanLimits, fixed, merged, repaired, split, without_overlaps
from workbench.types import Activity

FRAME_S = 0.032
LIMITS = SpanLimits(min_s=1.0, max_s=10.0, max_gap_s=2.0)

times = st.floats(0.0, 100.0)
spans_anyhow = st.lists(st.builds(Span, times, times), max_size=12)
all_limits = st.builds(
    lambda min_s, factor, gap: SpanLimits(min_s, min_s * factor, gap),
    st.floats(0.1, 5.0),
    st.floats(2.0, 10.0),
    st.floats(0.0, 5.0),
)


def activity(*probabilities: float, start: float = 0.0) -> Activity:
    return Activity(start, FRAME_S, np.array(probabilities, np.float32))


activities = st.builds(
    lambda values, start: activity(*values, start=start), st.lists(st.floats(0, 1), max_size=300), st.floats(0, 50)
)


def length(spans: list[Span]) -> float:
    return sum(span.duration for span in spans)


def holds(spans: list[Span], span: Span) -> bool:
    """Whether the whole of `span` lies in spans that touch."""
    reached = span.start
    for one in spans:
        if one.start <= reached + 1e-9:
            reached = max(reached, one.end)
    return reached >= span.end - 1e-9


@given(spans_anyhow)
def test_what_overlapped_does_not_and_covers_the_same(spans: list[Span]) -> None:
    found = without_overlaps(spans)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(span.duration > 0 for span in found)
    assert all(holds(found, span) for span in spans if span.duration > 0)
    edges = {edge for span in spans for edge in (span.start, span.end)}
    assert all(span.start in edges and span.end in edges for span in found)
    assert without_overlaps(found) == found


def test_times_that_are_no_numbers_are_left_out() -> None:
    spans = [Span(math.nan, 1.0), Span(0.0, math.inf), Span(2.0, math.nan), Span(1.0, 2.0)]
    assert without_overlaps(spans) == [Span(1.0, 2.0)]


@given(
    st.builds(lambda start, length: Span(start, start + length), times, st.floats(0.01, 100.0)), activities, all_limits
)
def test_parts_of_a_long_span_touch_and_fit(span: Span, heard: Activity, limits: SpanLimits) -> None:
    parts = list(split(span, heard, limits))
    assert (parts[0].start, parts[-1].end) == (span.start, span.end)
    assert all(a.end == b.start for a, b in pairwise(parts))
    assert all(part.duration <= limits.max_s + 1e-5 for part in parts)
    if len(parts) > 1:
        assert all(part.duration >= limits.min_s - 1e-5 for part in parts)


def test_a_long_span_is_split_where_it_is_quietest() -> None:
    probabilities = np.full(400, 0.9, np.float32)
    probabilities[218:228] = 0.1  # 6.976 to 7.296 s
    first, second = split(Span(0.0, 12.0), Activity(0.0, FRAME_S, probabilities), LIMITS)
    assert 6.976 < first.end < 7.296
    assert second == Span(first.end, 12.0)


def test_without_probabilities_a_long_span_is_split_at_full_length() -> None:
    assert list(split(Span(0.0, 25.0), activity(), LIMITS)) == [Span(0.0, 10.0), Span(10.0, 20.0), Span(20.0, 25.0)]


def test_a_last_part_is_not_too_short() -> None:
    assert list(split(Span(0.0, 10.5), activity(), LIMITS)) == [Span(0.0, 9.5), Span(9.5, 10.5)]


def test_a_short_span_is_joined_to_the_nearer_neighbour() -> None:
    spans = [Span(0.0, 2.0), Span(3.5, 4.0), Span(5.0, 8.0)]
    assert merged(spans, LIMITS) == [Span(0.0, 2.0), Span(3.5, 8.0)]


def test_short_spans_add_up() -> None:
    spans = [Span(at, at + 0.2) for at in (0.0, 0.5, 1.0, 1.5, 2.0)]
    assert merged(spans, LIMITS) == [Span(0.0, 2.2)]


def test_a_short_span_far_from_others_stays() -> None:
    spans = [Span(0.0, 2.0), Span(5.0, 5.2), Span(8.0, 9.0)]
    assert merged(spans, LIMITS) == spans


def test_what_would_get_too_long_is_not_joined() -> None:
    spans = [Span(0.0, 10.0), Span(10.5, 10.7), Span(11.0, 21.0)]
    assert merged(spans, LIMITS) == spans


@given(spans_anyhow, activities, all_limits)
def test_repaired_spans_hold_all_that_was_there_and_fit(spans: list[Span], heard: Activity, limits: SpanLimits) -> None:
    found = repaired(spans, heard, limits)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(0 < span.duration <= limits.max_s + 1e-5 for span in found)
    assert all(holds(found, span) for span in spans if span.duration > 0)
    for a, b in pairwise(found):
        is_short = min(a.duration, b.duration) < limits.min_s - 1e-5
        assert not is_short or b.start - a.end > limits.max_gap_s or b.end - a.start > limits.max_s
    assert repaired(found, heard, limits) == found


@given(st.floats(0.0, 10_000.0), st.floats(1.0, 100.0))
def test_fixed_spans_cover_everything(duration: float, length_s: float) -> None:
    found = fixed(duration, length_s)
    assert length(found) == pytest.approx(duration)
    assert all(a.end == b.start for a, b in pairwise(found))
    assert all(0 < span.duration <= length_s + 1e-9 for span in found)
    assert not found or (found[0].start, found[-1].end) == (0.0, duration)


@pytest.mark.parametrize(("min_s", "max_s"), [(1.0, 1.5), (-1.0, 2.0), (0.0, 0.0), (math.nan, 1.0)])
def test_limits_that_cannot_be_kept_are_refused(min_s: float, max_s: float) -> None:
    with pytest.raises(ValueError, match="the longest must be twice the shortest"):
        SpanLimits(min_s, max_s)
