from __future__ import annotations

import logging

import pytest

from workbench.models.progress import Meter, log_progress


def test_a_meter_adds_up() -> None:
    told: list[tuple[int, int]] = []
    meter = Meter(lambda done, total: told.append((done, total)), total=10, done=2)
    meter.advance(3)
    meter.advance(-5)
    meter.advance(10)
    assert told == [(5, 10), (0, 10), (10, 10)]


def test_the_log_is_told_each_tenth_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    progress = log_progress("small")
    for done in range(1001):
        progress(done * 1_000_000, 1_000_000_000)
    assert len(caplog.messages) == 11
    assert caplog.messages[5] == "model small: 500 of 1000 MB"
