"""Live streams through one pool: CPU a chunk, latency, and how late the event loop gets.

Each stream sends 32 ms of speech every 32 ms, as a microphone does. It is measured against the obvious way: a model for
each stream, and a call of `asyncio.to_thread` for each chunk. Child processes, in turns.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np

from benchmarks import recording
from benchmarks.machine import child, described, facts, medians

SECONDS: Final = 6.0
CHUNK: Final = 512
CHUNK_S: Final = CHUNK / recording.RATE
GROUPS: Final = 8
"""Streams do not send all at once: at most so many groups follow each other within one chunk's time."""
CASES: Final = (
    ("pool", 1, 2),
    ("pool", 10, 2),
    ("threads", 10, 2),
    ("pool", 100, 2),
    ("threads", 100, 2),
    ("pool", 1000, 2),
)
"""(way, streams, rounds)"""
Send: TypeAlias = Callable[[int, Any], None]
"""Takes a stream's number and its chunk."""


class Streams:
    """So many microphones, each somewhere else in the same recording."""

    def __init__(self, count: int) -> None:
        found, self.source = recording.clips()
        audio = recording.samples(found)
        self.count = count
        self._chunks = audio[: len(audio) // CHUNK * CHUNK].reshape(-1, CHUNK)
        self._groups = min(GROUPS, count)
        self.sent = 0
        self.latencies: list[float] = []
        self.delays: list[float] = []

    async def play(self, send: Send) -> None:
        """For `SECONDS`; a chunk that is late is still sent, as a microphone's buffer is."""
        began = time.perf_counter()
        for tick in range(round(SECONDS / CHUNK_S * self._groups)):
            due = began + tick * CHUNK_S / self._groups
            await asyncio.sleep(due - time.perf_counter())
            self.delays.append(time.perf_counter() - due)
            for stream in range(tick % self._groups, self.count, self._groups):
                self.sent += 1
                send(stream, self._chunks[(tick // self._groups + stream * 37) % len(self._chunks)])

    def arrived(self, sent: float) -> None:
        self.latencies.append(time.perf_counter() - sent)


async def through_pool(streams: Streams) -> dict[str, float]:
    from workbench import AudioChunk, StageKind, plugins
    from workbench.pool import Pool, Reply

    silero: Any = plugins.load().find(StageKind.VAD, "silero")

    def deliver(sent: float, reply: Reply[Any]) -> None:
        if reply.error is not None:
            raise reply.error
        streams.arrived(sent)

    async with Pool(lambda: silero(silero.Options())) as pool:
        stages = [pool.open() for _ in range(streams.count)]
        positions = [0.0] * streams.count

        def send(stream: int, samples: Any) -> None:
            chunk = AudioChunk(samples, recording.RATE, positions[stream])
            positions[stream] = chunk.end
            stages[stream].submit(chunk, partial(deliver, time.perf_counter()))

        return await measured(streams, send, pool.drain)


async def through_threads(streams: Streams) -> dict[str, float]:
    """A task and a model for each stream; each chunk a future. Order holds since a stream awaits its chunk."""
    import torch
    from silero_vad import load_silero_vad

    torch.set_num_threads(1)
    models = [load_silero_vad() for _ in range(streams.count)]
    inboxes: list[asyncio.Queue[tuple[float, Any]]] = [asyncio.Queue() for _ in models]

    def detect(model: Any, samples: Any) -> float:
        with torch.inference_mode():
            return float(model(torch.from_numpy(samples), recording.RATE))

    for model in models:  # TorchScript compiles in the first calls
        for _ in range(3):
            detect(model, np.zeros(CHUNK, np.float32))

    async def work(model: Any, inbox: asyncio.Queue[tuple[float, Any]]) -> None:
        while True:
            sent, samples = await inbox.get()
            await asyncio.to_thread(detect, model, samples)
            streams.arrived(sent)
            inbox.task_done()

    async def drain() -> None:
        await asyncio.gather(*(inbox.join() for inbox in inboxes))

    tasks = [asyncio.create_task(work(*pair)) for pair in zip(models, inboxes, strict=True)]
    figures = await measured(streams, lambda s, samples: inboxes[s].put_nowait((time.perf_counter(), samples)), drain)
    for task in tasks:
        task.cancel()
    return figures


async def measured(streams: Streams, send: Send, drain: Callable[[], Awaitable[None]]) -> dict[str, float]:
    cpu, began = time.process_time(), time.perf_counter()
    await streams.play(send)
    in_time = len(streams.latencies) / streams.sent
    await drain()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    p50, p99 = np.percentile(streams.latencies, [50, 99]) * 1000
    return {
        "cpu_us_a_chunk": cpu / streams.sent * 1e6,
        "cpu_percent_of_a_core": cpu / wall * 100,
        "latency_p50_ms": float(p50),
        "latency_p99_ms": float(p99),
        "loop_lag_p99_ms": float(np.percentile(streams.delays, 99)) * 1000,
        "done_in_time": in_time,
    }


def run() -> dict[str, object]:
    rounds: dict[str, list[dict[str, float]]] = {}
    for turn in range(max(count for _, _, count in CASES)):
        for way, streams, count in CASES:
            if turn < count:
                cost = child([sys.executable, "-m", "benchmarks.pool", way, str(streams)])
                rounds.setdefault(f"{way} {streams}", []).append(json.loads(cost.output))
    cases = {name: {key: round(value, 3) for key, value in medians(each).items()} for name, each in rounds.items()}
    return {
        "machine": facts("audio-workbench", "silero-vad", "onnxruntime", "torch"),
        "source": recording.clips()[1],
        "seconds": SECONDS,
        "cases": cases,
        "ratios": {
            streams: round(
                cases[f"threads {streams}"]["cpu_us_a_chunk"] / cases[f"pool {streams}"]["cpu_us_a_chunk"], 2
            )
            for streams in sorted({streams for way, streams, _ in CASES if way == "threads"})
        },
    }


def report(figures: dict[str, Any]) -> str:
    head = (
        f"{'':<14}{'CPU a chunk':>13}{'of a core':>11}{'latency p50':>13}{'p99':>10}{'loop lag p99':>14}{'in time':>9}"
    )
    rows = [
        f"{name:<14}{case['cpu_us_a_chunk']:>10.0f} us{case['cpu_percent_of_a_core']:>9.0f} %"
        f"{case['latency_p50_ms']:>10.1f} ms{case['latency_p99_ms']:>7.1f} ms{case['loop_lag_p99_ms']:>11.1f} ms"
        f"{case['done_in_time'] * 100:>7.1f} %"
        for name, case in figures["cases"].items()
    ]
    ratios = [
        f"{streams} streams: a model and a future for each cost {ratio:.1f} times the CPU"
        for streams, ratio in figures["ratios"].items()
    ]
    return "\n".join([f"{described(figures['machine'])}; {figures['source']}", head, *rows, *ratios])


def main() -> None:
    way, count = sys.argv[1], int(sys.argv[2])
    figures = asyncio.run({"pool": through_pool, "threads": through_threads}[way](Streams(count)))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
