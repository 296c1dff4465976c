"""What was begun goes on, as if nothing had happened; what is something else begins anew."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import fakes
from tests.jobs.talking import Digests, Loud, Process, Written, made, profile, registry, request, write_talk
from workbench.engines import Settings, StageKind
from workbench.errors import JobBusy, JobChanged, OutputError, UsageError
from workbench.jobs import keeper
from workbench.jobs.checkpoint import Checkpoint, State
from workbench.jobs.queue import Entry, Queue
from workbench.jobs.request import Request
from workbench.jobs.store import JobStore
from workbench.session import Session
from workbench.types import Transcript, Window

Tells = Callable[[str, float, Queue], None]


class Watch:
    """What engines did since it was reset."""

    def __init__(self) -> None:
        self.done: list[tuple[str, float]] = []

    def times(self, what: str) -> Counter[float]:
        return Counter(start for said, start in self.done if said == what)


@pytest.fixture(autouse=True)
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    for name in ("DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"WORKBENCH_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setattr(keeper, "FIRST_WAIT_S", 0.001)
    found = Watch()
    monkeypatch.setattr(Process, "tells", lambda what, start: found.done.append((what, start)))
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_talk(tmp_path / "talk.wav", 6.0)


@pytest.fixture
def expected(file: Path, tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What an undisturbed run makes, which nothing here knows of."""
    with monkeypatch.context() as patch:
        for name in ("DATA", "CACHE"):
            patch.setenv(f"WORKBENCH_{name}_DIR", str(tmp_path / "elsewhere" / name))
        assert do(request(file, tmp_path / "elsewhere" / "out")).state is State.FINISHED
    watch.done.clear()
    return made(tmp_path / "elsewhere" / "out")


def do(*requests: Request, during: Tells | None = None, at_once: int = 1) -> Entry:
    """The last entry, when all are over. `during` is called on the loop with what engines do."""

    async def work() -> Entry:
        loop, tells = asyncio.get_running_loop(), Process.tells
        async with Session(profile(), registry()) as session, Queue(session, JobStore(), at_once=at_once) as queue:

            def told(what: str, start: float) -> None:
                tells(what, start)
                if during:
                    loop.call_soon_threadsafe(during, what, start, queue)

            Process.tells = told
            try:
                for one in requests:
                    queue.submit(one)
                await queue.settled()
            finally:
                Process.tells = tells
            return queue.entries[-1]

    return fakes.run(work)


def checkpoints() -> list[Checkpoint]:
    return [job.checkpoint for job in JobStore().jobs() if job.checkpoint]


@pytest.mark.parametrize("after", [1, 3, 6])
def test_a_job_that_was_paused_does_only_what_is_left(
    file: Path, tmp_path: Path, expected: dict[str, bytes], watch: Watch, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    is_paused = threading.Event()

    def tells(what: str, start: float) -> None:
        if what == "recognize" and watch.times("recognized").total() >= after:
            assert is_paused.wait(60)
        watch.done.append((what, start))

    def pause(what: str, start: float, queue: Queue) -> None:
        if watch.times("recognized").total() >= after and not is_paused.is_set():
            queue.pause(1)
            is_paused.set()

    monkeypatch.setattr(Process, "tells", tells)
    wanted = request(file, tmp_path / "out")
    first = do(wanted, during=pause)
    assert first.state is State.PAUSED
    assert first.result is None
    assert not (tmp_path / "out").exists() or made(tmp_path / "out") == {}
    assert do(wanted).state is State.FINISHED
    assert made(tmp_path / "out") == expected
    again = sum(count - 1 for count in watch.times("recognized").values())
    assert again <= Digests.concurrency
    assert watch.times("detect").total() == 1, "the language that was detected is kept"


@pytest.mark.parametrize("concurrency", [1, 2, 5])
def test_the_bytes_are_the_same_however_many_windows_are_recognized_at_once(
    file: Path, tmp_path: Path, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, concurrency: int
) -> None:
    monkeypatch.setattr(Digests, "concurrency", concurrency)
    do(request(file, tmp_path / "out"))
    assert made(tmp_path / "out") == expected


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception, *, times: int, start: float = 0.0) -> None:
    """Have the first window after `start` fail so often."""
    real, left, chosen = Digests.process, [times], list[float]()

    def process(self: Digests, item: Window, state: Settings) -> Iterator[Transcript]:
        if item.start >= start and not chosen:
            chosen.append(item.start)
        if left[0] and chosen == [item.start]:
            left[0] -= 1
            Process.tells("failed", item.start)
            raise error
        yield from real(self, item, state)

    monkeypatch.setattr(Digests, "process", process)


