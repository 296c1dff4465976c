"""File jobs: how near they are to what their slowest stage takes, what guided windows save, and who waits for whom.

A job of 20 minutes of speech against the larger of its slowest stage and its CPU time shared by all cores; the same
recording cut in its pauses against windows of one length; ten files of a minute behind one of half an hour. Loading
engines is not in any of it. Wall-clock time, so it needs cores that nobody else uses.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import recording
from benchmarks.machine import described, facts
from benchmarks.wer import word_errors
from workbench import Settings, plugins
from workbench.cli.overrides import overridden
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Entry, Queue
from workbench.jobs.request import Request
from workbench.jobs.store import JobStore
from workbench.outputs import Targets
from workbench.session import Session
from workbench.stages import Stages
from workbench.types import Samples

MINUTES: Final = 20
ROUNDS: Final = 3
LONG_MINUTES: Final = 30
SHORT_FILES: Final = 10
TARGETS: Final = {"wall": 1.2, "saved": 0.15, "short_files": 2.0}
SETTINGS: Final = Settings(language="en")
OPTIONS: Final = ("asr.device=cpu", "asr.compute_type=int8")
MODEL: Final = "asr.model=tiny.en"
WINDOWS_MODEL: Final = "asr.model=base"
PAUSES_S: Final = (1.5, 3.0, 6.0)
"""Between the clips of the recording with pauses, in turn: as people make them who dictate, lecture or wait."""
WAYS: Final = {"guided": ("vad=silero", ()), "fixed": ("vad=fixed", ("vad.max_speech_s=60",))}


@dataclass(frozen=True, slots=True)
class Run:
    wall_s: float
    cpu_s: float
    asr_s: float
    """Time in calls of the recognizer, divided by how many it takes at once."""
    vad_s: float
    text: str

    @property
    def floor_s(self) -> float:
        """No order of work is faster on this machine."""
        return max(self.asr_s, self.vad_s, self.cpu_s / len(os.sched_getaffinity(0)))


def run() -> dict[str, object]:
    found, source = recording.clips()
    audio, said = recording.samples(found), " ".join(clip.text for clip in found)
    slow = recording.samples(found, PAUSES_S)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        long = asyncio.run(one(folder, repeated(audio, MINUTES * 60), MODEL))
        rounds = [
            {
                way: asyncio.run(one(folder, slow, WINDOWS_MODEL, [engine], options))
                for way, (engine, options) in WAYS.items()
            }
            for _ in range(ROUNDS)
        ]
        alone, behind = asyncio.run(waits(folder, audio))
    windows = {way: min((each[way] for each in rounds), key=lambda one: one.asr_s) for way in WAYS}
    wer = {way: word_errors(said, one.text) for way, one in windows.items()}
    return {
        "machine": facts("audio-workbench", "workbench-faster-whisper", "faster-whisper", "ctranslate2"),
        "source": source,
        "minutes": MINUTES,
        "wall_s": round(long.wall_s, 2),
        "cpu_s": round(long.cpu_s, 2),
        "asr_s": round(long.asr_s, 2),
        "vad_s": round(long.vad_s, 2),
        "wall": round(long.wall_s / long.floor_s, 3),
        "slow_s": round(len(slow) / recording.RATE, 1),
        "slow_pauses": round(1 - len(recording.samples(found, (0.0,))) / len(slow), 2),
        "windows_asr_s": {way: round(one.asr_s, 2) for way, one in windows.items()},
        "windows_wer": {way: round(wrong / words, 4) for way, (wrong, words) in wer.items()},
        "saved": round(1 - windows["guided"].asr_s / windows["fixed"].asr_s, 3),
        "short_files_s": [round(alone, 2), round(behind, 2)],
        "short_files": round(behind / alone, 2),
        "targets": TARGETS,
    }


def repeated(audio: Samples, seconds: float) -> Samples:
    length = round(seconds * recording.RATE)
    return np.tile(audio, 1 + length // len(audio))[:length]


async def one(
    folder: Path, audio: Samples, model: str, engines: Sequence[str] = (), options: Sequence[str] = ()
) -> Run:
    """A new job for `audio`, alone."""
    path = written(folder, "one", audio)
    async with queue_of(folder, [*engines, "asr=faster-whisper"], [*OPTIONS, model, *options]) as (
        queue,
        request,
        stages,
    ):
        cpu, began = time.process_time(), time.perf_counter()
        text = texts([await done(queue, [request(path)])])
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
        assert stages.detector is not None
        assert stages.recognizer is not None
        asr, vad = stages.recognizer.statistics(), stages.detector.statistics()
        at_once = stages.recognizer.engine.concurrency * asr.instances
    return Run(wall_s, cpu_s, asr.busy_s / at_once, vad.busy_s, text)


async def waits(folder: Path, audio: Samples) -> tuple[float, float]:
    """Seconds until all short files are done: alone, and submitted when a long one is at work."""
    long = written(folder, "long", repeated(audio, LONG_MINUTES * 60))
    minute = 60 * recording.RATE
    total = repeated(audio, SHORT_FILES * 60)
    short = [written(folder, f"short {n}", total[n * minute : (n + 1) * minute]) for n in range(SHORT_FILES)]
    times = []
    for first in ([], [long]):
        async with queue_of(folder, ["vad=silero", "asr=faster-whisper"], [*OPTIONS, MODEL]) as (queue, request, _):
            at_work = asyncio.Event()
            queue.watch(lambda entry, at_work=at_work: at_work.set() if entry.position else None)  # type: ignore[misc]
            for path in first:
                queue.submit(request(path))
                await at_work.wait()
            began = time.perf_counter()
            await done(queue, [request(path) for path in short])
            times.append(time.perf_counter() - began)
    return times[0], times[1]


def written(folder: Path, name: str, audio: Samples) -> Path:
    path = folder / f"{name}.wav"
    recording.write(path, audio)
    return path


@asynccontextmanager
async def queue_of(
    folder: Path, engines: Sequence[str], options: Sequence[str]
) -> AsyncIterator[tuple[Queue, Any, Stages]]:
    """A queue over a store of its own, with loaded engines, and what makes a request for it of a file."""
    registry = plugins.load()
    profile = overridden(None, registry, list(engines), list(options))

    def request(path: Path) -> Request:
        targets = Targets(path, (("srt", path.with_suffix(".srt")),), overwrite=True)
        return Request(targets=targets, settings=SETTINGS, profile=profile)

    with tempfile.TemporaryDirectory(dir=folder) as root:
        os.environ["WORKBENCH_CACHE_DIR"] = root  # nothing is known of the file from another round
        async with Session(profile, registry) as session:
            stages = await session.load(session.plan(SETTINGS))
            async with Queue(session, JobStore(Path(root) / "jobs")) as queue:
                yield queue, request, stages


async def done(queue: Queue, requests: Sequence[Request]) -> list[Entry]:
    """The entries of `requests`, when all of them have ended."""
    numbers = [queue.submit(request).number for request in requests]
    changed = asyncio.Event()
    end = queue.watch(lambda entry: changed.set())

    def wanted() -> list[Entry]:
        return [entry for entry in queue.entries if entry.number in numbers]

    while any(entry.state in (State.QUEUED, State.RUNNING) for entry in wanted()):
        changed.clear()
        await changed.wait()
    end()
    for entry in wanted():
        if entry.error is not None:
            raise entry.error
    return wanted()


def texts(found: Sequence[Sequence[Entry]]) -> str:
    captions = [caption for entries in found for entry in entries if entry.result for caption in entry.result.captions]
    return " ".join(caption.transcript.text for caption in captions)


def report(figures: dict[str, Any]) -> str:
    targets, (alone, behind) = figures["targets"], figures["short_files_s"]
    asr_s, wer = figures["windows_asr_s"], figures["windows_wer"]
    return "\n".join(
        [
            f"{described(figures['machine'])}; {figures['source']}",
            f"{figures['minutes']} minutes: {figures['wall_s']} s, of which recognition {figures['asr_s']} s and VAD "
            f"{figures['vad_s']} s; CPU {figures['cpu_s']} s: {figures['wall']} times what cannot be less "
            f"(target {targets['wall']})",
            f"{figures['slow_s']} s, {figures['slow_pauses']:.0%} of it pauses: recognition {asr_s['guided']} s in "
            f"guided windows, {asr_s['fixed']} s in fixed: {figures['saved']:.0%} less "
            f"(target {targets['saved']:.0%}); WER {wer['guided']} and {wer['fixed']}",
            f"{SHORT_FILES} files of a minute: {alone} s alone, {behind} s behind one of {LONG_MINUTES} minutes: "
            f"{figures['short_files']} times (target {targets['short_files']})",
        ]
    )
