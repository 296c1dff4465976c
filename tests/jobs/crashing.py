"""`python -m tests.jobs.crashing FOLDER CALL`, under strace that fails the 14th such call of each process.

Forks 14 children that all do the same with a job. Before it a child makes idle calls, the first one 13 and the last one
none: so in child n the call that fails is the one after n calls of an undisturbed run. What became of each is printed.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from tests.jobs.jobs import FILE, IDENTITY, result
from workbench.errors import DiskFull, OutputError
from workbench.jobs.checkpoint import State
from workbench.jobs.job import LOG, Job
from workbench.jobs.segments import ItemResult
from workbench.jobs.store import JobStore

CHILDREN: Final = 14
"""More than an undisturbed run makes calls of any name."""
CREATED: Final = 1
"""The first step; the others follow it."""
REOPENED: Final = 6


def main(root: Path, call: str) -> None:
    idle_call = idle_calls(root)[call]
    told = mmap.mmap(-1, mmap.PAGESIZE)  # what children say without a system call
    found = []
    for calls_before in range(CHILDREN):
        told[:3] = bytes(3)
        child = os.fork()
        if not child:
            for _ in range(CHILDREN - 1 - calls_before):
                idle_call()
            _live(root / str(calls_before), told)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        found.append({"steps": told[0], "full": told[1], "unsafe": told[2], "code": code})
    sys.stdout.write(json.dumps(found))


def _live(root: Path, told: mmap.mmap) -> None:
    """Take a job from its beginning to its end, each step once more where the disk fails. Does not return."""
    code = 1
    try:
        store, jobs = JobStore(root), list[Job]()
        for number, step in enumerate(steps(store, jobs), CREATED):
            for _ in range(2):
                try:
                    step()
                except OutputError as error:
                    told[1] += isinstance(error, DiskFull)
                    told[2] += number not in (CREATED, REOPENED) and "The work up to here is safe" not in error.hint
                else:
                    told[0] = number
                    break
            else:
                break
        code = 0
    finally:
        os._exit(code)


def steps(store: JobStore, jobs: list[Job]) -> list[Callable[[], None]]:
    """What happens to a job, which `jobs` holds from the first step on."""

    def save(state: State) -> None:
        jobs[0].save(replace(jobs[0].checkpoint, state=state))

    def commit(*results: ItemResult) -> None:
        jobs[0].commit(results)

    def reopen() -> None:
        """As after a crash, which on some disks leaves zeros at the end."""
        jobs[0].close()
        log = jobs[0].folder / LOG
        os.truncate(log, log.stat().st_size + 20)
        jobs[0] = store.open(jobs[0].name, IDENTITY)

    def remove() -> None:
        jobs[0].close()
        store.remove(jobs[0].name)

    taken: list[Callable[[], None]] = [lambda: jobs.append(store.create(IDENTITY, FILE)), lambda: save(State.RUNNING)]
    taken += [partial(commit, result(index)) for index in range(3)]
    taken += [reopen, lambda: commit(result(3), result(4)), lambda: save(State.FINISHED)]
    return [*taken, remove] if store.root.parent.name == "removes" else taken


def idle_calls(root: Path) -> dict[str, Callable[[], object]]:
    file, folder = os.open(root / "idle", os.O_CREAT | os.O_RDWR), os.open(root, os.O_RDONLY)
    moved = root / "moved"
    moved.mkdir(exist_ok=True)

    def unlink() -> None:
        with suppress(FileNotFoundError):
            os.unlink("missing", dir_fd=folder)

    return {
        "write": lambda: os.write(file, b""),
        "fsync": lambda: os.fsync(file),
        "fdatasync": lambda: os.fdatasync(file),
        "ftruncate": lambda: os.ftruncate(file, 0),
        "rename": lambda: os.rename(moved, moved),
        "unlinkat": unlink,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
