"""An engine that aborts takes the program with it; a job that goes on does not die at the same place for ever."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests.jobs.jobs import FILE, IDENTITY, item, result
from tests.jobs.talking import made, write_talk
from workbench.engines import StageKind
from workbench.errors import ProcessDied
from workbench.jobs.at_work import AtWork
from workbench.jobs.checkpoint import Checkpoint, State
from workbench.jobs.keeper import MOST_DEATHS, Keeper, count_deaths
from workbench.jobs.store import JobStore
from workbench.speech.cache import ActivityCache

ROOT: Final = Path(__file__).parents[2]


def run(folder: Path, file: Path, times: int = 1, what: str = "nothing", start: float = 0.0) -> tuple[list[int], str]:
    """How processes ended that worked on the job of `folder`, one after the other, and what they said."""
    command = [sys.executable, "-m", "tests.jobs.aborting", str(folder), str(file), str(times), what, str(start)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return json.loads(done.stdout), done.stderr


def checkpoint(folder: Path) -> Checkpoint:
    (found,) = JobStore(folder / "data" / "jobs").jobs()
    assert found.checkpoint is not None
    return found.checkpoint


@pytest.mark.skipif(sys.platform == "win32", reason="a process that aborts has no signal there")
@pytest.mark.parametrize(("what", "kind"), [("recognize", StageKind.ASR), ("translate", StageKind.TRANSLATION)])
def test_what_aborts_the_program_again_and_again_fails_and_the_rest_is_made(
    what: str, kind: StageKind, tmp_path: Path
) -> None:
    file = write_talk(tmp_path / "talk.wav", 6.0)
    assert run(tmp_path / "elsewhere", file)[0] == [0]
    (reference,) = JobStore(tmp_path / "elsewhere" / "data" / "jobs").jobs()
    expected = [found.item for found in reference.results() if found.item.kind is kind]
    culprit = sorted(expected, key=lambda item: item.start)[2]
    ends, said = run(tmp_path, file, MOST_DEATHS + 2, what, culprit.start)
    deaths = len(ends) - 1
    assert ends == [-signal.SIGABRT] * deaths + [1]
    assert deaths in (MOST_DEATHS, MOST_DEATHS + 1), "one more where another stage was at work each time"
    assert f"the program ended each of the {deaths} times that it was at this" in said
    assert f"{kind} engine" in said
    assert "workbench jobs retry" in said
    (job,) = JobStore(tmp_path / "data" / "jobs").jobs()
    assert checkpoint(tmp_path).state is State.FAILED
    assert [failure.code for failure in checkpoint(tmp_path).failures if failure.item == culprit] == [
        "process-died"
    ] * deaths
    assert {item for item in expected if item not in {found.item for found in job.results()}} == {culprit}

    assert run(tmp_path, file)[0] == [0], "it is tried once more where somebody asks for that"
    assert made(tmp_path / "out") == made(tmp_path / "elsewhere" / "out")


@pytest.mark.skipif(sys.platform == "win32", reason="a process that aborts has no signal there")
def test_a_language_that_cannot_be_found_out_without_dying_fails_the_job(tmp_path: Path) -> None:
    file = write_talk(tmp_path / "talk.wav", 3.0)
    ends, said = run(tmp_path, file, MOST_DEATHS + 1, "detect")
    assert ends == [-signal.SIGABRT] * MOST_DEATHS + [1]
    assert "the program ended each of the 3 times" in said
    assert run(tmp_path, file, 2, "detect")[0] == [-signal.SIGABRT, 1], "who tries again gets one more try"


def test_what_was_stored_before_the_process_died_is_not_blamed(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    with store.take(IDENTITY, FILE, {}) as job:
        for index in (0, 2):
            job.at_work.add(item(index))
        job.commit([result(0)])
    with store.take(IDENTITY, FILE, {}) as job:
        count_deaths(job)
        assert job.died_at == {item(2)}
        assert Keeper(job, ActivityCache(tmp_path), "key", None).suspects == {item(2)}
    with store.take(IDENTITY, FILE, {}) as job:
        count_deaths(job)
        assert [failure.item for failure in job.checkpoint.failures] == [item(2)], "it died once"


def test_an_item_is_refused_only_where_the_last_process_died_at_it(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    for deaths in range(1, MOST_DEATHS + 1):
        with store.take(IDENTITY, FILE, {}) as job:
            job.at_work.add(item(0))
            count_deaths(job)
            refused = Keeper(job, ActivityCache(tmp_path), "key", None).refused(item(0))
            assert isinstance(refused, ProcessDied) is (deaths == MOST_DEATHS)
    with store.take(IDENTITY, FILE, {}) as job:
        count_deaths(job)
        assert Keeper(job, ActivityCache(tmp_path), "key", None).refused(item(0)) is None


def test_of_two_stages_that_were_at_work_each_time_the_last_is_blamed_first(tmp_path: Path) -> None:
    store, window = JobStore(tmp_path / "jobs"), item(0)
    text = replace(window, kind=StageKind.TRANSLATION, text="said")

    def blamed() -> list[bool]:
        with store.take(IDENTITY, FILE, {}) as job:
            count_deaths(job)
            keeper = Keeper(job, ActivityCache(tmp_path), "key", None)
            refused = [keeper.refused(one) is not None for one in (window, text)]
            for one, is_refused in zip((window, text), refused, strict=True):
                if not is_refused:
                    job.at_work.add(one)
            return refused

    assert [blamed() for _ in range(MOST_DEATHS)] == [[False, False]] * MOST_DEATHS
    assert blamed() == [False, True]
    assert blamed() == [True, False], "it dies at the window all the same"


def test_a_disk_that_does_not_take_it_holds_nothing_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    at_work = AtWork(tmp_path / "gone" / "at_work")
    at_work.add(item(0))
    assert list(at_work.items()) == []
    at_work.clear()
    assert "could not be written" in caplog.text


@pytest.mark.parametrize("damage", [b"{", b"\0" * 50, b'{"kind": "asr"}\n', b"\xff\xfe\n"])
def test_what_follows_a_damaged_line_is_not_believed(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "at_work"
    at_work = AtWork(path)
    assert list(at_work.items()) == []
    at_work.add(item(0))
    with path.open("ab") as file:
        file.write(damage)
    at_work.add(item(2))
    assert list(at_work.items()) == [item(0)]
    at_work.clear()
    assert list(at_work.items()) == []
