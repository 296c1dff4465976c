"""Which files of a folder are told, and when: events of real folders, and the clock of a test for what is complete."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import fakes
from workbench.errors import InputError
from workbench.jobs.watch import Growth, Status, watch_folder

A, B = Path("a.wav"), Path("b.wav")


def test_a_file_is_complete_when_it_did_not_change_for_the_quiet_time() -> None:
    growth = Growth(2.0)
    assert growth.look({A: (1, 1)}, 0.0) == []
    assert growth.due == 2.0
    assert growth.look({A: (5, 2)}, 1.5) == []
    assert growth.look({A: (5, 2)}, 3.4) == []
    assert growth.due == 3.5
    assert growth.look({A: (5, 2)}, 3.5) == [A]
    assert growth.due == float("inf")


def test_a_file_is_told_once_and_again_only_when_it_has_changed() -> None:
    growth = Growth(1.0)
    told = [growth.look({A: (1, 1)}, float(now)) for now in range(4)]
    assert told == [[], [A], [], []]
    assert growth.look({A: (2, 4)}, 4.0) == []
    assert growth.look({A: (2, 4)}, 5.0) == [A]


def test_an_empty_file_is_not_complete_and_one_that_went_is_forgotten() -> None:
    growth = Growth(1.0)
    growth.look({A: (0, 1), B: (1, 1)}, 0.0)
    assert growth.look({A: (0, 1)}, 5.0) == []
    assert growth.look({A: (0, 1), B: (1, 1)}, 6.0) == []
    assert growth.look({A: (0, 1), B: (1, 1)}, 7.0) == [B]


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 3)), max_size=30))
def test_no_file_is_told_before_it_was_quiet_nor_twice_as_it_is(steps: list[tuple[float, int]]) -> None:
    growth, now, changed_at, told = Growth(1.0), 0.0, 0.0, None
    status: Status | None = None
    for passed, size in steps:
        now += passed
        if status is None or size != status[0]:
            status, changed_at, told = (size, 0), now, None
        for _ in growth.look({A: status}, now):
            assert size
            assert now - changed_at >= 1.0 - 1e-9
            assert told is None
            told = status


# real folders


def watching(
    test: Callable[[list[Path]], Awaitable[None]], folder: Path, *, recursive: bool = False, quiet_s: float = 0.2
) -> None:
    async def watch() -> None:
        found: list[Path] = []
        task = asyncio.ensure_future(
            watch_folder(folder, lambda path, status: found.append(path), recursive=recursive, quiet_s=quiet_s)
        )
        try:
            await test(found)
        finally:
            task.cancel()
            await asyncio.wait({task})

    fakes.run(watch)


def test_files_that_are_there_and_files_that_come_are_told_once_each(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"sound")

    async def test(found: list[Path]) -> None:
        await fakes.until(lambda: found == [tmp_path / "a.wav"])
        (tmp_path / "b.MP4").write_bytes(b"video")
        (tmp_path / ".c.wav").write_bytes(b"hidden")
        (tmp_path / "d.wav.part").write_bytes(b"a download")
        (tmp_path / "e.subtitled.mkv").write_bytes(b"a copy")
        (tmp_path / "f.srt").write_bytes(b"text")
        (tmp_path / "below").mkdir()
        (tmp_path / "below" / "g.wav").write_bytes(b"sound")
        (tmp_path / "d.wav.part").rename(tmp_path / "h.wav")
        await fakes.until(lambda: len(found) == 3)
        assert sorted(found) == [tmp_path / "a.wav", tmp_path / "b.MP4", tmp_path / "h.wav"]

    watching(test, tmp_path)


def test_folders_inside_are_watched_when_asked_for_and_those_that_are_moved_there(tmp_path: Path) -> None:
    folder, apart = tmp_path / "in", tmp_path / "apart"
    (folder / "one").mkdir(parents=True)
    apart.mkdir()
    (apart / "b.wav").write_bytes(b"sound")

    async def test(found: list[Path]) -> None:
        (folder / "one" / "a.wav").write_bytes(b"sound")
        await fakes.until(lambda: found == [folder / "one" / "a.wav"])
        apart.rename(folder / "two")
        await fakes.until(lambda: folder / "two" / "b.wav" in found)
        shutil.rmtree(folder / "one")
        (folder / "two" / "c.wav").write_bytes(b"sound")
        await fakes.until(lambda: folder / "two" / "c.wav" in found)

    watching(test, folder, recursive=True)


@pytest.mark.parametrize("how", ["removed", "moved", "replaced"])
def test_a_folder_that_goes_ends_it_with_an_error_that_says_so(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.wav").write_bytes(b"sound")

    async def test() -> None:
        found: list[Path] = []
        task = asyncio.ensure_future(watch_folder(folder, lambda path, status: found.append(path), quiet_s=0.05))
        await fakes.until(lambda: bool(found))
        if how == "removed":
            shutil.rmtree(folder)
        else:
            folder.rename(tmp_path / "elsewhere")
        if how == "replaced":
            folder.mkdir()
        error = await fakes.outcome(task)
        assert isinstance(error, InputError)
        assert "any more" in str(error)
        assert "workbench jobs" in error.hint

    fakes.run(test)


def test_what_is_no_folder_cannot_be_watched(tmp_path: Path) -> None:
    async def test() -> None:
        error = await fakes.outcome(watch_folder(tmp_path / "missing", lambda path, status: None))
        assert isinstance(error, InputError)
        assert str(error) == f"there is no folder {str(tmp_path / 'missing')!r}"

    fakes.run(test)


@pytest.mark.parametrize("how", ["ends", "fails"])
def test_a_system_that_tells_of_no_more_changes_ends_it_with_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    async def silent(*paths: Path, **options: object) -> AsyncIterator[set[object]]:
        yield set()
        if how == "fails":
            raise RuntimeError("the queue is gone")

    monkeypatch.setattr("watchfiles.awatch", silent)

    async def test() -> None:
        error = await fakes.outcome(watch_folder(tmp_path, lambda path, status: None))
        assert isinstance(error, InputError)
        reason = "the queue is gone" if how == "fails" else "the system tells of changes no more"
        assert str(error) == f"folder {str(tmp_path)!r} cannot be watched: {reason}"
        assert "What was begun is kept" in error.hint

    fakes.run(test)
