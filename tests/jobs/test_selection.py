"""What a user may call a job."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs.jobs import FILE, IDENTITY
from workbench.errors import UsageError
from workbench.jobs.selection import one_of, some_of
from workbench.jobs.store import JobInfo, JobStore


@pytest.fixture
def jobs(tmp_path: Path) -> list[JobInfo]:
    """Called b-1, a-2 and a-1, the newest first."""
    store = JobStore(tmp_path)
    for name in ("a-1", "a-2", "b-1"):
        with store.create(IDENTITY, FILE) as job:
            pass
        job.folder.rename(tmp_path / name)
    return store.jobs()


def test_a_job_is_found_by_its_name_by_how_it_begins_and_as_the_newest(jobs: list[JobInfo]) -> None:
    assert one_of(jobs, "a-2").name == "a-2"
    assert one_of(jobs, "b").name == "b-1"
    assert one_of(jobs, "last").name == "b-1"


def test_each_job_is_given_once(jobs: list[JobInfo]) -> None:
    assert [info.name for info in some_of(jobs, ["a-1", "b", "b-1"])] == ["a-1", "b-1"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a-"], "2 jobs are called 'a-'"),
        (["c-1"], "there is no job 'c-1'"),
        ([""], "there is no job ''"),
        ([], "no job is named"),
    ],
)
def test_what_names_no_job_is_told(jobs: list[JobInfo], names: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        some_of(jobs, names)
    assert caught.value.hint


def test_without_jobs_there_is_none_to_name() -> None:
    with pytest.raises(UsageError, match="no job yet"):
        one_of([], "last")
