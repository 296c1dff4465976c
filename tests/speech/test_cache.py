"""What a detector found is there the next time, to the bit, or it is found anew."""

from __future__ import annotations

import errno
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.speech.cache import ActivityCache, activity_key, joined
from workbench.types import Activity

FRAME_S = 0.032


def activity(*probabilities: float, start: float = 0.0, frame_s: float = FRAME_S) -> Activity:
    return Activity(start, frame_s, np.array(probabilities, np.float32))


def noise(count: int, seed: int = 0) -> Activity:
    return Activity(0.0, FRAME_S, np.random.default_rng(seed).random(count, np.float32))


def key(**changed: object) -> str:
    parts = {"track": 1, "detector": "silero", "version": "1", "options": {"threads": 1}} | changed
    return activity_key(str(parts.pop("content", "c0ffee")), parts)


@given(st.lists(st.floats(0, 1, width=32), max_size=200), st.floats(0, 1e6), st.floats(0.001, 1.0))
@settings(deadline=None)
def test_what_is_kept_comes_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], start: float, frame_s: float
) -> None:
    cache = ActivityCache(tmp_path_factory.mktemp("cache") / "speech")
    cache.put("a", [activity(*values, start=start, frame_s=frame_s)])
    found = cache.get("a")
    assert found is not None
    assert (found.start, found.frame_s) == (start, frame_s)
    assert found.probabilities.dtype == np.float32
    assert found.probabilities.tobytes() == np.array(values, np.float32).tobytes()


def test_what_came_in_pieces_is_one(tmp_path: Path) -> None:
    cache = ActivityCache(tmp_path)
    cache.put("a", [activity(0.1, 0.2, start=1.0), activity(0.3, start=1.0 + 2 * FRAME_S)])
    found = cache.get("a")
    assert found is not None
    assert found.start == 1.0
    assert found.probabilities.tolist() == np.array([0.1, 0.2, 0.3], np.float32).tolist()


@pytest.mark.parametrize(
    "activities",
    [
        [],
        [activity(0.1), activity(0.2, start=1.0)],
        [activity(0.1, 0.2), activity(0.2, start=FRAME_S)],
        [activity(0.1), activity(0.2, start=FRAME_S, frame_s=0.016)],
    ],
)
def test_what_does_not_join_is_not_kept(tmp_path: Path, activities: list[Activity]) -> None:
    assert joined(activities) is None
    cache = ActivityCache(tmp_path)
    cache.put("a", activities)
    assert cache.get("a") is None


def test_nothing_is_found_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert ActivityCache(tmp_path / "none").get("a") is None


@given(st.data())
@settings(deadline=None)
def test_a_damaged_entry_is_not_used(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    cache = ActivityCache(tmp_path_factory.mktemp("cache"))
    cache.put("a", [noise(50)])
    (path,) = cache.folder.iterdir()
    octets = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(octets) - 1))
        octets[place] ^= data.draw(st.integers(1, 255))
    else:
        del octets[data.draw(st.integers(0, len(octets) - 1)) :]
    path.write_bytes(octets)
    assert cache.get("a") is None
    cache.put("a", [noise(50)])
    assert cache.get("a") is not None


def test_a_damaged_entry_is_told_to_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.activity").write_bytes(b"no entry")
    assert ActivityCache(tmp_path).get("a") is None
    assert "is damaged" in caplog.text


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = ActivityCache(tmp_path)
    for index, name in enumerate("abc"):
        cache.put(name, [noise(1000, index)])
        os.utime(tmp_path / f"{name}.activity", (index, index))
    assert cache.get("a") is not None  # used now
    size = max(path.stat().st_size for path in tmp_path.iterdir())
    small = ActivityCache(tmp_path, max_bytes=3 * size)
    small.put("d", [noise(1000, 3)])
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a", "c", "d"]


def test_the_folder_stays_in_its_bounds_and_other_files_stay_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_bytes(bytes(100_000))
    left = tmp_path / ".workbench-0123.part"
    left.write_bytes(bytes(50_000))
    os.utime(left, (0, 0))
    cache = ActivityCache(tmp_path, max_bytes=20_000)
    for index in range(30):
        cache.put(str(index), [noise(1000, index)])
        assert sum(path.stat().st_size for path in tmp_path.glob("*.activity")) <= 20_000
    assert not left.exists()
    assert (tmp_path / "mine.txt").exists()
    assert cache.get("29") is not None


def test_an_entry_that_is_larger_than_all_bounds_is_not_kept(tmp_path: Path) -> None:
    cache = ActivityCache(tmp_path, max_bytes=100)
    cache.put("a", [noise(1000)])
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_costs_no_more_than_the_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    cache = ActivityCache(tmp_path)
    cache.put("a", [noise(100)])
    monkeypatch.setattr("os.fsync", full)
    cache.put("a", [noise(200)])
    assert "the disk is full" in caplog.text
    found = cache.get("a")
    assert found is not None
    assert len(found.probabilities) == 100
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_told_to_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    cache = ActivityCache(tmp_path / "file" / "speech")
    with caplog.at_level(logging.WARNING):
        cache.put("a", [noise(10)])
    assert "is not kept" in caplog.text
    assert cache.get("a") is None


def test_threads_that_keep_and_remove_at_once_find_whole_entries_only(tmp_path: Path) -> None:
    expected = {str(index): noise(1000, index) for index in range(4)}
    begin = threading.Barrier(4)

    def work(number: int) -> int:
        cache, hits = ActivityCache(tmp_path, max_bytes=10_000), 0
        begin.wait()
        for index in range(20):
            name = str((index + number) % 4)
            cache.put(name, [expected[name]])
            found = cache.get(name)
            if found is not None:
                hits += 1
                assert np.array_equal(found.probabilities, expected[name].probabilities)
        return hits

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(work, range(4))) > 0


@pytest.mark.parametrize(
    "changed",
    [
        {"content": "decaf"},
        {"track": 2},
        {"detector": "energy"},
        {"version": "2"},
        {"options": {"threads": 2}},
    ],
    ids=str,
)
def test_whatever_probabilities_depend_on_makes_another_key(changed: dict[str, object]) -> None:
    assert key(**changed) != key()
    assert key() == key()
    assert set(key()) <= set("0123456789abcdef")
