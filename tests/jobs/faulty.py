"""`python -m tests.jobs.faulty FOLDER`, under strace that fails the 100th of some system calls of each process.

Forks a child for each folder in FOLDER named as a call and a number, such as fsync-3. It does a whole job there,
from the file to its subtitles, and tries once more when that does not finish. Before it a child makes idle calls, so
that the one after three of an undisturbed run is the 100th fsync. What became of each child is printed.

All of a child's work is done by one thread, so its calls come in the same order every time.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.jobs.crashing import idle_calls
from tests.jobs.talking import profile, registry, request
from workbench import events, threads
from workbench.errors import DiskFull, OutputError
from workbench.jobs.store import JobStore
from workbench.jobs.work import look, work
from workbench.session import Session

FAILING: Final = 100
"""More than two undisturbed runs make calls of any name."""
FINISHED: Final = 1
FULL: Final = 2
FAILED: Final = 3


def main(root: Path) -> None:
    idle = idle_calls(root)
    told = mmap.mmap(-1, mmap.PAGESIZE)  # what children say without a system call
    enter(root / "undisturbed")
    assert attempt(root / "undisturbed") == FINISHED  # and all is imported
    found = {}
    for folder in root.glob("*-*"):
        call, before = folder.name.split("-")
        told[:2] = bytes(2)
        child = os.fork()
        if not child:
            for _ in range(FAILING - 1 - int(before)):
                idle[call]()
            _live(folder, told)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        found[folder.name] = [code, told[0], told[1]]
    sys.stdout.write(json.dumps(found))


def _live(folder: Path, told: mmap.mmap) -> None:
    """Does not return."""
    code = 1
    try:
        enter(folder)
        for number in range(2):
            told[number] = attempt(folder)
            if told[number] == FINISHED:
                break
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def enter(folder: Path) -> None:
    """Have this process keep everything in `folder`, and do everything in one thread."""

    def at_once(task: Callable[[], Callable[[], None]]) -> None:
        task()()

    for name in ("DATA", "STATE", "CACHE"):
        os.environ[f"WORKBENCH_{name}_DIR"] = str(folder / name.lower())
    threads._threads.start = at_once  # type: ignore[method-assign]


def attempt(folder: Path) -> int:
    """Go on with the job of `folder`, or begin it."""
    try:
        asyncio.run(do(folder))
    except DiskFull:
        return FULL
    except OutputError:
        return FAILED
    return FINISHED


async def do(folder: Path) -> None:
    def ignore(event: events.Event) -> None:
        """Nobody watches."""

    async with Session(profile(), registry()) as session:
        looked = await look(request(folder.parent / "talk.wav", folder / "out", overwrite=True), session)
        wanted = looked.request
        job = JobStore().take(looked.identity, wanted.targets.path, wanted.to_dict())
        await work(job, wanted, session, ignore)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