@pytest.mark.parametrize("times", [1, 2])
def test_an_error_that_passes_costs_a_try_and_is_in_the_history(
    file: Path, tmp_path: Path, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    failing(monkeypatch, ConnectionError("gone"), times=times, start=1.0)
    assert do(request(file, tmp_path / "out")).state is State.FINISHED
    assert made(tmp_path / "out") == expected
    (checkpoint,) = checkpoints()
    (item,) = {failure.item for failure in checkpoint.failures}
    assert item is not None
    assert (item.kind, checkpoint.failed_tries(item)) == (StageKind.ASR, times)
    assert {(failure.is_temporary, failure.message) for failure in checkpoint.failures} == {
        (True, "ConnectionError: gone")
    }


@pytest.mark.parametrize(("error", "tries"), [(ValueError("odd samples"), 1), (ConnectionError("gone"), 3)], ids=repr)
def test_a_window_that_fails_leaves_the_others_stored_and_is_all_that_is_tried_again(
    file: Path,
    tmp_path: Path,
    expected: dict[str, bytes],
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    tries: int,
) -> None:
    wanted = request(file, tmp_path / "out")
    with monkeypatch.context() as patch:
        failing(patch, error, times=99, start=1.0)
        entry = do(wanted)
    assert entry.state is State.FAILED
    assert str(error) in str(entry.error)
    assert made(tmp_path / "out") == {}
    ((failed, tried),) = watch.times("failed").items()
    assert tried == tries
    (checkpoint,) = checkpoints()
    assert checkpoint.state is State.FAILED
    watch.done.clear()
    assert do(wanted).state is State.FINISHED
    assert made(tmp_path / "out") == expected
    assert watch.times("recognized") == Counter([failed])


@pytest.mark.parametrize(
    "change",
    [
        lambda wanted: replace(wanted, settings=replace(wanted.settings, language="en")),
        lambda wanted: replace(wanted, settings=replace(wanted.settings, prompt="Names: Ann")),
        lambda wanted: replace(wanted, profile=profile('[capture]\nengine = "file"\noptions.track = 1\n')),
    ],
)
def test_what_is_asked_for_otherwise_begins_anew(
    file: Path, tmp_path: Path, watch: Watch, change: Callable[[Request], Request]
) -> None:
    wanted = request(file, tmp_path / "out", overwrite=True)
    do(wanted)
    windows = watch.times("recognized")
    do(change(wanted))
    assert watch.times("recognized") == windows + windows
    first, second = JobStore().jobs()
    assert second.checkpoint
    assert first.checkpoint
    assert second.checkpoint.identity.differences(first.checkpoint.identity)
    with pytest.raises(JobChanged):
        JobStore().open(first.name, second.checkpoint.identity)


def test_a_file_that_changed_begins_anew(file: Path, tmp_path: Path, watch: Watch) -> None:
    wanted = request(file, tmp_path / "out", overwrite=True)
    do(wanted)
    before, windows = made(tmp_path / "out"), watch.times("recognized").total()
    data = bytearray(file.read_bytes())
    data[60_000] ^= 1
    file.write_bytes(data)
    watch.done.clear()
    do(wanted)
    assert watch.times("recognized").total() == windows
    assert made(tmp_path / "out") != before
    assert len(checkpoints()) == 2


def test_what_the_detector_found_is_not_asked_for_again_and_cuts_the_same_windows(
    file: Path, tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    do(request(file, tmp_path / "out"))
    windows = watch.times("recognized")
    watch.done.clear()

    def deaf(*_: object) -> None:
        raise AssertionError("nobody should ask it")

    monkeypatch.setattr(Loud, "process_batch", deaf)
    wanted = request(file, tmp_path / "other")
    entry = do(replace(wanted, settings=replace(wanted.settings, prompt="other")))
    assert entry.state is State.FINISHED
    assert watch.times("recognized") == windows


def test_what_was_done_is_not_done_again(file: Path, tmp_path: Path, expected: dict[str, bytes], watch: Watch) -> None:
    wanted = request(file, tmp_path / "out")
    assert not do(wanted).was_done
    watch.done.clear()
    times = [path.stat().st_mtime_ns for path in wanted.targets.paths]
    entry = do(wanted)
    assert (entry.state, entry.was_done) == (State.FINISHED, True)
    assert [path.stat().st_mtime_ns for path in wanted.targets.paths] == times
    assert watch.times("recognized").total() == 0
    wanted.targets.paths[0].unlink()
    assert not do(wanted).was_done
    assert made(tmp_path / "out") == expected
    assert watch.times("recognized").total() == 0, "it is rendered from what is stored"


def test_a_file_that_was_moved_has_its_subtitles_without_being_recognized(
    file: Path, tmp_path: Path, expected: dict[str, bytes], watch: Watch
) -> None:
    do(request(file, tmp_path / "out"))
    watch.done.clear()
    moved = file.rename(tmp_path / "moved.wav")
    assert do(request(moved, tmp_path / "of-moved")).state is State.FINISHED
    assert made(tmp_path / "of-moved") == expected
    assert watch.times("recognized").total() == 0
    assert len(checkpoints()) == 1


def test_a_file_and_its_copy_at_once_do_not_wait_for_each_other(
    file: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    shutil.copy(file, copy := tmp_path / "copy.wav")
    do(request(file, tmp_path / "out"), request(copy, tmp_path / "of-copy"), at_once=2)
    assert made(tmp_path / "out") == made(tmp_path / "of-copy") == expected
    assert {checkpoint.path for checkpoint in checkpoints()} == {file, copy}


def test_a_file_that_is_worked_on_is_refused(file: Path, tmp_path: Path) -> None:
    wanted = request(file, tmp_path / "out")
    do(wanted)
    (job,) = JobStore().jobs()
    assert job.checkpoint is not None
    with JobStore().open(job.name, job.checkpoint.identity):
        entry = do(wanted)
    assert isinstance(entry.error, JobBusy)


def test_a_file_in_the_way_is_told_before_any_work_and_stays(file: Path, tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "talk.vtt").write_bytes(b"mine")
    entry = do(request(file, tmp_path / "out"))
    assert isinstance(entry.error, UsageError)
    assert watch.times("recognized").total() == 0
    assert made(tmp_path / "out") == {"talk.vtt": b"mine"}
    assert do(request(file, tmp_path / "out", overwrite=True)).state is State.FINISHED


def test_a_file_that_is_still_in_the_way_is_told_again_before_any_work(
    file: Path, tmp_path: Path, watch: Watch
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "talk.srt").write_bytes(b"mine")
    for _ in range(2):
        assert isinstance(do(request(file, tmp_path / "out")).error, UsageError)
    assert watch.times("recognized").total() == 0


def test_a_file_that_appears_meanwhile_stays_and_nothing_is_done_again_when_it_is_gone(
    file: Path, tmp_path: Path, expected: dict[str, bytes], watch: Watch
) -> None:
    def appears(what: str, start: float, queue: Queue) -> None:
        if what == "recognize":
            (tmp_path / "out" / "talk.srt").write_bytes(b"mine")

    wanted = request(file, tmp_path / "out")
    entry = do(wanted, during=appears)
    assert isinstance(entry.error, OutputError)
    assert made(tmp_path / "out") == {"talk.srt": b"mine"}
    (tmp_path / "out" / "talk.srt").unlink()
    watch.done.clear()
    assert do(wanted).state is State.FINISHED
    assert made(tmp_path / "out") == expected
    assert watch.times("recognized").total() == 0


def test_what_was_overwritten_counts_as_done_when_it_is_asked_for_without_overwriting(
    file: Path, tmp_path: Path, watch: Watch
) -> None:
    assert do(request(file, tmp_path / "out", overwrite=True)).state is State.FINISHED
    (tmp_path / "out" / "talk.srt").write_bytes(b"mended by hand")
    entry = do(request(file, tmp_path / "out"))
    assert (entry.state, entry.was_done) == (State.FINISHED, True)
    assert made(tmp_path / "out")["talk.srt"] == b"mended by hand"


def test_a_job_that_failed_while_it_was_rendered_goes_on_from_its_results(
    file: Path, tmp_path: Path, expected: dict[str, bytes], watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> bytes:
        raise ValueError("no ink")

    wanted = request(file, tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(Written, "render", broken)
        entry = do(wanted)
    assert entry.state is State.FAILED
    assert "no ink" in str(entry.error)
    watch.done.clear()
    do(wanted)
    assert made(tmp_path / "out") == expected
    assert watch.times("recognized").total() == 0
