"""What finding speech in many live streams costs: the CPU time of one frame of 32 ms.

Real speech from another place for each stream, one frame at a time. Three ways, each in a process of its own, in turns:
a TorchScript model for each stream and a thread's turn for each frame; the package's ONNX wrapper for each stream, in
the same way; and `StreamProcessor`, whose streams share one engine. "alone" are the models without asyncio around them,
as fast as they can; "delivered" are streams in real time, sent and told on an asyncio loop.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks import recording
from benchmarks.machine import child, described, facts

RATE: Final = 16_000
FRAME: Final = 512
FRAME_S: Final = FRAME / RATE
ROUNDS: Final = 3
SECONDS: Final = 4.0
"""Of audio, after a warm-up of one."""
STREAMS: Final = (1, 10, 100, 1000)
MANY: Final = 100
"""The most streams of the ways that hold a model for each."""
WAYS: Final = {"jit": "a TorchScript model each", "onnx": "the package's ONNX wrapper each", "ours": "StreamProcessor"}
TIMED: Final = 8
"""Of our streams, one in so many tells its latency: that costs as much as a stream does."""
TICKS: Final = 16
"""Groups in which the streams send, one after the other, within a frame's time."""
CONCURRENCY: Final = 2
"""Of our engine, when delivered."""
TARGETS: Final = {"alone": 15, "delivered": 5, "stream_kb": 8, "cores": 1.2, "lag_ms": 5, "latency_ms": 30}
Pcm = npt.NDArray[np.int16]


def run() -> dict[str, object]:
    cases: dict[str, list[dict[str, float]]] = {}
    for _ in range(ROUNDS):
        for streams in STREAMS:
            for way in WAYS:
                if way != "ours" and streams > MANY:
                    continue
                for how in ("alone", "delivered", *(["memory"] if streams == STREAMS[-1] else [])):
                    command = [sys.executable, "-m", "benchmarks.vad", way, how, str(streams)]
                    cases.setdefault(f"{way} {how} {streams}", []).append(json.loads(child(command).output))
    figures = {case: {name: median(one[name] for one in found) for name in found[0]} for case, found in cases.items()}
    return {
        "machine": facts("audio-workbench", "workbench-silero-vad", "silero-vad", "torch", "onnxruntime"),
        "load_before": round(os.getloadavg()[0], 2),
        "rounds": ROUNDS,
        "seconds": SECONDS,
        "cases": figures,
        "ratios": {
            how: median(
                a["cpu_us_a_frame"] / b["cpu_us_a_frame"]
                for a, b in zip(cases[f"jit {how} {MANY}"], cases[f"ours {how} {MANY}"], strict=True)
            )
            for how in ("alone", "delivered")
        },
        "stream_kb": figures["ours memory 1000"]["stream_kb"],
        "targets": TARGETS,
    }


# in a child process


def measure(way: str, how: str, streams: int) -> dict[str, float]:
    if how == "memory":
        return asyncio.run(memory(streams))
    speech = sound(streams)
    if how == "alone":
        return alone(engine_alone(streams) if way == "ours" else models(way, streams), speech)
    return asyncio.run(ours(speech) if way == "ours" else a_model_each(way, speech))


def sound(streams: int) -> Pcm:
    """(frames, streams, FRAME): what each stream hears, from different places of one recording."""
    found, _ = recording.clips()
    pcm = (recording.samples(found) * 32767).astype(np.int16)
    frames = round((SECONDS + 1) / FRAME_S)
    starts = np.linspace(0, len(pcm) - frames * FRAME - 1, streams).astype(int)
    return np.stack([pcm[start : start + frames * FRAME].reshape(frames, FRAME) for start in starts], axis=1)


Judge = Callable[[Pcm], object]
"""Judges a frame of each stream: (streams, FRAME)."""


def models(way: str, streams: int) -> Judge:
    iterators = [iterator(way) for _ in range(streams)]

    def judge(frames: Pcm) -> None:
        for one, frame in zip(iterators, frames, strict=True):
            one(frame)

    return judge


def iterator(way: str) -> Callable[[Pcm], object]:
    """A `VADIterator` with a model of its own, which takes a frame."""
    import torch
    from silero_vad import VADIterator, load_silero_vad

    torch.set_num_threads(1)
    found = VADIterator(load_silero_vad(onnx=way == "onnx"), sampling_rate=RATE)

    def judge(frame: Pcm) -> object:
        return found(torch.from_numpy(frame.astype(np.float32) / 32768.0))

    for _ in range(3):  # TorchScript compiles in its first calls
        judge(np.zeros(FRAME, np.int16))
    found.reset_states()
    return judge


