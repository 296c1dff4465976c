"""When the power fails, a disk keeps what was synced; of the rest it keeps what it likes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs import crashing
from tests.jobs.test_crashes import STATES, check
from workbench.jobs import segments
from workbench.jobs.job import Job
from workbench.jobs.store import JobStore


class Disk:
    """What of a folder would be there after a power failure: files by inode, and names by the inode of their folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.contents: dict[int, bytes] = {}
        self.names: dict[int, dict[str, int]] = {}

    def sync(self, descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        inode = path.stat().st_ino
        if path.is_dir():
            self.names[inode] = {child.name: child.stat().st_ino for child in path.iterdir()}
        else:
            self.contents[inode] = path.read_bytes()

    def with_synced_names(self, target: Path, inode: int | None = None) -> None:
        """Make `target` what is there when no name survives that was not synced."""
        target.mkdir()
        for name, child in self.names.get(inode or self.root.stat().st_ino, {}).items():
            if child in self.names:
                self.with_synced_names(target / name, child)
            else:
                (target / name).write_bytes(self.contents.get(child, b""))

    def with_all_names(self, target: Path, source: Path | None = None) -> None:
        """Make `target` what is there when all names survive, and files are empty that were not synced."""
        target.mkdir()
        for child in (source or self.root).iterdir():
            if child.is_dir():
                self.with_all_names(target / child.name, child)
            else:
                (target / child.name).write_bytes(self.contents.get(child.stat().st_ino, b""))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="which file is synced is only seen on Linux")
@pytest.mark.parametrize("failure", [Disk.with_synced_names, Disk.with_all_names])
def test_what_was_told_survives_a_power_failure_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Callable[[Disk, Path], None]
) -> None:
    root, jobs = tmp_path / "jobs", list[Job]()
    root.mkdir()
    disk, told, moments = Disk(root), 0, list[tuple[Path, int]]()

    def fail() -> None:
        moments.append((tmp_path / f"after-{len(moments)}", told))
        failure(disk, moments[-1][0])

    def synced(sync: Callable[[int], None]) -> Callable[[int], None]:
        def call(descriptor: int) -> None:
            fail()
            sync(descriptor)
            disk.sync(descriptor)
            fail()

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", synced(os.fsync))
        patch.setattr(segments, "sync_data", synced(os.fdatasync))
        for step in crashing.steps(JobStore(root), jobs):
            step()
            told += 1
            fail()
    jobs[0].close()
    assert told == len(STATES) - 1
    assert len(moments) > 30
    for after, steps in moments:
        check(after, steps)
