"""Storing one more result of a job that has 1,000: appended to the log, against one JSON file written anew.

Both are on disk when the call returns, in the folder where temporary files lie. The JSON file is written as the job's
checkpoint is: under another name, synced and renamed, and its folder synced.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

from benchmarks.machine import described, facts
from workbench.engines import StageKind
from workbench.files import write_atomically
from workbench.jobs.checkpoint import Identity
from workbench.jobs.job import Job
from workbench.jobs.segments import ItemResult
from workbench.jobs.store import JobStore
from workbench.kept import Item
from workbench.types import Transcript, Word

SEGMENTS: Final = 1000
COMMITS: Final = 100
TOGETHER: Final = 10
TARGET: Final = 15.0
WAYS: Final = {"log": "appended", "together": f"{TOGETHER} in one call, each", "json": "written anew"}
WORDS: Final = {"text": 0, "text with the times of its words": 15}
"""That have times, in each sentence."""
_SENTENCE: Final = "a sentence of some fifteen words that somebody said to somebody else in five whole seconds"
_IDENTITY: Final = Identity(size=0, content="", settings={}, profile={}, plugins={}, models={})


def run() -> dict[str, object]:
    return {
        "machine": facts(),
        "segments": SEGMENTS,
        "commits": COMMITS,
        "target": TARGET,
        "results": {title: figures(words) for title, words in WORDS.items()},
    }


def figures(words: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        store = JobStore(Path(folder) / "jobs")
        with store.create(_IDENTITY, Path("file")) as job:
            job.commit([result(index, words) for index in range(SEGMENTS)])
            size = store.jobs()[0].size
            times = measure(job, Path(folder) / "results.json", words)
        opened_ms = timed(lambda: store.open(job.name, _IDENTITY).close())
    ms = {way: {"p50": percentile(taken, 50), "p99": percentile(taken, 99)} for way, taken in times.items()}
    return {
        "bytes_a_segment": size // SEGMENTS,
        "ms": ms,
        "ratio": round(ms["json"]["p50"] / ms["log"]["p50"], 1),
        "opened_s": round(opened_ms / 1000, 3),
    }


def measure(job: Job, path: Path, words: int) -> dict[str, list[float]]:
    """Milliseconds for a segment, each way in turn."""
    rest = [asdict(found) for found in job.results.values()][1:]
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for index in range(SEGMENTS, SEGMENTS + COMMITS * (1 + TOGETHER), 1 + TOGETHER):
        one, many = result(index, words), [result(index + more, words) for more in range(1, 1 + TOGETHER)]
        times["log"].append(timed(partial(job.commit, [one])))
        times["together"].append(timed(partial(job.commit, many)) / TOGETHER)
        times["json"].append(timed(partial(rewrite, path, [*rest, asdict(one)])))
    return times


def rewrite(path: Path, results: list[dict[str, Any]]) -> None:
    write_atomically(path, json.dumps(results).encode(), overwrite=True)


def result(index: int, words: int) -> ItemResult:
    """A minute of speech, in ten sentences."""
    said = tuple(sentence(10 * index + number, words) for number in range(10))
    item = Item(kind=StageKind.ASR, start=60.0 * index, end=60.0 * index + 60)
    return ItemResult(item=item, transcripts=said)


def sentence(number: int, count: int) -> Transcript:
    start = 6.0 * number
    words = tuple(Word(start + n / 3, start + n / 3 + 0.25, f" word{n}", 0.97) for n in range(count))
    return Transcript(segment_id=number, text=_SENTENCE, language="en", start=start, end=start + 5, words=words)


def timed(action: Callable[[], None]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def percentile(taken: list[float], percent: int) -> float:
    return round(quantiles(taken, n=100, method="inclusive")[percent - 1], 3)


def report(figures: dict[str, Any]) -> str:
    lines = [
        f"{described(figures['machine'])}; {figures['commits']} commits each, in turns",
        f"one more segment for a job of {figures['segments']}, ms p50 and p99; target {figures['target']:g} times",
    ]
    for title, found in figures["results"].items():
        size, opened = found["bytes_a_segment"] / 1000, found["opened_s"]
        lines.append(f"{title}: {size:.1f} kB a segment, opened in {opened:.2f} s; {found['ratio']:g} times")
        lines += [f"  {WAYS[way]:<24}{ms['p50']:>9.2f}{ms['p99']:>9.2f}" for way, ms in found["ms"].items()]
    return "\n".join(lines)