def engine_alone(streams: int) -> Judge:
    """Our engine, without the loop and the pool."""
    from workbench_silero_vad import Silero  # type: ignore[import-untyped]

    engine = Silero(Silero.Options())
    memories: list[bytes | None] = [None] * streams

    def judge(frames: Pcm) -> None:
        samples = frames * np.float32(1 / 32768)
        for first in range(0, streams, engine.max_batch):
            some = slice(first, first + engine.max_batch)
            _, memories[some] = engine.judge(samples[some], RATE, memories[some])

    return judge


def alone(judge: Judge, speech: Pcm) -> dict[str, float]:
    warm = round(1 / FRAME_S)
    for frames in speech[:warm]:
        judge(frames)
    cpu = time.process_time()
    for frames in speech[warm:]:
        judge(frames)
    return {"cpu_us_a_frame": (time.process_time() - cpu) / (len(speech) - warm) / speech.shape[1] * 1e6}


async def a_model_each(way: str, speech: Pcm) -> dict[str, float]:
    """For each stream a task, a model and a queue; each frame has its turn in a thread."""
    queues = [asyncio.Queue[tuple[float, Pcm] | None]() for _ in range(speech.shape[1])]
    iterators = [iterator(way) for _ in queues]
    latencies: list[float] = []

    async def serve(queue: asyncio.Queue[tuple[float, Pcm] | None], judge: Callable[[Pcm], object]) -> None:
        while (sent := await queue.get()) is not None:
            await asyncio.to_thread(judge, sent[1])
            latencies.append(time.perf_counter() - sent[0])

    async with asyncio.TaskGroup() as tasks:
        for queue, judge in zip(queues, iterators, strict=True):
            tasks.create_task(serve(queue, judge))
        puts = [partial(_put, queue) for queue in queues]
        figures = await sent(list(speech), puts, latencies)
        for queue in queues:
            queue.put_nowait(None)
    return figures


def _put(queue: asyncio.Queue[tuple[float, Pcm] | None], frame: Pcm) -> None:
    queue.put_nowait((time.perf_counter(), frame))


async def ours(speech: Pcm) -> dict[str, float]:
    from workbench.audio.pcm import Audio
    from workbench.judging import Turn
    from workbench.pool import Pool
    from workbench.stream import StreamProcessor
    from workbench.threads import favour_the_loop
    from workbench_silero_vad import Silero

    favour_the_loop()  # as the server does
    latencies: list[float] = []

    class Timed(StreamProcessor):
        """Tells how long each frame took to be judged."""

        def feed(self, data: Audio) -> None:
            fed[self].append(time.perf_counter())
            super().feed(data)

        def _take(self, turn: Turn) -> None:
            super()._take(turn)
            now = time.perf_counter()
            latencies.extend(now - fed[self].popleft() for found in turn.found for _ in found.probabilities)

    octets = [[frame.tobytes() for frame in frames] for frames in speech]  # as from a socket
    async with Pool(lambda: Silero(Silero.Options(concurrency=CONCURRENCY))) as pool:
        kinds = [StreamProcessor if index % TIMED else Timed for index in range(speech.shape[1])]
        streams = [kind(pool, keep_audio=False) for kind in kinds]
        fed: dict[StreamProcessor, deque[float]] = {stream: deque() for stream in streams}
        feeds = [stream.feed for stream in streams]
        figures = await sent(octets, feeds, latencies, lambda: sum(one.statistics().frames_judged for one in streams))
        for stream in streams:
            await stream.judged()
        judged = sum(stream.statistics().frames_judged for stream in streams)
        assert judged == len(octets) * len(streams), "frames are missing"
        await asyncio.gather(*(stream.close() for stream in streams))
    return figures


