"""What the Live screen costs: CPU and bytes to the terminal while everything on it moves and while nothing does.

The interface runs on a terminal of its own. Its session is played: four times a second a level, interim text, latencies
and queues that all change, so that the figures are those of the screen and not of engines.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from dataclasses import replace
from statistics import median, quantiles
from typing import Any, Final

import numpy as np

from benchmarks.machine import described, facts
from tests.tui.conftest import FakeLive
from tests.tui.terminal import Terminal
from workbench import events
from workbench.engines import Settings, StageKind
from workbench.live import LivePhase, StageStatus
from workbench.models.states import ModelState, Phase
from workbench.types import Transcript

SIZES: Final = ((80, 24), (120, 40), (160, 50))
SECONDS: Final = 20.0
KEYS: Final = 20
TARGETS: Final = {"cpu_percent": 5.0, "bytes_per_s": 10_000, "idle_bytes": 0, "key_ms": 50.0}
_STEP_S: Final = 0.25
_ENGINES: Final = (
    (StageKind.VAD, "silero", ""),
    (StageKind.ASR, "faster-whisper", "tiny.en"),
    (StageKind.TRANSLATION, "bergamot", "en-pt"),
    (StageKind.TTS, "nanotts", ""),
)
_TEXT: Final = (
    "so the checkpoint is only written after the segment is final and the folder is synchronized "
    "too because nothing else would survive a loss of power"
)
_WORDS: Final = _TEXT.split()
_TIME: Final = re.compile(r"^ +\d+:\d\d", re.MULTILINE)
"""Of a caption."""


def run() -> dict[str, object]:
    figures: dict[str, object] = {"machine": facts("textual", "rich"), "seconds": SECONDS, "targets": TARGETS}
    for columns, rows in SIZES:
        figures[f"{columns}x{rows}"] = _measured((columns, rows))
    return figures


def report(figures: dict[str, Any]) -> str:
    lines = [f"{described(figures['machine'])}; {figures['seconds']:.0f} s each, of one core"]
    for size in (f"{columns}x{rows}" for columns, rows in SIZES):
        of = figures[size]
        moving = f"moving {of['cpu_percent']:4.1f} % {of['bytes_per_s']:6.0f} B/s"
        idle = f"idle {of['idle_cpu_percent']:4.1f} % {of['idle_bytes']} B"
        keys = f"key answered in {of['key_ms_p50']:.0f} ms (p95 {of['key_ms_p95']:.0f})"
        lines.append(f"{size:<8} {moving}   {idle}   {keys}")
    targets = figures["targets"]
    wanted = "{cpu_percent:.0f} % and {bytes_per_s} B/s moving, {idle_bytes} B idle, keys {key_ms:.0f} ms"
    return "\n".join([*lines, "targets: " + wanted.format(**targets)])


def _measured(size: tuple[int, int]) -> dict[str, float]:
    from psutil import Process

    with tempfile.TemporaryDirectory() as home:
        folders = {f"WORKBENCH_{name}_DIR": f"{home}/{name.lower()}" for name in ("CONFIG", "DATA", "STATE", "CACHE")}
        with Terminal("-m", "benchmarks.interface", size=size, env=folders) as terminal:
            process = Process(terminal.process.pid)

            def watched() -> tuple[int, float]:
                before = sum(process.cpu_times()[:2])
                written = terminal.read_for(SECONDS)
                return written, 100 * (sum(process.cpu_times()[:2]) - before) / SECONDS

            terminal.shows("READY")
            terminal.read(2.0)
            idle_bytes, idle_cpu = watched()
            terminal.type("r")
            terminal.shows("REC")
            moving_bytes, moving_cpu = watched()
            keys = [_key_ms(terminal, shown=bool(number % 2)) for number in range(KEYS)]
            terminal.type("Q")
    return {
        "cpu_percent": round(moving_cpu, 2),
        "bytes_per_s": round(moving_bytes / SECONDS),
        "idle_cpu_percent": round(idle_cpu, 2),
        "idle_bytes": idle_bytes,
        "key_ms_p50": round(median(keys), 1),
        "key_ms_p95": round(quantiles(keys, n=20)[-1], 1),
    }


def _key_ms(terminal: Terminal, *, shown: bool) -> float:
    """How long it takes until times are `shown` or gone after the key for that."""
    began = time.monotonic() - terminal.started
    terminal.type("t")
    return 1000 * (terminal.until(lambda: bool(_TIME.search(terminal.text)) == shown) - began)


async def _play(live: FakeLive) -> None:
    """Let everything change, from when the session runs."""
    random, step = np.random.default_rng(1), 0
    while True:
        await asyncio.sleep(_STEP_S)
        if live.phase is not LivePhase.RECORDING:
            continue
        step += 1
        loudness = random.uniform(0, 1)
        live.meter.add((random.uniform(-1, 1, 4000) * loudness).astype(np.float32), 16_000)
        live.given = replace(
            live.given,
            label="USB Audio",
            captured=step * _STEP_S,
            done=max(0.0, step * _STEP_S - 1.5),
            reached=max(0.0, step * _STEP_S - random.uniform(0, 1.5)),
            stages=tuple(
                StageStatus(*engine, random.uniform(0.1, 0.9), random.uniform(0.9, 2), step % 9, 9, step // 10, 0)
                for engine in _ENGINES
            ),
        )
        _say(live, *divmod(step, len(_WORDS) + 2))


def _say(live: FakeLive, segment: int, words: int) -> None:
    start = segment * (len(_WORDS) + 2) * _STEP_S
    text, is_final = " ".join(_WORDS[:words]), words > len(_WORDS)
    transcript = Transcript(
        segment_id=segment,
        text=text,
        language="en",
        start=start,
        end=start + words * _STEP_S,
        stable=" ".join(_WORDS[: max(0, words - 2)]),
        is_final=is_final,
    )
    if words == 1:
        live.tell(events.SpeechStarted(segment_id=segment, start=start))
    live.tell(events.Transcript(transcript=transcript))
    if is_final:
        live.tell(events.SpeechEnded(segment_id=segment, start=start, end=transcript.end))
        live.tell(events.Translation(transcript=transcript, translation=transcript.translated(text.upper(), "pt")))


async def _interface() -> None:
    """In a process of its own, on its terminal."""
    from workbench.tui.app import WorkbenchApp
    from workbench.tui.choices import Choices

    states = tuple(ModelState(kind, engine, model, Phase.READY) for kind, engine, model in _ENGINES)
    live = FakeLive(states=states, settings=Settings(language="en", target_language="pt"))

    async def open_live() -> Any:
        return live

    app = WorkbenchApp(open_live, Choices(screen="live", welcomed=True))
    playing = asyncio.create_task(_play(live))
    await app.run_async()
    playing.cancel()


if __name__ == "__main__":
    os.environ.pop("SSH_TTY", None)
    sys.exit(asyncio.run(_interface()))
