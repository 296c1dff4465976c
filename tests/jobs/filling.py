"""`python -m tests.jobs.filling FOLDER FILE MOMENT`: does a job in FOLDER, whose disk fills up at a moment of it.

Then it makes room, and does the job once more, as the next start of the program does. What was seen is printed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.jobs.faulty import enter
from tests.jobs.talking import Process, made, profile, registry, request
from workbench.errors import DiskFull
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Entry, Queue
from workbench.jobs.store import JobStore
from workbench.session import Session

OLD: Final = b"subtitles of another day"
MOMENTS: Final = ("recognize", "recognized", "translate", "render")
"""What an engine does when the disk becomes full; anything else leaves it as it is."""


def main(disk: Path, file: Path, moment: str) -> None:
    (disk / "out").mkdir()
    (disk / "out" / "talk.srt").write_bytes(OLD)
    enter(disk)
    Process.tells = lambda what, start: fill(disk / "ballast") if what == moment else None
    first = asyncio.run(do(disk, file))
    left = made(disk / "out")
    Process.tells = lambda what, start: None
    (disk / "ballast").unlink(missing_ok=True)
    second = asyncio.run(do(disk, file))
    seen = {
        "states": [first.state, second.state],
        "is_full": isinstance(first.error, DiskFull),
        "left": {name: data.decode() for name, data in left.items()},
        "made": {name: data.decode() for name, data in made(disk / "out").items()},
        "others": sorted(path.name for path in (disk / "out").iterdir() if path.name not in made(disk / "out")),
    }
    sys.stdout.write(json.dumps(seen))


def fill(path: Path) -> None:
    """To the last byte."""
    for size in (10_000, 1):
        with suppress(OSError), path.open("ab", buffering=0) as file:
            while file.write(bytes(size)):
                pass  # there is room yet


async def do(folder: Path, file: Path) -> Entry:
    """Go on with what is there, or begin it."""
    async with Session(profile(), registry()) as session, Queue(session, JobStore()) as queue:
        for entry in await queue.restore():
            if entry.state is State.PAUSED:
                queue.resume(entry.number)
        if not queue.entries:
            queue.submit(request(file, folder / "out", overwrite=True))
        await queue.settled()
        (entry,) = queue.entries
        return entry


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
