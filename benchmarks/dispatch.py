"""What dispatching costs without a model: CPU an item of a pool whose engine does nothing.

Streams send a chunk every 32 ms; what sending them costs without a pool is taken off.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from benchmarks.machine import described, facts
from workbench.engines import BatchEngine, Settings, StageKind
from workbench.pool import Pool, Reply
from workbench.types import AudioChunk

SECONDS: Final = 4.0
CHUNK_S: Final = 0.032
TICKS: Final = 8
"""The streams send in this many groups, one after the other."""


class Nothing(BatchEngine[AudioChunk, float, None]):
    kind = StageKind.VAD
    name = "nothing"
    max_batch = 256

    def open(self, settings: Settings) -> None:
        return None

    def process_batch(self, work: Sequence[tuple[AudioChunk, None]]) -> list[list[float]]:
        return [[] for _ in work]

    def cost(self, item: AudioChunk) -> float:
        return item.duration


async def send(streams: int, submit: Callable[[int, AudioChunk, float], object]) -> float:
    """CPU seconds of all threads while `streams` send for `SECONDS`."""
    chunk = AudioChunk(np.zeros(512, np.float32), 16_000, 0.0)
    began, cpu = time.perf_counter(), time.process_time()
    for tick in range(round(SECONDS / CHUNK_S * TICKS)):
        now = time.perf_counter()
        for stream in range(tick % TICKS, streams, TICKS):
            submit(stream, chunk, now)
        await asyncio.sleep(began + (tick + 1) * CHUNK_S / TICKS - time.perf_counter())
    return time.process_time() - cpu


async def measured(streams: int) -> dict[str, float]:
    latencies: list[float] = []

    def take(sent: float, reply: Reply[float]) -> None:
        latencies.append(time.perf_counter() - sent)

    async with Pool(lambda: Nothing(None)) as pool:
        stages = [pool.open() for _ in range(streams)]
        alone = await send(streams, lambda stream, chunk, now: take(now, Reply()))
        latencies.clear()
        pooled = await send(streams, lambda s, chunk, now: stages[s].submit(chunk, lambda r: take(now, r)))
        await pool.drain()
        p50, p99 = np.percentile(latencies, [50, 99]) * 1000
        return {
            "cpu_us_an_item": (pooled - alone) / len(latencies) * 1e6,
            "items_a_hop": len(latencies) / pool.statistics().hops,
            "latency_p50_ms": float(p50),
            "latency_p99_ms": float(p99),
        }


async def awaited() -> float:
    """Microseconds an item takes one stream that awaits each before it sends the next, as a file job does."""
    chunk = AudioChunk(np.zeros(512, np.float32), 16_000, 0.0)
    async with Pool(lambda: Nothing(None)) as pool, pool.open() as stage:
        began = time.perf_counter()
        for _ in range(5000):
            await stage.process(chunk)
        return (time.perf_counter() - began) / 5000 * 1e6


def run() -> dict[str, object]:
    cases = {str(streams): asyncio.run(measured(streams)) for streams in (1, 10, 100, 1000)}
    return {
        "machine": facts("audio-workbench"),
        "seconds": SECONDS,
        "cases": cases,
        "awaited_us": asyncio.run(awaited()),
    }


def report(figures: dict[str, Any]) -> str:
    rows = [
        f"{streams:>5} streams: {case['cpu_us_an_item']:5.1f} us CPU an item, {case['items_a_hop']:5.1f} items a hop, "
        f"latency p50 {case['latency_p50_ms']:.1f} ms, p99 {case['latency_p99_ms']:.1f} ms"
        for streams, case in figures["cases"].items()
    ]
    return "\n".join(
        [described(figures["machine"]), *rows, f"awaited one by one: {figures['awaited_us']:.0f} us an item"]
    )
