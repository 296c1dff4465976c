"""Whatever happens to a job's process, disk and files, it goes on from what was stored, or is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.jobs.jobs import FILE, IDENTITY, item, numbers, result
from workbench.errors import JobRefused, OutputError
from workbench.jobs import segments
from workbench.jobs.checkpoint import Checkpoint, State, read_checkpoint
from workbench.jobs.job import Job
from workbench.jobs.store import JobStore

ROOT: Final = Path(__file__).parents[2]
GOLDEN: Final = Path(__file__).parent / "golden"
FULL = """
import contextlib, sys
from dataclasses import replace
from pathlib import Path
from tests.jobs.jobs import FILE, IDENTITY, numbers, result
from workbench.errors import DiskFull
from workbench.jobs.checkpoint import State
from workbench.jobs.store import JobStore
root, kept = Path(sys.argv[1]), Path(sys.argv[1]) / "ballast"
store = JobStore(root / "jobs")
job, count = store.create(IDENTITY, FILE), 0
kept.write_bytes(bytes(500_000))
try:
    while True:
        job.commit([result(count, "word " * 200)])
        count += 1
except DiskFull as error:
    print(f"{count} results are stored" in error.hint, error.exit_code)
with contextlib.suppress(OSError), kept.open("ab", buffering=0) as rest:
    while rest.write(bytes(100)):
        pass
try:
    job.save(replace(job.checkpoint, request={"much": "x" * 100_000}))
except DiskFull as error:
    print(f"{count} results are stored" in error.hint, error.exit_code)
try:
    store.create(IDENTITY, FILE)
except DiskFull as error:
    print(len(store.jobs()), error.exit_code)
print(numbers(store.jobs()[0].results()) == list(range(count)), store.jobs()[0].checkpoint.state)
kept.unlink()
job.commit([result(count)])
job.save(replace(job.checkpoint, state=State.FINISHED))
job.close()
with store.open(job.name, IDENTITY) as again:
    print(numbers(again.results.values()) == list(range(count + 1)), again.checkpoint.state)
"""


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs")


def test_saving_tells_when(store: JobStore) -> None:
    with store.create(IDENTITY, FILE) as job:
        before = job.checkpoint
        job.save(before)
        assert job.checkpoint.updated > before.updated == before.created == job.checkpoint.created


def test_of_an_item_that_is_stored_again_the_last_counts(store: JobStore) -> None:
    with store.create(IDENTITY, FILE) as job:
        job.commit([result(0), result(1)])
        job.commit([result(0, "again"), result(0, "and again")])
        expected = {item(0): result(0, "and again"), item(1): result(1)}
        assert dict(job.results) == expected
    with store.open(job.name, IDENTITY) as again:
        assert dict(again.results) == expected


def test_a_checkpoint_that_cannot_be_saved_leaves_the_one_before(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.create(IDENTITY, FILE) as job:
        job.commit([result(0)])
        before = job.checkpoint
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
            with pytest.raises(OutputError, match="Input/output error") as caught:
                job.save(replace(before, state=State.FINISHED))
        assert caught.value.hint.startswith("The work up to here is safe: 1 result is stored.")
        assert job.checkpoint == before == read_checkpoint(job.folder)
        job.save(replace(before, state=State.FINISHED))


def test_a_job_of_every_format_so_far_is_resumed(store: JobStore) -> None:
    """`golden/` holds a folder for each version of the format, as it was written then; none is ever changed."""
    for golden in sorted(GOLDEN.iterdir()):
        shutil.copytree(golden, store.root / golden.name)
        with store.open(golden.name, IDENTITY) as job:
            assert (numbers(job.results.values()), job.refused_bytes) == ([0, 2, 1], 0)
            assert list(job.results.values()) == [result(index) for index in (0, 2, 1)]
            assert (job.checkpoint.state, job.checkpoint.path, job.checkpoint.failed_tries(item(3))) == (
                State.PAUSED,
                FILE,
                1,
            )
            assert (job.checkpoint.language, job.checkpoint.duration) == ("de", 240.25)
            job.commit([result(3)])
            job.save(job.checkpoint)


def test_a_full_disk_is_told_and_work_goes_on_when_there_is_room(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    script = ["sh", "-c", 'mount -t tmpfs -o size=1m none "$1" && "$2" -c "$3" "$1"', "sh", str(tmp_path)]
    script += [sys.executable, FULL]
    for command in [[unshare, "-m", *script], [unshare, "-rm", *script]] if unshare else []:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.stdout:
            assert done.stdout.splitlines() == ["True 74", "True 74", "1 74", "True queued", "True finished"], (
                done.stderr
            )
            return
    pytest.skip("a small disk cannot be mounted here: neither as root nor in a user namespace")


class Stored:
    """A job as it lay on disk at two moments, and what may come back of it."""

    def __init__(self, root: Path) -> None:
        self.store = JobStore(root)
        with self.store.create(IDENTITY, FILE) as job:
            job.commit([result(0)])
            job.commit([result(2), result(1)])
            self.checkpoint_path = job.folder / "checkpoint.json"
            self.log_path = job.folder / "segments_results" / "log.jsonl"
            self.checkpoints: dict[bytes, Checkpoint] = {self.checkpoint_path.read_bytes(): job.checkpoint}
            job.save(replace(job.checkpoint, state=State.PAUSED))
            job.commit([result(4, "a\N{RIGHT-TO-LEFT OVERRIDE} --> \ud83d"), result(3)])
            self.checkpoints[self.checkpoint_path.read_bytes()] = job.checkpoint
            self.log = self.log_path.read_bytes()
            self.results = list(job.results.values())
            self.name = job.name

    def open(self, checkpoint: bytes, log: bytes) -> Job:
        self.checkpoint_path.write_bytes(checkpoint)
        self.log_path.write_bytes(log)
        return self.store.open(self.name, IDENTITY)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """What is asked of the disk itself is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "sync_data", lambda descriptor: None)
        yield Stored(tmp_path_factory.mktemp("stored"))


