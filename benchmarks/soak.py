"""Memory, threads and open descriptors of a live session that goes on for half an hour of audio, or longer.

Real speech from a file, played faster than it was said, with interim text and translation. When the engines do not keep
up, the rest is worked off from the disk at the end. Figures are read after each minute of audio that was worked on.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import recording, replay
from benchmarks.live import MODEL, TARGET_LANGUAGE, TRANSLATION, environment
from benchmarks.machine import described, facts
from workbench import Settings, events, plugins
from workbench.audio.decode import decode
from workbench.audio.wav import WavWriter
from workbench.cli.overrides import overridden
from workbench.live import Live, Source
from workbench.threads import limit_arenas

SECONDS: Final = 1800.0
PACE: Final = 8.0
"""Times real time that the file is played at."""
WARM_UP: Final = 2
"""Minutes of audio at the start that do not count."""
TARGET_MB: Final = 1.0
"""Growth a minute."""


@dataclass(frozen=True, slots=True)
class Reading:
    audio_s: float
    wall_s: float
    rss_mb: float
    threads: int
    descriptors: int


def run(seconds: float = SECONDS) -> dict[str, object]:
    limit_arenas()  # as the command does
    with tempfile.TemporaryDirectory() as name, environment(WORKBENCH_DATA_DIR=f"{name}/data"):
        path = Path(name) / "speech.wav"
        source = write(path, seconds)
        load = os.getloadavg()[0]
        readings = asyncio.run(session(path))
    steady = [reading for reading in readings if reading.audio_s >= WARM_UP * 60]
    return {
        "machine": facts("audio-workbench", "workbench-faster-whisper", "ctranslate2"),
        "model": MODEL,
        "source": source,
        "pace": PACE,
        "load_before": round(load, 2),
        "audio_min": round(readings[-1].audio_s / 60, 1),
        "speed": round(readings[-1].audio_s / readings[-1].wall_s, 2),
        "rss_mb": [round(reading.rss_mb, 1) for reading in readings],
        "growth_mb_an_audio_min": growth(steady, "audio_s"),
        "growth_mb_a_wall_min": growth(steady, "wall_s"),
        "threads": extremes(steady, "threads"),
        "descriptors": extremes(steady, "descriptors"),
        "target_mb": TARGET_MB,
    }


def write(path: Path, seconds: float) -> str:
    """Speech, clip by clip: this process must not have held all of it."""
    clips, source = recording.clips()
    left = round(seconds * recording.RATE)
    with WavWriter(path, recording.RATE) as wav:
        while left > 0:
            for clip in clips:
                for chunk in decode(clip.path):
                    wav.write(chunk.samples[:left])
                    left -= len(chunk.samples[:left])
                pause = np.zeros(min(left, recording.RATE), np.float32)
                wav.write(pause)
                left -= len(pause)
        wav.commit()
    return source


async def session(path: Path) -> list[Reading]:
    """Readings at each minute of audio."""
    registry, found = plugins.load(), list[Reading]()
    engines = [f"vad={replay.VAD}", f"asr={replay.ASR}", f"translation={TRANSLATION}"]
    profile = overridden(None, registry, engines, [f"asr.model={MODEL}", "asr.device=cpu"])
    began = time.monotonic()

    def look(event: events.Event) -> None:
        if isinstance(event, events.Progress) and event.position >= 60 * (len(found) + 1):
            found.append(read(event.position, time.monotonic() - began))

    async with Live(profile, registry, Settings(language="en", target_language=TARGET_LANGUAGE)) as live:
        live.change()
        await live.settled()
        began = time.monotonic()
        live.observe(look)
        await live.start(Source(path=path, pace=PACE))
        await live.finished()
    return found


def read(audio_s: float, wall_s: float) -> Reading:
    """What this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Reading(
        audio_s,
        wall_s,
        pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        len(os.listdir("/proc/self/task")),
        len(os.listdir("/proc/self/fd")),
    )


def growth(readings: Sequence[Reading], clock: str) -> float:
    """MB a minute: the slope of the line that fits best."""
    minutes = [getattr(reading, clock) / 60 for reading in readings]
    return round(float(np.polyfit(minutes, [reading.rss_mb for reading in readings], 1)[0]), 3)


def extremes(readings: Sequence[Reading], name: str) -> tuple[int, int]:
    values = [getattr(reading, name) for reading in readings]
    return min(values), max(values)


def report(figures: dict[str, Any]) -> str:
    rss = figures["rss_mb"]
    threads, descriptors = (" to ".join(map(str, figures[name])) for name in ("threads", "descriptors"))
    return "\n".join(
        [
            f"{described(figures['machine'])}; {figures['model']}; load before {figures['load_before']}",
            f"{figures['audio_min']:.0f} minutes of {figures['source']} at {figures['speed']:.1f} times real time "
            f"(played at {figures['pace']:.0f})",
            f"memory {rss[WARM_UP - 1]:.0f} MB after {WARM_UP} minutes, {rss[-1]:.0f} MB at the end, {max(rss):.0f} MB "
            f"at most: {figures['growth_mb_an_audio_min']:+.2f} MB a minute of audio, "
            f"{figures['growth_mb_a_wall_min']:+.2f} MB a minute of time; target {figures['target_mb']:.0f} MB",
            f"threads {threads}, descriptors {descriptors}",
        ]
    )
