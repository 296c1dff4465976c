"""A recognizer that takes memory as its options say.

`python -m tests.jobs.hungry FOLDER` does a job with it in a process that may not have so much, and prints the warnings.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

import workbench
from tests import fakes
from tests.jobs.scribe import Ear, Tape
from workbench.builtin.subtitles import SubtitleExporter
from workbench.engines import Settings
from workbench.jobs.request import Request
from workbench.jobs.store import JobStore
from workbench.jobs.work import look, work
from workbench.models import Model
from workbench.outputs import Targets
from workbench.profiles.schema import Profile
from workbench.session import Session
from workbench.transcribe import Result

MODELS_MB = {"large": 1000, "small": 100}
ROOM_MB = 1500
"""Beside what the process has: enough for the threads and pools of the C library too."""


class Hungry(workbench.Recognizer):
    name = "hungry"
    loaded: ClassVar[list[str]] = []
    """What is loaded now."""
    heard: ClassVar[list[str]] = []

    class Options(workbench.Options):
        model: str = "large"
        compute_type: Literal["int8", "float32"] = "float32"
        batch_size: int = 4
        concurrency: int = 2

    @classmethod
    def models(cls) -> Sequence[Model]:
        return [
            Model(name=name, engine="hungry", languages=("en",), license="MIT", size=1, memory_mb=mb, files=())
            for name, mb in MODELS_MB.items()
        ]

    def __init__(self, options: Options) -> None:
        self.concurrency = options.concurrency
        self.title = f"{options.model} {options.compute_type} {options.batch_size}x{options.concurrency}"
        self._mb = MODELS_MB[options.model] * (2 if options.compute_type == "float32" else 1)
        self._mb += 100 * options.batch_size * options.concurrency
        self.take("load", self._mb)
        self.loaded.append(self.title)

    def take(self, when: str, mb: int) -> None:
        """`when` is "load" or the number of a window."""
        np.zeros(mb << 20, np.uint8)

    def process(self, item: workbench.Window, state: Settings) -> Iterator[workbench.Transcript]:
        number = item.segments[0].id
        self.take(str(number), self._mb)
        self.heard.append(f"{number} {self.title}")
        yield item.transcript(f"line {number}", language="en", start=0.0, end=item.duration)

    def close(self) -> None:
        self.loaded.remove(self.title)


class Greedy(workbench.Translator):
    name = "greedy"
    pairs = (("en", "de"),)

    class Options(workbench.Options):
        concurrency: int = 2

    def __init__(self, options: Options) -> None:
        self.concurrency = options.concurrency
        self.take("load")

    def take(self, when: str) -> None:
        """`when` is "load" or the text of a window."""

    def process(self, item: workbench.Transcript, state: Settings) -> Iterator[workbench.Translation]:
        self.take(item.text)
        yield item.translated(item.text.upper(), "de")


async def transcribe(
    path: Path, store: JobStore, observe: Callable[[object], None] = lambda event: None, *, into: str | None = None
) -> Result:
    """Do a job to its end."""
    asr = {"engine": "hungry", "options": {"packing": False}}
    profile = Profile.model_validate({"schema": 1, "name": "test", "vad": {"engine": "ear"}, "asr": asr})
    targets = Targets(path, (("srt", path.with_suffix(".srt")),))
    request = Request(targets=targets, settings=Settings(language="en", target_language=into), profile=profile)
    async with Session(profile, fakes.registry(Tape, Ear, Hungry, Greedy, SubtitleExporter)) as session:
        looked = await look(request, session)
        job = store.take(looked.identity, path, looked.request.to_dict())
        return await work(job, looked.request, session, observe)


def _main(folder: Path) -> None:
    has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (has + (ROOM_MB << 20), resource.RLIM_INFINITY))
    result = asyncio.run(transcribe(folder / "a.wav", JobStore(folder / "jobs")))
    sys.stdout.write(json.dumps(result.warnings))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