def mutated(data: st.DataObject, whole: bytes) -> bytes:
    """`whole` with one thing done to it, of those that disks, editors and people do to files."""
    place = st.integers(0, max(0, len(whole) - 1))
    one, two = sorted((data.draw(place), data.draw(place)))
    lines = whole.splitlines(keepends=True)
    match data.draw(
        st.sampled_from(["flip", "cut", "drop", "repeat", "zero", "insert", "swap", "again", "value", "old"])
    ):
        case "flip":
            changed = bytearray(whole)
            for spot in data.draw(st.lists(place, min_size=1, max_size=16)) if whole else []:
                changed[spot] ^= 1 << data.draw(st.integers(0, 7))
            return bytes(changed)
        case "cut":
            return whole[:one]
        case "drop":
            return whole[:one] + whole[two:]
        case "repeat":
            return whole[:two] + whole[one:]
        case "zero":
            return whole[:one] + bytes(two - one) + whole[two:]
        case "insert":
            return whole[:one] + data.draw(st.binary(max_size=40)) + whole[one:]
        case "swap":
            return b"".join(data.draw(st.permutations(lines)))
        case "again":
            return b"".join(data.draw(st.lists(st.sampled_from(lines or [b""]), max_size=8)))
        case "value":
            old = data.draw(
                st.sampled_from([b"60.0", b'"de"', b"Wort", b"1", b"queued", b"null", b'"size": 3', b"0.9"])
            )
            return whole.replace(
                old, data.draw(st.sampled_from([b"2", b"[]", b'"x"', b"null", b"1e999", b"paused"])), 1
            )
        case _:
            return b"".join(lines[: data.draw(st.integers(0, len(lines)))])


@settings(max_examples=2000, deadline=None)
@given(data=st.data())
def test_whatever_happened_to_its_files_a_job_is_refused_or_resumed_from_the_last_good_result(
    stored: Stored, data: st.DataObject
) -> None:
    checkpoint, log = data.draw(st.sampled_from(list(stored.checkpoints))), stored.log
    what = data.draw(st.sampled_from(["checkpoint", "log", "both"]))
    for _ in range(data.draw(st.integers(1, 2))):
        checkpoint = checkpoint if what == "log" else mutated(data, checkpoint)
        log = log if what == "checkpoint" else mutated(data, log)
    try:
        job = stored.open(checkpoint, log)
    except JobRefused:
        assert checkpoint not in stored.checkpoints
        return
    with job:
        lines, good = stored.log.splitlines(keepends=True), 0
        while log.startswith(b"".join(lines[: good + 1])) and good < len(lines):
            good += 1
        assert job.checkpoint == stored.checkpoints[checkpoint]
        assert list(job.results.values()) == stored.results[:good]
        assert job.refused_bytes == len(log) - len(b"".join(lines[:good]))
        job.commit(stored.results[good:])
        assert stored.log_path.read_bytes() == stored.log, "it ends as if nothing had happened"


def test_what_is_forgotten_is_gone_for_good_and_others_take_its_place(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    with store.create(IDENTITY, FILE) as job:
        job.commit([result(0), result(1), result(2)])
        job.forget()
        assert job.results == {}
        assert store.jobs()[0].results() == []
        job.commit([result(1, "anew")])
    with store.open(store.jobs()[0].name, IDENTITY) as job:
        assert list(job.results.values()) == [result(1, "anew")]
        assert job.refused_bytes == 0


def test_what_cannot_be_forgotten_for_good_does_not_count_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with JobStore(tmp_path / "jobs").create(IDENTITY, FILE) as job:
        job.commit([result(0)])
        with monkeypatch.context() as patch:
            patch.setattr(segments, "sync_data", fail)
            with pytest.raises(OutputError, match="Input/output"):
                job.forget()
        assert job.results == {}
        job.commit([result(1)])
        assert numbers(job.results.values()) == [1]
