"""Room for jobs of clients: what is refused, and what has to go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.jobs import FILE, IDENTITY
from workbench.errors import JobBusy
from workbench.jobs import store as module
from workbench.jobs.checkpoint import State
from workbench.jobs.store import JobStore
from workbench.server.limits import Limits
from workbench.server.problems import Problem
from workbench.server.room import Room

SIZE = 100_000


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs")


def made(store: JobStore, state: State = State.FINISHED) -> str:
    with store.create(IDENTITY, FILE) as job:
        (job.folder / "audio.wav").write_bytes(bytes(SIZE))
        job.save(replace(job.checkpoint, state=state))
    return job.name


def taken(room: Room, size: int, unfinished: set[str]) -> None:
    """As if a job were made."""
    with room.taken(size, unfinished):
        return


def test_a_number_of_jobs_is_the_most_whatever_their_size(store: JobStore) -> None:
    room = Room(store, Limits(jobs=2))
    made(store)
    room.check(1, ())
    made(store)
    for ask in (room.check, lambda *what: taken(room, *what)):
        with pytest.raises(Problem, match="there are 2 jobs already"):
            ask(1, set())
    assert len(store.names()) == 2


def test_what_is_over_goes_for_what_then_has_room_the_oldest_first(store: JobStore) -> None:
    room = Room(store, Limits(jobs_bytes=3 * SIZE))
    old, new = made(store), made(store)
    room.check(SIZE, ())
    taken(room, SIZE, set())
    assert store.names() == [new]
    assert old != new


def test_nothing_goes_for_what_has_no_room_even_then(store: JobStore) -> None:
    room = Room(store, Limits(jobs_bytes=3 * SIZE))
    over, waits = made(store), made(store, State.PAUSED)
    for ask in (room.check, lambda *what: taken(room, *what)):
        with pytest.raises(Problem, match=f"jobs would take more than {3 * SIZE} bytes"):
            ask(2 * SIZE, {waits})
    assert sorted(store.names()) == sorted([over, waits])


def test_a_full_number_of_jobs_costs_none_that_is_over(store: JobStore) -> None:
    room = Room(store, Limits(jobs=1, jobs_bytes=SIZE))
    over = made(store)
    with pytest.raises(Problem, match="there are 1 jobs already"):
        taken(room, SIZE // 2, set())
    assert store.names() == [over]


def test_what_somebody_else_works_on_takes_room_and_stays(store: JobStore) -> None:
    room = Room(store, Limits(jobs_bytes=2 * SIZE))
    name = made(store, State.QUEUED)
    with store.open(name, IDENTITY):
        with pytest.raises(Problem, match="jobs would take more"):
            taken(room, SIZE, set())
        with pytest.raises(JobBusy):
            store.remove(name)


def test_jobs_are_not_read_to_find_room_for_another(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*what: Any) -> Any:
            calls.append(function.__name__)
            return function(*what)

        return call

    calls: list[str] = []
    room = Room(store, Limits())
    for _ in range(10):
        made(store)
    room.clean()
    for name in ("read_checkpoint", "_files"):
        monkeypatch.setattr(module, name, counted(getattr(module, name)))
    room.check(SIZE, ())
    taken(room, SIZE, set())
    assert calls == []
    made(store)
    calls.clear()
    taken(room, SIZE, set())
    assert calls == ["_files"], "only the new one is measured"
