"""Two windows at once against one, and ten short files behind a long one.

Wall-clock time, so it needs two cores that nobody else uses: the shortest time of some rounds counts, and how many
cores it got is said.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import recording, replay
from benchmarks.machine import described, facts
from workbench import Settings, events, plugins
from workbench.cli.overrides import overridden
from workbench.pipeline import Stages
from workbench.pool import Pool
from workbench.session import Session
from workbench.transcribe import Job, transcribe

ROUNDS: Final = 3
SECONDS: Final = 230
"""Of the long file: about eight windows."""
SHORT_FILES: Final = 10
TARGETS: Final = {"speed_up": 1.6, "short_files": 2.0}
OPTIONS: Final = ("asr.model=tiny.en", "asr.device=cpu", "asr.compute_type=int8", "asr.threads_per_call=1")
SETTINGS: Final = Settings(language="en")
ORDERS: Final = {
    "alone": "alone",
    "together": "right behind a long one",
    "at_work": "when the long one is at work",
    "first_come": "the same, if first come were first served",
}


def run() -> dict[str, object]:
    found, source = recording.clips()
    audio = recording.samples(found)
    shortest = sorted(found, key=lambda clip: len(recording.samples([clip])))
    short = [clip.path for clip in (shortest * SHORT_FILES)[:SHORT_FILES]]
    with tempfile.TemporaryDirectory() as folder:
        long = Path(folder) / "long.wav"
        recording.write(long, np.tile(audio, 1 + SECONDS * recording.RATE // len(audio))[: SECONDS * recording.RATE])
        windows = len(replay.windows(long, OPTIONS))
        runs = [[speed(long, concurrency) for concurrency in (1, 2)] for _ in range(ROUNDS)]
        queue = asyncio.run(queued(long, short))
    fastest = [min((one[i] for one in runs), key=lambda run: run.wall_s) for i in (0, 1)]
    waits = {order: min(one[order] for one in queue) for order in ORDERS}
    return {
        "machine": facts("audio-workbench", "faster-whisper", "ctranslate2"),
        "source": source,
        "rounds": ROUNDS,
        "windows": windows,
        "wall_s": [round(run.wall_s, 2) for run in fastest],
        "cores": [round(run.cpu_s / run.wall_s, 2) for run in fastest],
        "speed_up": round(fastest[0].wall_s / fastest[1].wall_s, 2),
        "same_text": len({run.text for one in runs for run in one}) == 1,
        "short_files": SHORT_FILES,
        "short_files_s": {order: round(seconds, 2) for order, seconds in waits.items()},
        "ratios": {order: round(waits[order] / waits["alone"], 2) for order in list(ORDERS)[1:]},
        "targets": TARGETS,
    }


def speed(path: Path, concurrency: int) -> replay.Run:
    """With the model that `auto` takes."""
    options = [*OPTIONS, "asr.model=auto", f"asr.concurrency={concurrency}"]
    return asyncio.run(replay.run(path, options, plugins.load()))


async def queued(long: Path, short: Sequence[Path]) -> list[dict[str, float]]:
    """Seconds until all short files are done, for each order, in turns."""
    registry = plugins.load()
    profile = overridden(None, registry, [f"asr={replay.ASR}"], [*OPTIONS, "asr.concurrency=2"])
    async with Session(profile, registry) as session:
        plan = session.plan(SETTINGS)
        stages = await session.load(plan)

        async def alone(stages: Stages) -> float:
            began = time.perf_counter()
            await asyncio.gather(*(one(session, stages, path) for path in short))
            return time.perf_counter() - began

        async def behind(stages: Stages, *, is_at_work: bool) -> float:
            at_work = asyncio.Event()
            task = asyncio.create_task(one(session, stages, long, at_work))
            if is_at_work:
                await at_work.wait()
            try:
                return await alone(stages)
            finally:
                task.cancel()
                await asyncio.wait([task])

        rounds = []
        async with Pool(plan.recognizer.load, patience=0.0) as first_come:
            for _ in range(ROUNDS):
                times = [
                    await alone(stages),
                    await behind(stages, is_at_work=False),
                    await behind(stages, is_at_work=True),
                    await behind(replace(stages, recognizer=first_come), is_at_work=True),
                ]
                rounds.append(dict(zip(ORDERS, times, strict=True)))
        return rounds


async def one(session: Session, stages: Stages, path: Path, at_work: asyncio.Event | None = None) -> None:
    """Transcribe `path`; `at_work` is set when its first text is there."""

    def observe(event: events.Event) -> None:
        if at_work is not None and isinstance(event, events.Transcript):
            at_work.set()

    await transcribe(session, stages, Job(path, ((session.exporter("srt"), "srt", None),)), SETTINGS, observe)


def report(figures: dict[str, Any]) -> str:
    one, two = figures["wall_s"]
    cores, targets, waits = figures["cores"], figures["targets"], figures["short_files_s"]
    same = "the same" if figures["same_text"] else "not the same"
    target = f"target {targets['short_files']:g} times"
    return "\n".join(
        [
            f"{described(figures['machine'])}; {figures['source']}; best of {figures['rounds']}",
            f"{figures['windows']} windows: one at once {one:.2f} s on {cores[0]:.2f} cores, two {two:.2f} s on "
            f"{cores[1]:.2f}: {figures['speed_up']:.2f} times as fast, "
            f"{same} text; target {targets['speed_up']}",
            f"{figures['short_files']} short files: {waits['alone']:.2f} s alone; {target}",
            *(
                f"  {waits[order]:.2f} s {title}: {figures['ratios'][order]:.2f} times"
                for order, title in ORDERS.items()
                if order != "alone"
            ),
        ]
    )
