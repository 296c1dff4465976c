"""An hour of MP3: our streamed decoding against decoding the whole file, as faster-whisper does.

CPU and peak memory of child processes, measured in turns, imports included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any, Final

import av
import numpy as np

from workbench.audio.decode import decode

ROUNDS: Final = 5
SECONDS: Final = 3600.0
ROOT: Final = Path(__file__).parents[1]
SPEECH: Final = Path(os.environ.get("WORKBENCH_TEST_AUDIO") or ROOT.parent / "shared" / "audio")

_MEASURE: Final = """
import json, resource, sys, time
figures = {{}}
{decode}
try:
    peak = next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
except OSError:  # this counter also holds the parent's memory where processes are forked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
print(json.dumps({{"cpu_s": time.process_time(), "peak_mb": peak, "audio_s": seconds, **figures}}))
"""
WAYS: Final = {
    "streamed": "from pathlib import Path\nfrom workbench.audio.decode import decode\n"
    "seconds = sum(chunk.duration for chunk in decode(Path(sys.argv[1])))",
    "whole": "from faster_whisper import decode_audio\nseconds = len(decode_audio(sys.argv[1])) / 16000",
}


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hour.mp3"
        source = make_hour(path)
        rounds = [{way: measure(code, path) for way, code in WAYS.items()} for _ in range(ROUNDS)]
        size = path.stat().st_size
    figures: dict[str, object] = {"source": source, "file_mb": round(size / 1e6, 1), "rounds": ROUNDS}
    for way in WAYS:
        for figure in ("cpu_s", "peak_mb", "audio_s"):
            figures[f"{way}_{figure}"] = round(median(r[way][figure] for r in rounds), 2)
    for figure in ("cpu_s", "peak_mb"):
        figures[f"ratio_{figure}"] = round(median(r["streamed"][figure] / r["whole"][figure] for r in rounds), 3)
    return figures


def report(figures: dict[str, Any]) -> str:
    rows = [
        f"{way:<10}{figures[f'{way}_cpu_s']:>8.2f} s CPU {figures[f'{way}_peak_mb']:>8.0f} MB peak "
        f"{figures[f'{way}_audio_s']:>9.1f} s of audio"
        for way in WAYS
    ]
    ratio = f"{'ratio':<10}{figures['ratio_cpu_s']:>8.2f}       {figures['ratio_peak_mb']:>8.3f}"
    head = f"{figures['file_mb']} MB of MP3 from {figures['source']}, median of {figures['rounds']} rounds"
    return "\n".join([head, *rows, ratio])


def measure(code: str, path: Path) -> dict[str, float]:
    """What `code` costs in a process of its own, and what it put into `figures`; it gets `path` in `sys.argv[1]`."""
    command = [sys.executable, "-c", _MEASURE.format(decode=code), str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(result.stdout)
    return figures


def make_hour(path: Path, seconds: float = SECONDS) -> str:
    """Write an hour of 44.1 kHz stereo MP3 from real speech, or from the samples where that is not here."""
    files = sorted(file for file in SPEECH.glob("*/*") if file.suffix in (".wav", ".flac", ".mp3"))
    source = "real speech" if files else "the samples"
    files = files or [ROOT / "samples" / "dialogue.flac", ROOT / "samples" / "talk.mp4"]
    encoder = av.CodecContext.create("libmp3lame", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = 44_100, "stereo", "fltp", 128_000
    encoder.options = {"reservoir": "0"}  # frames that need none before them may be repeated
    frames: list[bytes] = []
    for file in files:
        for chunk in decode(file, sample_rate=44_100):
            sound = av.AudioFrame.from_ndarray(np.tile(chunk.samples, (2, 1)), format="fltp", layout="stereo")
            sound.rate = 44_100
            frames += map(bytes, encoder.encode(sound))
    with path.open("wb") as out:
        out.writelines(islice(cycle(frames), round(seconds * 44_100 / 1152)))
    return source
