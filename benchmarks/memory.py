"""Peak memory of `workbench transcribe` for a recording, and for one four times as long.

Child processes, in turns. The engines' own memory is in both; what grows is what the pipeline keeps.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.decode import measure
from benchmarks.recording import RATE, clips, samples, write

ROUNDS: Final = 2
MINUTES: Final = (5, 20)
_TRANSCRIBE: Final = """
from workbench.cli import app
options = ["--model", "tiny.en", "--language", "en", "-o", sys.argv[1] + ".srt", "--force"]
app(["transcribe", sys.argv[1], *options], standalone_mode=False)
seconds = 0.0
"""


def run() -> dict[str, object]:
    found, source = clips()
    audio = samples(found)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{minutes}.wav" for minutes in MINUTES]
        for path, minutes in zip(paths, MINUTES, strict=True):
            write(path, np.resize(audio, minutes * 60 * RATE))
        rounds = [[measure(_TRANSCRIBE, path)["peak_mb"] for path in paths] for _ in range(ROUNDS)]
    short, long = (round(median(r[i] for r in rounds), 1) for i in range(2))
    return {"source": source, "minutes": MINUTES, "peak_mb": (short, long), "ratio": round(long / short, 3)}


def report(figures: dict[str, Any]) -> str:
    (short, long), (few, many) = figures["peak_mb"], figures["minutes"]
    return f"{few} minutes of {figures['source']}: {short} MB peak; {many} minutes: {long} MB; ratio {figures['ratio']}"
