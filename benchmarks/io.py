"""How late the loop is while 2 GB are copied and transcribed, and what waits for the disk meanwhile.

The copy is that of a job with soft subtitles, the transcription begins at the start of the same file and is cancelled
after a while, the file is hashed as when a job begins, and a subtitle is written each half second. Threads stand back
for the loop as in the interface and the server. What else works on the machine counts: see the lag with nothing else,
and the load before.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.machine import described, facts
from benchmarks.recording import RATE, clips, samples
from benchmarks.replay import ASR
from workbench import events, plugins
from workbench.cli.overrides import overridden
from workbench.disk import Priority, disk
from workbench.engines import Settings
from workbench.files import write_atomically
from workbench.jobs.checkpoint import content_hash
from workbench.outputs import Targets
from workbench.session import Session
from workbench.stages import Stages
from workbench.subtitles.mux import Track, mux
from workbench.threads import favour_the_loop, limit_arenas
from workbench.transcribe import transcribe
from workbench.types import Cue, Samples

GIGABYTES: Final = 2.0
SECONDS: Final = 15.0
"""Of transcribing alone, and at least with copies."""
CHANNELS: Final = 2
FILE_RATE: Final = 48_000
OPTIONS: Final = ("asr.model=tiny.en", "asr.device=cpu", "asr.compute_type=int8")
TARGETS: Final = {"lag_p99_ms": 20.0}
_LOOK_S: Final = 0.005
_SUBTITLE_S: Final = 0.5
_SETTINGS: Final = Settings(language="en")


def run(seconds: float = SECONDS) -> dict[str, object]:
    load = os.getloadavg()[0]
    limit_arenas()
    favour_the_loop()
    found, source = clips()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        began = time.perf_counter()
        _write_wav(path, samples(found))
        made_s = time.perf_counter() - began
        figures = asyncio.run(_measured(path, seconds))
        size = path.stat().st_size
    return {
        "machine": facts("audio-workbench", "av", "faster-whisper"),
        "load_before": round(load, 2),
        "source": source,
        "file_gb": round(size / 1e9, 2),
        "made_s": round(made_s, 1),
        "targets": TARGETS,
        **figures,
    }


def report(figures: dict[str, Any]) -> str:
    lines = [
        f"{described(figures['machine'])}; load before {figures['load_before']}",
        f"{figures['file_gb']} GB of WAV from {figures['source']}; lag of the loop, target p99 "
        f"{figures['targets']['lag_p99_ms']:g} ms",
    ]
    for name, lag in figures["lags"].items():
        lines.append(
            f"  {name:<38} p50 {lag['p50_ms']:5.1f} ms  p99 {lag['p99_ms']:5.1f} ms  max {lag['max_ms']:5.1f} ms"
        )
    subtitles = figures["subtitles"]
    return "\n".join(
        [
            *lines,
            f"copied in {figures['copy_s']:.1f} s, hashed in {figures['hash_s']:.1f} s, while "
            f"{figures['transcribed_s']:.0f} s were transcribed",
            f"{subtitles['written']} subtitles written meanwhile: p50 {subtitles['p50_ms']:.0f} ms, "
            f"max {subtitles['max_ms']:.0f} ms",
            f"cancelled: a copy in {figures['cancel_copy_ms']:.0f} ms, one that waits in "
            f"{figures['cancel_waiting_ms']:.1f} ms, the transcription in {figures['cancel_transcription_ms']:.0f} ms",
        ]
    )


async def _measured(path: Path, seconds: float) -> dict[str, Any]:
    registry = plugins.load()
    lags: dict[str, dict[str, float]] = {}
    async with Session(overridden(None, registry, [f"asr={ASR}"], OPTIONS), registry) as session:
        stages = await session.load(session.plan(_SETTINGS))
        async with _lag(lags, "nothing else"):
            await asyncio.sleep(min(seconds, 3.0))
        async with _lag(lags, "transcribed"), _transcribed(session, stages, path):
            await asyncio.sleep(seconds)
        async with _lag(lags, "hashed and transcribed"), _transcribed(session, stages, path):
            hash_s = await _timed(content_hash(path))
        cancelled: dict[str, float] = {}
        async with _lag(lags, "copied and transcribed"), _transcribed(session, stages, path, cancelled) as reached:
            async with _subtitles(path.parent) as written:
                began = time.perf_counter()
                copy_s = await _timed(_copy(path, 1))
                await asyncio.sleep(seconds - (time.perf_counter() - began))
            transcribed_s = reached[-1]
    return {
        "lags": lags,
        "copy_s": round(copy_s, 2),
        "hash_s": round(hash_s, 2),
        "transcribed_s": round(transcribed_s, 1),
        "subtitles": {"written": len(written), **_figures(written)},
        "cancel_transcription_ms": round(cancelled["transcription"], 1),
        **await _cancelled_copies(path),
    }


@asynccontextmanager
async def _lag(lags: dict[str, dict[str, float]], name: str) -> AsyncIterator[None]:
    """Store how late the loop came back from sleep."""
    found: list[float] = []

    async def watch() -> None:
        while True:
            due = time.perf_counter() + _LOOK_S
            await asyncio.sleep(_LOOK_S)
            found.append(time.perf_counter() - due)

    async with _meanwhile(watch()):
        yield
    lags[name] = _figures(found)


@asynccontextmanager
async def _transcribed(
    session: Session, stages: Stages, path: Path, cancelled: dict[str, float] | None = None
) -> AsyncIterator[list[float]]:
    """From its start, until the end of the block, which begins with the first text. Gives where texts end."""
    reached, is_at_work = [0.0], asyncio.Event()

    def observe(event: events.Event) -> None:
        if isinstance(event, events.Transcript):
            is_at_work.set()
            reached.append(event.transcript.end)

    work = transcribe(session, stages, Targets(path, (("srt", None),)), _SETTINGS, observe)
    async with _meanwhile(work):
        await is_at_work.wait()
        yield reached
        began = time.perf_counter()
    if cancelled is not None:
        cancelled["transcription"] = (time.perf_counter() - began) * 1e3


@asynccontextmanager
async def _subtitles(folder: Path) -> AsyncIterator[list[float]]:
    """Give how long each took, in seconds."""
    took: list[float] = []

    async def write() -> None:
        for number in count():
            work = partial(write_atomically, folder / f"{number}.srt", bytes(50_000), overwrite=True)
            took.append(await _timed(disk().run(work)))
            await asyncio.sleep(_SUBTITLE_S)

    async with _meanwhile(write()):
        yield took


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Do `work` until the end of the block; what it raises is raised there."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        yield
        task.cancel()


async def _copy(path: Path, number: int) -> None:
    """As a job makes one."""
    stop, track = threading.Event(), Track([Cue(0.5, 2.0, "A subtitle.")], "en")
    output = path.with_name(f"copy{number}.mkv")
    await disk().run(partial(mux, path, [track], output, stop=stop), priority=Priority.COPY, stop=stop)


async def _cancelled_copies(path: Path) -> dict[str, float]:
    """How long those take that are cancelled: the last of three waits, as two run at once."""
    copies = [asyncio.create_task(_copy(path, number)) for number in (2, 3, 4)]
    await asyncio.sleep(1.5)
    took = {
        name: round(1e3 * await _timed(_ended(copy)), 2) for name, copy in zip("wrc", reversed(copies), strict=True)
    }
    return {"cancel_waiting_ms": took["w"], "cancel_copy_ms": max(took["r"], took["c"])}


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def _timed(work: Coroutine[Any, Any, object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


def _figures(seconds: list[float]) -> dict[str, float]:
    p50, p99, most = (1e3 * float(np.percentile(seconds, q)) for q in (50, 99, 100))
    return {"p50_ms": round(p50, 2), "p99_ms": round(p99, 2), "max_ms": round(most, 2)}


def _write_wav(path: Path, speech: Samples) -> None:
    """The same speech again and again, on every channel."""
    import wave

    import soxr

    resampled = soxr.resample(speech, RATE, FILE_RATE)
    once = np.repeat((np.clip(resampled, -1, 1) * 32767).astype("<i2")[:, None], CHANNELS, axis=1)
    left = round(GIGABYTES * 1e9 / once[0].nbytes)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(CHANNELS)
        out.setsampwidth(2)
        out.setframerate(FILE_RATE)
        out.setnframes(left)
        while left > 0:
            out.writeframesraw(once[:left].tobytes())
            left -= len(once)
