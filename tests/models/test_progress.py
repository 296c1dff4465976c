from __future__ import annotations

import logging

import pytest

from workbench.models.progress import Meter, log_progress, paced


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


def test_a_pace_lets_the_first_and_the_last_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 5.0
    monkeypatch.setattr("workbench.models.progress.time.monotonic", lambda: now)
    told: list[tuple[int, int]] = []
    progress = paced(lambda done, total: told.append((done, total)))
    for done in (1, 2, 3):
        progress(done, 9)
    now += 0.1
    for done in (4, 5, 9):
        progress(done, 9)
    assert told == [(1, 9), (4, 9), (9, 9)]


def test_a_pace_holds_where_the_total_is_not_known() -> None:
    told: list[tuple[int, int]] = []
    progress = paced(lambda done, total: told.append((done, total)), interval_s=1000.0)
    for done in (1, 2, 3):
        progress(done, 0)
    assert told == [(1, 0)]
