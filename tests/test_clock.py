"""Times and durations as people read them."""

from __future__ import annotations

import pytest

from workbench.clock import clock, time_left


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0:00"),
        (59.99, "0:59"),
        (72, "1:12"),
        (3599.9, "59:59"),
        (3661, "1:01:01"),
        (360_000, "100:00:00"),
    ],
)
def test_seconds_that_have_passed_are_told_with_hours_only_where_there_are_some(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_time_left_is_at_the_speed_so_far_never_negative_and_unknown_before_anything_is_done() -> None:
    assert time_left(10.0, 20.0, 70.0) == 35.0
    assert time_left(10.0, 20.0, -1.0) == 0.0
    assert time_left(10.0, 0.0, 70.0) is None
