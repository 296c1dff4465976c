"""What the pool itself costs: CPU per item with an engine that does nothing, streams that send a chunk every 32 ms.

python benchmarks/pool_overhead.py [SECONDS]
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from workbench.engines import BatchEngine, Settings, StageKind
from workbench.pool import Pool, Reply
from workbench.types import AudioChunk

CHUNK_S = 0.032
TICKS = 8
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


async def send(streams: int, seconds: float, submit: Callable[[int, AudioChunk, float], object]) -> float:
    """CPU seconds of all threads while `streams` send for `seconds`."""
    chunk = AudioChunk(np.zeros(512, np.float32), 16_000, 0.0)
    began, cpu = time.perf_counter(), time.process_time()
    for tick in range(round(seconds / CHUNK_S * TICKS)):
        now = time.perf_counter()
        for stream in range(tick % TICKS, streams, TICKS):
            submit(stream, chunk, now)
        await asyncio.sleep(began + (tick + 1) * CHUNK_S / TICKS - time.perf_counter())
    return time.process_time() - cpu


async def measure(streams: int, seconds: float) -> None:
    latencies: list[float] = []

    def take(sent: float, reply: Reply[float]) -> None:
        latencies.append(time.perf_counter() - sent)

    async with Pool(lambda: Nothing(None)) as pool:
        stages = [pool.open() for _ in range(streams)]
        alone = await send(streams, seconds, lambda stream, chunk, now: take(now, Reply()))
        latencies.clear()
        pooled = await send(streams, seconds, lambda s, chunk, now: stages[s].submit(chunk, lambda r: take(now, r)))
        await pool.drain()
        hops, items = pool.statistics().hops, len(latencies)
    p50, p99 = np.percentile(latencies, [50, 99]) * 1e3
    cost = (pooled - alone) / items * 1e6
    print(f"{streams:5} streams: {cost:5.1f} us CPU an item, {items / hops:5.1f} items a hop,", end=" ")
    print(f"{pooled / seconds * 100:4.1f} % of a core, latency p50 {p50:.1f} ms, p99 {p99:.1f} ms")


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    for streams in (1, 10, 100, 1000):
        asyncio.run(measure(streams, seconds))


if __name__ == "__main__":
    main()
