"""How long jobs are kept, as config.toml says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.jobs.jobs import FILE, IDENTITY
from workbench.errors import UsageError
from workbench.jobs import retention
from workbench.jobs.checkpoint import State
from workbench.jobs.retention import Retention
from workbench.jobs.store import JobStore

DAY = 86_400


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_CONFIG_DIR", str(tmp_path))
    return tmp_path / "config.toml"


def test_without_a_choice_what_is_over_stays_a_week_and_the_rest_a_month(config: Path) -> None:
    assert retention.chosen() == Retention(keep_over_days=7, keep_days=30, most_gib=1)


def test_each_number_can_be_chosen(config: Path) -> None:
    config.write_text("[jobs]\nkeep_days = 0.5\nmost_gib = 20\n")
    assert retention.chosen() == Retention(keep_days=0.5, most_gib=20)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[jobs]\nkeep_dais = 3", "jobs.keep_dais is not known (did you mean 'keep_days'?)"),
        ("[jobs]\nkeep_days = -1", "jobs.keep_days: Input should be greater than or equal to 0"),
        ("[jobs]\nmost_gib = nan", "jobs.most_gib: Input should be"),
        ('[jobs]\nkeep_over_days = "7"', "jobs.keep_over_days: Input should be a valid number"),
        ("jobs = 3", "jobs: Input should be"),
    ],
)
def test_a_mistake_is_told_with_its_place(config: Path, text: str, said: str) -> None:
    config.write_text(text)
    with pytest.raises(UsageError) as caught:
        retention.chosen()
    assert said in str(caught.value)
    assert str(config) in str(caught.value)
    assert "keep_over_days" in caught.value.hint


@given(st.floats(0, 36_500), st.floats(0, 1000))
@settings(max_examples=20)
def test_every_number_that_is_taken_can_be_applied(days: float, gib: float) -> None:
    chosen = Retention(keep_over_days=days, keep_days=days, most_gib=gib)
    assert chosen.apply(JobStore(Path("/dev/null/nowhere"))) == []


def test_what_is_over_goes_after_its_days_and_what_can_go_on_after_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = JobStore(tmp_path)
    names = {}
    for state, days in ((State.FINISHED, 6), (State.CANCELLED, 8), (State.PAUSED, 8), (State.FAILED, 31)):
        with store.create(IDENTITY, FILE) as job:
            names[job.name] = state
        store.change(job.name, state=state)
        for path in (tmp_path / job.name).rglob("*"):
            os.utime(path, (path.stat().st_mtime - days * DAY,) * 2)
    with caplog.at_level("INFO"):
        removed = Retention().apply(store)
    assert {names[name] for name in removed} == {State.CANCELLED, State.FAILED}
    assert all(name in caplog.text for name in removed)
    assert {info.state for info in store.jobs()} == {State.FINISHED, State.PAUSED}
