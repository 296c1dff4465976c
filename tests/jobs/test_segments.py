"""A log gives back the results that were stored, up to the first that is not as it was stored."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.jobs.jobs import item, numbers, result
from workbench.errors import DiskFull, InputError, OutputError
from workbench.jobs import segments
from workbench.jobs.sealed import seal
from workbench.jobs.segments import ItemResult, SegmentLog, read_results
from workbench.types import Transcript

KEY = "ab" * 32


def written(path: Path, *indices: int, key: str = KEY) -> list[bytes]:
    """The lines of a log of these results, one commit each."""
    log = SegmentLog(path, key)
    for index in indices:
        log.append([result(index)])
    log.close()
    return path.read_bytes().splitlines(keepends=True)


def indices(path: Path, key: str = KEY) -> list[int]:
    return numbers(read_results(path, key).results)


def test_results_come_back_in_the_order_they_were_stored(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path / "log", KEY)
    log.append([result(2), result(0)])
    log.append([result(1)])
    log.append([])
    assert read_results(tmp_path / "log", KEY).results == [result(2), result(0), result(1)], "while it is open"
    log.close()
    again = SegmentLog(tmp_path / "log", KEY)
    assert (again.results, again.refused_bytes) == ([result(2), result(0), result(1)], 0)
    again.append([result(3)])
    again.close()
    assert indices(tmp_path / "log") == [2, 0, 1, 3]


def test_numbers_of_engines_and_halves_of_characters_can_be_stored(tmp_path: Path) -> None:
    said = Transcript(
        segment_id=np.int64(1),  # type: ignore[arg-type]
        text="\ud83d",
        language="en",
        start=np.float32(0.1),  # type: ignore[arg-type]
        end=float("nan"),
    )
    log = SegmentLog(tmp_path / "log", KEY)
    log.append([ItemResult(item=item(0), transcripts=(said,))])
    log.close()
    (found,) = read_results(tmp_path / "log", KEY).results
    assert (found.transcripts[0].text, found.transcripts[0].start) == ("\ud83d", float(np.float32(0.1)))
    assert type(found.transcripts[0].segment_id) is int
    assert np.isnan(found.transcripts[0].end)


def test_no_file_is_no_results_and_makes_one(tmp_path: Path) -> None:
    assert read_results(tmp_path / "results" / "log", KEY).results == []
    SegmentLog(tmp_path / "results" / "log", KEY).close()
    assert (tmp_path / "results" / "log").read_bytes() == b""


def test_every_cut_leaves_the_results_before_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = written(path, 0, 1, 2)
    stored = b"".join(lines)
    for end in range(len(stored) + 1):
        path.write_bytes(stored[:end])
        whole = stored[:end].count(b"\n")
        assert indices(path) == list(range(whole)), end
    path.write_bytes(stored[:-1])
    log = SegmentLog(path, KEY)
    assert log.refused_bytes == len(lines[2]) - 1
    assert path.read_bytes() == lines[0] + lines[1], "the rest is cut off"
    log.append([result(2)])
    log.close()
    assert path.read_bytes() == stored


@pytest.mark.parametrize(
    ("order", "good"),
    [([0, 0, 1, 2], 1), ([0, 2, 1], 1), ([1, 2], 0), ([0, 2], 1), ([2, 1, 0], 0), ([0, 1, 2, 2], 3), ([0, 1, 2, 0], 3)],
)
def test_lines_that_were_repeated_moved_or_left_out_end_it(tmp_path: Path, order: list[int], good: int) -> None:
    lines = written(tmp_path / "log", 0, 1, 2)
    (tmp_path / "log").write_bytes(b"".join(lines[index] for index in order))
    assert indices(tmp_path / "log") == list(range(good))


def test_results_of_another_key_are_none(tmp_path: Path) -> None:
    written(tmp_path / "log", 0, 1)
    assert indices(tmp_path / "log", "cd" * 32) == []


def test_a_line_that_is_no_result_ends_it_although_it_is_sealed(tmp_path: Path) -> None:
    (line,) = written(tmp_path / "log", 0)
    (tmp_path / "log").write_bytes(line + seal({"transcripts": []}, read_results(tmp_path / "log", KEY).seed)[0])
    assert indices(tmp_path / "log") == [0]


def test_what_a_link_points_to_is_not_cut(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_bytes(b"years of work")
    (tmp_path / "log").symlink_to("thesis")
    with pytest.raises(InputError, match="not a plain file"):
        SegmentLog(tmp_path / "log", KEY)
    (tmp_path / "elsewhere").mkdir()
    written(tmp_path / "elsewhere" / "log", 0)
    (tmp_path / "results").symlink_to("elsewhere")
    with pytest.raises(InputError, match="folder is a link"):
        SegmentLog(tmp_path / "results" / "log", "cd" * 32)
    assert (tmp_path / "thesis").read_bytes() == b"years of work"
    assert indices(tmp_path / "elsewhere" / "log") == [0]


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    with pytest.raises(InputError, match="not a plain file"):
        read_results(tmp_path / "log", KEY)


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, OutputError)]
)
def test_results_whose_sync_fails_are_not_stored_and_can_be_stored_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[OutputError]
) -> None:
    log = SegmentLog(tmp_path / "log", KEY)
    log.append([result(0)])
    with monkeypatch.context() as patch:
        patch.setattr(segments, "sync_data", lambda _: (_ for _ in ()).throw(OSError(number, "no")))
        with pytest.raises(kind):
            log.append([result(1, "long " * 1000)])
    assert indices(tmp_path / "log") == [0]
    log.append([result(1), result(2)])
    log.close()
    assert read_results(tmp_path / "log", KEY).results == [result(0), result(1), result(2)]


@pytest.mark.parametrize("left", [10, 10_000])
def test_what_a_failed_write_left_is_overwritten(tmp_path: Path, left: int) -> None:
    log = SegmentLog(tmp_path / "log", KEY)
    log.append([result(0)])
    with (tmp_path / "log").open("ab") as file:
        file.write(b"x" * left)  # and the disk did not let it be cut off
    log.append([result(1)])
    log.append([result(2)])
    log.close()
    assert indices(tmp_path / "log") == [0, 1, 2]


def test_what_could_not_be_read_again_is_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "_MOST_BYTES", 10_000)
    log = SegmentLog(tmp_path / "log", KEY)
    with pytest.raises(ValueError, match=r"translation made at 60\.0 s"):
        log.append([result(0), result(1, "x" * 10_000)])
    log.append([result(0)])
    log.close()
    assert indices(tmp_path / "log") == [0]


def test_a_reader_sees_whole_results_while_they_are_written(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path / "log", KEY)
    done = threading.Event()

    def write() -> None:
        for index in range(100):
            log.append([result(index)])
        done.set()

    writing = threading.Thread(target=write)
    writing.start()
    while not done.is_set():
        found = indices(tmp_path / "log")
        assert found == list(range(len(found)))
    writing.join()
    log.close()
    assert indices(tmp_path / "log") == list(range(100))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="what is synced is only seen on Linux")
def test_the_folder_of_a_new_log_survives_a_power_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, sync = set[str](), os.fsync

    def seen(descriptor: int) -> None:
        synced.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    SegmentLog(tmp_path / "job" / "results" / "log", "key").close()
    assert {str(tmp_path), str(tmp_path / "job"), str(tmp_path / "job" / "results")} <= synced
