"""Two windows at once against one, and ten short files behind a long one.

Wall-clock time, so it needs two cores that nobody else uses. For windows the median ratio of all rounds is given beside
that of the shortest times, for a small and a larger model: the smaller it is, the more of the work is not recognition.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks import recording, replay
from benchmarks.machine import described, facts
from workbench import Settings, events, plugins
from workbench.cli.overrides import overridden
from workbench.outputs import Targets
from workbench.pool import Pool
from workbench.session import Session
from workbench.stages import Stages
from workbench.transcribe import transcribe

ROUNDS: Final = 3
MODELS: Final = ("tiny.en", "base")
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
        speed_ups = {model: speed_up(long, model) for model in MODELS}
        queue = asyncio.run(queued(long, short))
    waits = {order: min(one[order] for one in queue) for order in ORDERS}
    return {
        "machine": facts("audio-workbench", "faster-whisper", "ctranslate2"),
        "source": source,
        "rounds": ROUNDS,
        "windows": windows,
        "speed_ups": speed_ups,
        "short_files": SHORT_FILES,
        "short_files_s": {order: round(seconds, 2) for order, seconds in waits.items()},
        "ratios": {order: round(waits[order] / waits["alone"], 2) for order in list(ORDERS)[1:]},
        "targets": TARGETS,
    }


def speed_up(path: Path, model: str) -> dict[str, Any]:
    """One window at once and two, in turns."""

    def once(concurrency: int) -> replay.Run:
        options = [*OPTIONS, f"asr.model={model}", f"asr.concurrency={concurrency}"]
        return asyncio.run(replay.run(path, options, plugins.load()))

    rounds = [(once(1), once(2)) for _ in range(ROUNDS)]
    one, two = (min((r[i] for r in rounds), key=lambda run: run.wall_s) for i in (0, 1))
    return {
        "wall_s": [round(one.wall_s, 2), round(two.wall_s, 2)],
        "cores": [round(one.cpu_s / one.wall_s, 2), round(two.cpu_s / two.wall_s, 2)],
        "shortest": round(one.wall_s / two.wall_s, 2),
        "median": round(median(a.wall_s / b.wall_s for a, b in rounds), 2),
        "same_text": len({run.text for pair in rounds for run in pair}) == 1,
    }


async def queued(long: Path, short: Sequence[Path]) -> list[dict[str, float]]:
    """Seconds until all short files are done, for each order, in turns."""
    registry = plugins.load()
    profile = overridden(None, registry, [f"asr={replay.ASR}"], [*OPTIONS, "asr.concurrency=2"])
    async with Session(profile, registry) as session:
        plan = session.plan(SETTINGS)
        stages = await session.load(plan)
        assert plan.recognizer is not None

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

    await transcribe(session, stages, Targets(path, (("srt", None),)), SETTINGS, observe)


def report(figures: dict[str, Any]) -> str:
    targets, waits = figures["targets"], figures["short_files_s"]
    target = f"target {targets['short_files']:g} times"
    return "\n".join(
        [
            f"{described(figures['machine'])}; {figures['source']}; {figures['rounds']} rounds",
            f"{figures['windows']} windows, two at once against one; target {targets['speed_up']} times",
            *(_speed_up_line(model, found) for model, found in figures["speed_ups"].items()),
            f"{figures['short_files']} short files: {waits['alone']:.2f} s alone; {target}",
            *(
                f"  {waits[order]:.2f} s {title}: {figures['ratios'][order]:.2f} times"
                for order, title in ORDERS.items()
                if order != "alone"
            ),
        ]
    )


def _speed_up_line(model: str, found: dict[str, Any]) -> str:
    (one, two), cores = found["wall_s"], found["cores"]
    same = "the same" if found["same_text"] else "not the same"
    return (
        f"  {model:<8} {one:.2f} s on {cores[0]:.2f} cores, {two:.2f} s on {cores[1]:.2f}: shortest times "
        f"{found['shortest']:.2f}, median ratio {found['median']:.2f} times as fast, {same} text"
    )