async def memory(streams: int) -> dict[str, float]:
    """What each stream after the first hundred holds once it has been judged: all hear the same second."""
    from workbench.pool import Pool
    from workbench.stream import StreamProcessor
    from workbench_silero_vad import Silero

    frame = np.zeros(FRAME, np.int16).tobytes()
    async with Pool(lambda: Silero(Silero.Options(concurrency=CONCURRENCY))) as pool:

        async def more(count: int) -> list[StreamProcessor]:
            opened = [StreamProcessor(pool, keep_audio=False) for _ in range(count)]
            for first in range(0, count, MANY):
                for _ in range(round(1 / FRAME_S)):
                    for stream in opened[first : first + MANY]:
                        stream.feed(frame)
                    for stream in opened[first : first + MANY]:
                        await stream.judged()
            gc.collect()
            return opened

        few = await more(MANY)
        before = memory_mb()
        many = await more(streams - MANY)
        held = (memory_mb() - before) * 1e3 / len(many)
        await asyncio.gather(*(stream.close() for stream in few + many))
    return {"stream_kb": held}


async def sent(
    speech: Sequence[Any],
    sends: Sequence[Callable[[Any], object]],
    latencies: list[float],
    judged: Callable[[], int] | None = None,
) -> dict[str, float]:
    """Send frames of each stream in real time; what came of those after the first second."""
    warm, streams = round(1 / FRAME_S), len(speech[0])
    lags: list[float] = []
    gc.collect()
    gc.freeze()

    async def watch() -> None:
        while True:
            due = time.perf_counter() + 0.005
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - due)

    watching = asyncio.create_task(watch())
    count = judged or (lambda: len(latencies))
    began, cpu, begun, before = time.perf_counter(), 0.0, 0.0, 0
    for number, frames in enumerate(speech):
        if number == warm:
            latencies.clear()
            lags.clear()
            before = count()
            cpu, begun = time.process_time(), time.perf_counter()
        for tick in range(TICKS):
            for index in range(tick, streams, TICKS):
                sends[index](frames[index])
            await asyncio.sleep(began + (number + (tick + 1) / TICKS) * FRAME_S - time.perf_counter())
    used, passed = time.process_time() - cpu, time.perf_counter() - begun
    watching.cancel()
    done = count() - before  # more may wait
    return {
        "cpu_us_a_frame": used / done * 1e6,
        "cores": used / passed,
        "judged": done / ((len(speech) - warm) * streams),
        "latency_p50_ms": float(np.percentile(latencies, 50)) * 1e3,
        "latency_p99_ms": float(np.percentile(latencies, 99)) * 1e3,
        "lag_p99_ms": float(np.percentile(lags, 99)) * 1e3,
        "rss_mb": memory_mb(),
    }


def memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def report(figures: dict[str, Any]) -> str:
    targets, ratios, cases = figures["targets"], figures["ratios"], figures["cases"]
    most = cases[f"ours delivered {STREAMS[-1]}"]
    lines = [
        f"{described(figures['machine'])}; load before {figures['load_before']}",
        f"medians of {figures['rounds']} rounds in turns, {figures['seconds']:g} s of speech; CPU a frame",
    ]
    for streams in STREAMS:
        lines.append(f"{streams} streams")
        lines += [_line(title, cases, way, streams) for way, title in WAYS.items() if f"{way} alone {streams}" in cases]
    return "\n".join(
        [
            *lines,
            f"at {MANY} streams, against a TorchScript model each: {ratios['alone']:.1f} times less alone "
            f"(target {targets['alone']}), {ratios['delivered']:.1f} times delivered (target {targets['delivered']})",
            f"{STREAMS[-1]} streams: {most['cores']:.2f} cores (target {targets['cores']}), lag of the loop p99 "
            f"{most['lag_p99_ms']:.1f} ms ({targets['lag_ms']}), latency p99 {most['latency_p99_ms']:.1f} ms "
            f"({targets['latency_ms']}); {figures['stream_kb']:.1f} KB a further stream ({targets['stream_kb']})",
        ]
    )


def _line(title: str, cases: dict[str, dict[str, float]], way: str, streams: int) -> str:
    alone, live = cases[f"{way} alone {streams}"], cases[f"{way} delivered {streams}"]
    return (
        f"  {title:<30} alone {alone['cpu_us_a_frame']:6.1f} us; delivered {live['cpu_us_a_frame']:6.1f} us, "
        f"{live['judged'] * 100:3.0f} % in time, latency p50 {live['latency_p50_ms']:.1f} ms, "
        f"p99 {live['latency_p99_ms']:.1f} ms, lag p99 {live['lag_p99_ms']:.1f} ms, {live['rss_mb']:.0f} MB"
    )


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
