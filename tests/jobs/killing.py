"""`python -m tests.jobs.killing [--runs 1000] [--seed 1]`: jobs whose process is killed at random moments.

Each run begins a job, kills its process (SIGKILL) within a stage of it, the stages in turn, and begins again, as the
next start of the program does; every fourth run is killed up to five times before it may end. The subtitles must then
be those of an undisturbed run, byte for byte. What was seen is printed as JSON; the exit status tells whether all was
well. Engines are light: what they say depends on every sample they hear.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from tests.jobs.talking import CONCURRENCY, Process, made, profile, registry, request, write_talk
from workbench.jobs import keeper
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Queue
from workbench.jobs.store import JobStore
from workbench.session import Session

MOST_KILLS: Final = 5
WORK_S: Final = 0.01
"""What a window takes, so that some are cut short."""


class Stage(IntEnum):
    """Where a process is killed: between the beginning of one and of the next, or to the end."""

    HASH = 1
    """The file is looked into and hashed, its job is made."""
    DECODE = 2
    """Up to the first window, which is decoded and searched for speech."""
    ASR = 3
    TRANSLATION = 4
    """From the first text on; recognition goes on."""
    WRITE = 5
    """Subtitles are rendered and written, the job ends."""


async def do(folder: Path, file: Path) -> None:
    """What the next start of the program does: go on with what is there, else begin. Raises unless it finishes."""
    async with Session(profile(), registry()) as session, Queue(session, JobStore()) as queue:
        if not await queue.restore():
            queue.submit(request(file, folder / "out"))
        await queue.settled()
        (entry,) = queue.entries
    if entry.error is not None:
        raise entry.error
    assert entry.state is State.FINISHED, entry


def telling(stages: int, windows: Path) -> Callable[[str, float], None]:
    """Tells the beginning of stages, a byte each, and a line for each window that is begun and made."""
    log = os.open(windows, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(log, b"process 0.0\n")
    began = {"open": Stage.HASH, "recognize": Stage.ASR, "translate": Stage.TRANSLATION, "render": Stage.WRITE}

    def tells(what: str, start: float) -> None:
        if what in ("recognize", "recognized"):
            os.write(log, f"{what} {start:.3f}\n".encode())
        if stage := began.get(what):
            os.write(stages, bytes([stage]))
            began["open"] = Stage.DECODE

    return tells


def start(folder: Path, file: Path) -> tuple[int, int]:
    """A process that works on the job of `folder`, and the descriptor of its stages."""
    heard, told = os.pipe()
    if child := os.fork():
        os.close(told)
        return child, heard
    code = 1
    try:
        os.close(heard)
        Process.tells, Process.work_s = telling(told, folder / "windows"), WORK_S
        for name in ("DATA", "STATE", "CACHE"):
            os.environ[f"WORKBENCH_{name}_DIR"] = str(folder / name.lower())
        with patch.object(keeper, "MOST_DEATHS", MOST_KILLS + 1):  # what dies here is not the fault of an engine
            asyncio.run(do(folder, file))
        (folder / "modules").write_text("\n".join(sys.modules))
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def undisturbed(folder: Path, file: Path) -> dict[Stage, float]:
    """How many seconds after the beginning of each stage the next one began, or the end came."""
    child, heard = start(folder, file)
    began: dict[Stage, float] = {}
    while told := os.read(heard, 4096):
        began = {Stage(stage): time.monotonic() for stage in told} | began
    os.close(heard)
    assert os.waitpid(child, 0)[1] == 0
    ends = dict.fromkeys(Stage, began[Stage.WRITE]) | {Stage.WRITE: time.monotonic()}
    ends |= {Stage.HASH: began[Stage.DECODE], Stage.DECODE: began[Stage.ASR]}
    return {stage: ends[stage] - began[stage] for stage in Stage}


def killed(folder: Path, file: Path, stage: Stage, after_s: float) -> bool:
    """Whether the process was killed so long after the beginning of `stage`: it may have ended before."""
    child, heard = start(folder, file)
    while (told := os.read(heard, 4096)) and stage not in told:
        pass  # another stage
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    os.close(heard)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def most_redone(folder: Path) -> int:
    """How many windows a process made that a later one began again, at most."""
    processes: list[dict[str, set[str]]] = []
    for line in (folder / "windows").read_text().splitlines():
        what, start = line.split()
        if what == "process":
            processes.append({"recognize": set(), "recognized": set()})
        else:
            processes[-1][what].add(start)
    later = (
        set[str]().union(*(other["recognize"] for other in processes[index + 1 :])) for index in range(len(processes))
    )
    return max(len(process["recognized"] & again) for process, again in zip(processes, later, strict=True))


def check(folder: Path, file: Path, expected: dict[str, bytes]) -> list[str]:
    """Let the job end, and say what is not as it should be."""
    child, heard = start(folder, file)
    while os.read(heard, 4096):
        pass
    os.close(heard)
    found = []
    if os.waitpid(child, 0)[1] != 0:
        found.append("the job did not finish")
    if made(folder / "out") != expected:
        found.append("the subtitles differ")
    if (redone := most_redone(folder)) > CONCURRENCY:
        found.append(f"{redone} windows were made and made again")
    states = [job.checkpoint and job.checkpoint.state for job in JobStore(folder / "data" / "jobs").jobs()]
    if states != [State.FINISHED]:
        found.append(f"there should be one finished job: {states}")
    return found


def main(root: Path, runs: int, seed: int) -> dict[str, Any]:
    chance, file = random.Random(seed), write_talk(root / "talk.wav", 12.0)
    (root / "reference").mkdir()
    lengths = undisturbed(root / "reference", file)
    for name in (root / "reference" / "modules").read_text().split():
        with suppress(ImportError):
            import_module(name)  # once, not in each process
    expected = made(root / "reference" / "out")
    kills: Counter[str] = Counter()
    problems, redone = dict[int, list[str]](), 0
    for run in range(runs):
        folder = root / str(run)
        folder.mkdir()
        stage = list(Stage)[run % len(Stage)]
        after_s = chance.uniform(0.0, lengths[stage])
        while not killed(folder, file, stage, after_s):
            shutil.rmtree(folder)
            folder.mkdir()
            after_s /= 2
        kills[stage.name.lower()] += 1
        for _ in range(chance.randint(1, MOST_KILLS - 1) if run % 4 == 3 else 0):
            stage = chance.choice(list(Stage))
            kills[stage.name.lower()] += killed(folder, file, stage, chance.uniform(0.0, lengths[stage]))
        if found := check(folder, file, expected):
            problems[run] = found
        else:
            redone = max(redone, most_redone(folder))
            shutil.rmtree(folder)
    figures: dict[str, Any] = {"seed": seed, "runs": runs, "kills": kills, "redone": redone, "problems": problems}
    return figures | {"cues": expected["talk.srt"].count(b" --> "), "folder": str(root)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to work; runs with problems stay there")
    given = parser.parse_args()
    seen = main(given.folder or Path(tempfile.mkdtemp(prefix="killing-")), given.runs, given.seed)
    sys.stdout.write(json.dumps(seen, indent=1) + "\n")
    sys.exit(bool(seen["problems"]))
