"""Speech played into null sinks of 16, 44.1 and 48 kHz: what is captured of it, and how soon a lost device is told.

A minute of speech, or of noise where the recordings are not, each compared with the samples that were played.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.machine import described, facts
from benchmarks.sound import SPEECH, SoundServer, heard, missing, sound_server, speech
from workbench.builtin.microphone import MicrophoneCapture
from workbench.engines import Settings
from workbench.errors import DeviceLost
from workbench.types import AudioChunk

RATES: Final = (16_000, 44_100, 48_000)
SECONDS: Final = 60.0
LOSSES: Final = 5
_BEFORE_S: Final = 2.0
_AFTER_S: Final = 3.0


def run(seconds: float = SECONDS) -> dict[str, object]:
    if reason := missing():
        raise SystemExit(reason)
    with tempfile.TemporaryDirectory() as folder, sound_server(Path(folder)) as server:
        os.environ.update(server.environment)
        captures = [_captured(server, rate, seconds) for rate in RATES]
        losses = [_loss(server) for _ in range(LOSSES)]
    return {
        "machine": facts("sounddevice", "soxr", "pulsectl"),
        "source": "real speech" if SPEECH.is_dir() else "noise",
        "seconds": seconds,
        "captures": captures,
        "losses": LOSSES,
        "told_after_s": {"median": round(median(losses), 3), "max": round(max(losses), 3)},
    }


def report(figures: dict[str, Any]) -> str:
    head = f"{figures['seconds']:.0f} s of {figures['source']} into a null sink, heard from its monitor"
    rows = [
        f"{one['rate']:>7} Hz   {one['got']} of {one['expected']} samples   correlation {one['correlation']:.7f}   "
        f"overflows {one['overflows']}   chunks at most {one['longest_wait_ms']:.0f} ms apart   "
        f"{one['cpu_percent']:.1f} % CPU"
        for one in figures["captures"]
    ]
    told = figures["told_after_s"]
    loss = f"unplugged {figures['losses']} times: told after {told['median']} s (median), {told['max']} s (max)"
    return "\n".join([described(figures["machine"]), head, *rows, loss])


def _captured(server: SoundServer, rate: int, seconds: float) -> dict[str, float]:
    server.load("bench", rate)
    played = speech(seconds, rate)
    source = MicrophoneCapture(MicrophoneCapture.Options(device="bench.monitor"))
    with closing(source.open(Settings())) as chunks:
        before = [chunk.samples for chunk in _until(chunks, _BEFORE_S)]
        player, cpu_s, waits = server.play(played, rate, "bench"), time.process_time(), [time.monotonic()]
        rest = []
        end = math.inf  # seconds on the timeline
        for chunk in chunks:
            rest.append(chunk.samples)
            waits.append(time.monotonic())
            if player.poll() is not None:  # how late it begins is the sound server's affair
                end = min(end, chunk.end + _AFTER_S)
            if chunk.end >= end:
                break
        cpu_s = time.process_time() - cpu_s
    server.unload()
    recorded = np.concatenate([*before, *rest])
    result = heard(recorded, played, rate)
    expected = round(len(played) / rate * 16_000)
    return {
        "rate": rate,
        "expected": expected,
        "got": min(expected, len(recorded) - round(result.lag_s * 16_000)),
        "correlation": result.correlation,
        "overflows": source.overflows,
        "longest_wait_ms": float(np.diff(waits).max()) * 1000,
        "cpu_percent": 100 * cpu_s / (waits[-1] - waits[0]),
    }


def _loss(server: SoundServer) -> float:
    """Seconds from unplugging to the error, while another source is there to be mistaken for it."""
    server.load("other")
    server.load("bench")
    source = MicrophoneCapture(MicrophoneCapture.Options(device="bench.monitor"))
    with closing(source.open(Settings())) as chunks:
        next(chunks)
        began = time.monotonic()
        server.unload("bench")
        try:
            for _ in chunks:
                pass
        except DeviceLost:
            return time.monotonic() - began
        finally:
            server.unload()
    raise AssertionError("the capture ended without a word")


def _until(chunks: Iterator[AudioChunk], end: float) -> Iterator[AudioChunk]:
    for chunk in chunks:
        yield chunk
        if chunk.end >= end:
            return
