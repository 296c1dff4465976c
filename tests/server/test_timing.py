"""What a server measures in time."""

from __future__ import annotations

from collections import deque

import pytest

from workbench.server.timing import Arrivals, Durations, rate


def test_the_arrival_of_a_position_is_that_of_the_message_it_was_in(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("workbench.server.timing.time.monotonic", lambda: now)
    arrivals = Arrivals(0.0, 3)
    for now in (1.0, 2.0, 3.0):  # noqa: B007 - what the clock says
        arrivals.add(0.1)
    assert [arrivals.find(at) for at in (0.05, 0.1, 0.15, 0.3)] == [1.0, 1.0, 2.0, 3.0]
    assert arrivals.find(0.4) is None, "it is still to come"
    now = 4.0
    arrivals.add(0.1)
    assert arrivals.find(0.05) is None, "it is forgotten"
    assert arrivals.find(0.15) == 2.0


def test_durations_are_counted_up_to_each_bound_and_the_recent_ones_ranked() -> None:
    durations = Durations((0.1, 1.0), recent=4)
    for seconds in (9.0, 0.05, 0.1, 0.5, 2.0):
        durations.add(seconds)
    found = durations.now()
    assert (found.count, found.total, found.up_to) == (5, 11.65, ((0.1, 2), (1.0, 3)))
    assert (found.p50, found.p99) == (0.5, 2.0), "9 s is long ago"


def test_a_rate_is_that_between_the_first_look_and_the_last() -> None:
    assert rate(deque([(10.0, 0), (11.0, 7), (12.0, 8)])) == 4.0
    assert rate(deque([(10.0, 3)])) == rate(deque()) == 0.0
