"""Jobs are found again, are worked on by one at a time, and make room when they are over."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from tests.jobs.jobs import FILE, IDENTITY, OTHER, item, result
from workbench.errors import DiskFull, JobBusy, JobChanged, JobRefused, UsageError
from workbench.jobs.checkpoint import State
from workbench.jobs.job import LOG, Job
from workbench.jobs.store import JobInfo, JobStore

ROOT: Final = Path(__file__).parents[2]
FOREVER: Final = timedelta(days=36_500)
HOLDER = """
import sys
from pathlib import Path
from tests.jobs.jobs import IDENTITY
from workbench.errors import JobBusy
from workbench.jobs.store import JobStore
try:
    job = JobStore(Path(sys.argv[1])).open(sys.argv[2], IDENTITY)
    print("held", flush=True)
    sys.stdin.read()
except JobBusy as error:
    print("busy", flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs")


def finished(store: JobStore, state: State = State.FINISHED) -> str:
    with store.create(IDENTITY, FILE) as job:
        job.commit([result(0)])
        job.save(replace(job.checkpoint, state=state))
    return job.name


def aged(store: JobStore, name: str, age: timedelta) -> None:
    for path in [store.root / name, *(store.root / name).rglob("*")]:
        time = path.stat().st_mtime - age.total_seconds()
        os.utime(path, (time, time))


def names(store: JobStore) -> list[str]:
    return [job.name for job in store.jobs()]


def test_a_job_is_found_again_with_all_that_was_stored(store: JobStore) -> None:
    with store.create(IDENTITY, FILE, request={"outputs": ["talk.srt"]}) as job:
        job.save(replace(job.checkpoint, state=State.RUNNING, language="de"))
        job.commit([result(1)])
        job.commit([result(0)])
    (info,) = store.jobs()
    assert (info.name, info.is_held, info.is_over, info.refused) == (job.name, False, False, None)
    assert info.checkpoint == job.checkpoint
    assert info.results() == [result(1), result(0)]
    with store.open(job.name, IDENTITY) as again:
        assert again.checkpoint == job.checkpoint
        assert again.checkpoint.request == {"outputs": ["talk.srt"]}
        assert (dict(again.results), again.refused_bytes) == ({item(1): result(1), item(0): result(0)}, 0)
    assert sorted(os.listdir(job.folder)) == ["checkpoint.json", "lock", "segments_results"]
    assert job.folder.stat().st_mode & 0o777 == 0o700


def test_no_jobs_are_none_and_make_no_folder(store: JobStore) -> None:
    assert store.jobs() == []
    assert store.clean(keep=FOREVER, most_bytes=0) == []
    assert not store.root.exists()


def test_a_job_is_not_resumed_with_anything_else(store: JobStore) -> None:
    name = finished(store)
    with pytest.raises(JobChanged) as caught:
        store.open(name, OTHER)
    assert caught.value.differences == IDENTITY.differences(OTHER)
    assert "0.2.0" in str(caught.value)
    store.open(name, IDENTITY).close()
    with store.open(name, IDENTITY) as job, pytest.raises(ValueError, match="made for"):
        job.save(replace(job.checkpoint, identity=OTHER))


@pytest.mark.parametrize("name", ["missing", "..", ".", "", "../jobs", "/etc", "\0"])
def test_a_name_that_no_job_has_is_said(store: JobStore, name: str) -> None:
    finished(store)
    for action in (lambda: store.open(name, IDENTITY), lambda: store.remove(name)):
        with pytest.raises(UsageError, match="no job"):
            action()
    assert len(store.jobs()) == 1


def test_a_link_is_no_job(store: JobStore, tmp_path: Path) -> None:
    name = finished(store)
    (store.root / "link").symlink_to(store.root / name)
    assert names(store) == [name]


def test_one_works_on_a_job_at_a_time(store: JobStore) -> None:
    job = store.create(IDENTITY, FILE)
    with pytest.raises(JobBusy):
        store.open(job.name, IDENTITY)
    with pytest.raises(JobBusy):
        store.remove(job.name)
    assert store.jobs()[0].is_held
    assert store.clean(keep=timedelta(0), most_bytes=0) == []
    job.close()
    command = [sys.executable, "-c", HOLDER, str(store.root), job.name]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(JobBusy, match="being worked on"):
            store.open(job.name, IDENTITY)
        assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "busy\n"
        child.kill()
    store.open(job.name, IDENTITY).close()


def test_threads_take_turns(store: JobStore) -> None:
    """Those that make jobs of one file at once make one each; those that commit mix no lines; one of many opens."""
    made: list[Job] = []
    opened: list[Job | JobBusy] = []

    def work(number: int) -> None:
        made.append(job := store.create(IDENTITY, FILE))
        for index in range(10):
            shared.commit([result(10 * number + index)])
        job.close()
        try:
            opened.append(store.open(contested, IDENTITY))
        except JobBusy as busy:
            opened.append(busy)

    contested = finished(store)
    with store.create(IDENTITY, FILE) as shared:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({job.name for job in made}) == 6
    (won,) = [job for job in opened if isinstance(job, Job)]
    won.close()
    with store.open(shared.name, IDENTITY) as again:
        assert dict(again.results) == {item(index): result(index) for index in range(60)}


def test_jobs_are_listed_while_they_are_worked_on(store: JobStore) -> None:
    with store.create(IDENTITY, FILE) as job:
        done = threading.Event()

        def work() -> None:
            for index in range(100):
                job.commit([result(index)])
                job.save(job.checkpoint)
            done.set()

        working = threading.Thread(target=work)
        working.start()
        while not done.is_set():
            (info,) = store.jobs()
            assert info.checkpoint is not None
            assert all(found == result(index) for index, found in enumerate(info.results()))
        working.join()


def test_a_job_is_removed_while_they_are_listed(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, gone = finished(store), finished(store)
    removing = threading.Thread(target=store.remove, args=(min(kept, gone),))
    inform = JobStore._info

    def slowly(self: JobStore, folder: Path) -> JobInfo:
        info = inform(self, folder)
        if not removing.ident:
            removing.start()
        return info

    monkeypatch.setattr(JobStore, "_info", slowly)
    assert max(kept, gone) in names(store)
    removing.join()
    assert names(store) == [max(kept, gone)]


def test_a_job_that_is_removed_before_its_turn_is_not_listed(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, gone = sorted((finished(store), finished(store)))
    listed = JobStore.names

    def vanishing(self: JobStore) -> list[str]:
        found = listed(self)
        monkeypatch.undo()
        self.remove(gone)
        return found

    monkeypatch.setattr(JobStore, "names", vanishing)
    assert names(store) == [kept]


def test_the_size_of_a_job_is_measured_once(store: JobStore) -> None:
    name = finished(store)
    sizes = store.sizes({})
    assert sizes == {name: store.info(name).size}
    assert store.sizes({name: 7, "gone": 1}) == {name: 7}


def test_a_removed_job_is_gone(store: JobStore) -> None:
    name, other = finished(store), finished(store)
    store.remove(name)
    assert names(store) == [other]
    assert sorted(os.listdir(store.root)) == [".lock", other]


def test_a_damaged_job_is_listed_with_the_reason_and_can_be_removed(store: JobStore) -> None:
    name = finished(store)
    (store.root / name / "checkpoint.json").write_bytes(b"{}")
    (info,) = store.jobs()
    assert "damaged" in str(info.refused)
    assert (info.checkpoint, info.is_over, info.results()) == (None, False, [])
    with pytest.raises(JobRefused):
        store.open(name, IDENTITY)
    store.remove(name)
    assert names(store) == []


def test_what_nobody_touched_for_long_goes(store: JobStore) -> None:
    ages = {finished(store, state): state for state in State}
    damaged = finished(store)
    (store.root / damaged / "checkpoint.json").write_bytes(b"{}")
    assert store.clean(keep=timedelta(days=30), most_bytes=10**9) == []
    for name in [*ages, damaged]:
        aged(store, name, timedelta(days=31))
    young = finished(store)
    held = store.open(next(iter(ages)), IDENTITY)
    removed = store.clean(keep=timedelta(days=30), most_bytes=10**9)
    assert set(removed) == {*ages, damaged} - {held.name}
    held.close()
    assert set(names(store)) == {young, held.name}


def test_jobs_that_are_over_make_room_the_oldest_first(store: JobStore) -> None:
    states = (State.PAUSED, State.FINISHED, State.CANCELLED, State.FAILED, State.FINISHED)
    jobs = [finished(store, state) for state in states]
    for days, name in enumerate(reversed(jobs)):
        aged(store, name, timedelta(days=days))
    sizes = {job.name: job.size for job in store.jobs()}
    assert store.clean(keep=FOREVER, most_bytes=sum(sizes.values())) == []
    assert store.clean(keep=FOREVER, most_bytes=sum(sizes.values()) - 1) == [jobs[1]]
    assert store.clean(keep=FOREVER, most_bytes=0) == [jobs[2], jobs[4]]
    assert set(names(store)) == {jobs[0], jobs[3]}, "what can go on is not removed to make room"


def test_what_goes_by_its_age_makes_room_for_what_is_over(store: JobStore) -> None:
    over, paused = finished(store), finished(store, State.PAUSED)
    aged(store, over, timedelta(days=50))
    aged(store, paused, timedelta(days=40))
    size = sum(job.size for job in store.jobs())
    keep, keep_over = timedelta(days=30), timedelta(days=60)
    assert store.clean(keep=keep, keep_over=keep_over, most_bytes=size - 1) == [paused]
    assert names(store) == [over]


def test_what_waits_in_the_queue_of_a_process_stays_however_old_it_is(store: JobStore) -> None:
    lock = store.queue()
    name = finished(store, State.QUEUED)
    store.change(name, queue=lock.path.name)
    aged(store, name, timedelta(days=31))
    assert store.clean(keep=timedelta(days=30), most_bytes=0) == []
    lock.release()
    assert store.clean(keep=timedelta(days=30), most_bytes=0) == [name]


def test_of_two_who_come_with_a_new_file_at_once_one_works_on_it(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, outcomes = JobStore._begun, list[Job | JobBusy]()

    def take() -> None:
        try:
            outcomes.append(store.take(IDENTITY, FILE, {}))
        except JobBusy as error:
            outcomes.append(error)

    other = threading.Thread(target=take)

    def meanwhile(*what: Any) -> Any:
        found = begun(*what)
        monkeypatch.setattr(JobStore, "_begun", begun)
        other.start()
        other.join(0.3)  # where it is not made to wait, it comes to its end
        return found

    monkeypatch.setattr(JobStore, "_begun", meanwhile)
    take()
    other.join(10)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Job", "JobBusy"]
    assert len(names(store)) == 1
    for outcome in outcomes:
        if isinstance(outcome, Job):
            outcome.close()


def test_what_killed_processes_left_is_swept(store: JobStore) -> None:
    name = finished(store)
    shutil.copytree(store.root / name, store.root / ".0123456789abcdef")
    (store.root / name / ".workbench-0123456789abcdef.part").write_bytes(b"half")
    assert names(store) == [name]
    assert store.clean(keep=FOREVER, most_bytes=10**9) == []
    store.open(name, IDENTITY).close()
    assert sorted(os.listdir(store.root)) == [".lock", name]
    assert sorted(os.listdir(store.root / name)) == ["checkpoint.json", "lock", "segments_results"]


def test_a_job_that_cannot_be_made_leaves_nothing(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(store)
    before = sorted(os.listdir(store.root))
    for call in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            with pytest.raises(DiskFull):
                store.create(IDENTITY, FILE)
        assert sorted(os.listdir(store.root)) == before


def test_a_copy_has_a_job_of_its_own_and_a_file_that_was_moved_the_job_it_had(store: JobStore, tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.mp4" for name in "abc"}
    for path in paths.values():
        path.write_bytes(b"the same")
    jobs = {}
    for name in "abc":
        with store.take(IDENTITY, paths[name], {}) as job:
            jobs[name] = job.name
    assert len(set(jobs.values())) == 3
    for name in "cab":
        with store.take(IDENTITY, paths[name], {}) as job:
            assert job.name == jobs[name]
    moved = paths["b"].rename(tmp_path / "moved.mp4")
    with store.take(IDENTITY, moved, {}) as job:
        assert job.name == jobs["b"]


def test_a_job_whose_results_cannot_be_read_is_in_nobodys_way(store: JobStore) -> None:
    with store.create(IDENTITY, FILE) as job:
        old = job
    log = job.folder / LOG
    log.unlink()
    log.mkdir()
    with store.take(IDENTITY, FILE, {}) as job:
        assert (job.name != old.name, dict(job.results)) == (True, {})
