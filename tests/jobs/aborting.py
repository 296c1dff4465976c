"""`python -m tests.jobs.aborting FOLDER FILE TIMES WHAT START`: a job with an engine that aborts its process.

So many processes at most work on it, one after the other, until one ends by itself: each goes on with what is there,
and tries again what failed. The engine aborts when it begins to `WHAT` (recognize, translate, detect) what starts at
`START` seconds. How the processes ended is printed.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from pathlib import Path

from tests.jobs.talking import Process, profile, registry, request
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Queue
from workbench.jobs.store import JobStore
from workbench.session import Session


async def do(folder: Path, file: Path) -> None:
    async with Session(profile(), registry()) as session, Queue(session, JobStore()) as queue:
        entries = await queue.restore()
        for entry in entries:
            if entry.state is State.FAILED:
                queue.resume(entry.number)
        if not entries:
            queue.submit(request(file, folder / "out"))
        await queue.settled()
        (entry,) = queue.entries
    if entry.error is not None:
        sys.stderr.write(f"{entry.error} {entry.error.hint}\n")
        raise entry.error


def main(folder: Path, file: Path, times: int, what: str, start: float) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in ("DATA", "STATE", "CACHE"):
        os.environ[f"WORKBENCH_{name}_DIR"] = str(folder / name.lower())

    def tells(now: str, at: float) -> None:
        if now == what and abs(at - start) < 0.001:
            os.abort()

    Process.tells, Process.work_s = tells, 0.002
    ends = []
    for _ in range(times):
        if not (child := os.fork()):
            code = 1
            try:
                asyncio.run(do(folder, file))
                code = 0
            finally:
                os._exit(code)
        ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        if ends[-1] >= 0:
            break
    sys.stdout.write(json.dumps(ends))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], float(sys.argv[5]))
