"""Two hours in windows of 30 s: ranges of a WAV against streaming it and against loading it; the same for MP3.

Peak memory of child processes, in turns, imports included; `bare` has these alone. `job` reads as file jobs do. The
time of a window is that of going through all of them in order, from the system's cache, by their number; that of
loading is in it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.decode import make_hour, measure
from benchmarks.machine import described, facts
from benchmarks.recording import RATE, clips, samples
from workbench.audio.wav import WavWriter

ROUNDS: Final = 3
SECONDS: Final = 7200.0
WINDOW_S: Final = 30

_IMPORTS: Final = """
from math import ceil
from pathlib import Path
from workbench.audio.decode import decode
from workbench.audio.mapped import MemoryMappedAudio
from workbench.builtin.file import FileCapture
from workbench.engines import Settings
path, seconds, began = Path(sys.argv[1]), 0.0, time.perf_counter()
"""
_RANGES: Final = f"""{_IMPORTS}
with MemoryMappedAudio(path, memory_mapping=MAPPING) as audio:
    while seconds < audio.duration:
        seconds += len(audio.read(seconds, seconds + {WINDOW_S})) / audio.sample_rate
"""
_STREAMED: Final = f"""{_IMPORTS}
for chunk in decode(path, chunk_s={WINDOW_S}):
    seconds += chunk.duration
"""
_JOB: Final = f"""{_IMPORTS}
for chunk in FileCapture(FileCapture.Options(path=path, memory_mapping=MAPPING)).open(Settings()):
    seconds += chunk.duration
"""
_WHOLE: Final = f"""{_IMPORTS}
from faster_whisper import decode_audio
began, audio = time.perf_counter(), decode_audio(str(path))
while seconds < len(audio) / {RATE}:
    seconds += len(audio[int(seconds) * {RATE} :][: {WINDOW_S * RATE}].copy()) / {RATE}
"""
_TIMED: Final = f"""
figures["window_ms"] = 1000 * (time.perf_counter() - began) / max(1, ceil(seconds / {WINDOW_S}))
"""
WAYS: Final[dict[str, dict[str, str]]] = {
    "wav": {
        "bare": _IMPORTS,
        "mmap": _RANGES.replace("MAPPING", "True"),
        "pread": _RANGES.replace("MAPPING", "False"),
        "job": _JOB.replace("MAPPING", "False"),
        "job, mmap": _JOB.replace("MAPPING", "True"),
        "streamed": _STREAMED,
        "whole": _WHOLE,
    },
    "mp3": {"bare": _IMPORTS, "job": _JOB.replace("MAPPING", "False"), "streamed": _STREAMED, "whole": _WHOLE},
}


def run(seconds: float = SECONDS) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        files = {kind: Path(folder) / f"audio.{kind}" for kind in WAYS}
        source = _write_wav(files["wav"], seconds)
        make_hour(files["mp3"], seconds)
        rounds = [
            {
                kind: {way: measure(code + _TIMED, files[kind]) for way, code in ways.items()}
                for kind, ways in WAYS.items()
            }
            for _ in range(ROUNDS)
        ]
        sizes = {kind: round(file.stat().st_size / 1e6, 1) for kind, file in files.items()}
    return {
        "machine": facts("audio-workbench", "av", "numpy", "faster-whisper"),
        "source": source,
        "rounds": ROUNDS,
        "window_s": WINDOW_S,
        "file_mb": sizes,
        "ways": {
            kind: {
                way: {name: round(median(r[kind][way][name] for r in rounds), 2) for name in rounds[0][kind][way]}
                for way in ways
            }
            for kind, ways in WAYS.items()
        },
    }


def report(figures: dict[str, Any]) -> str:
    lines = [described(figures["machine"])]
    for kind, ways in figures["ways"].items():
        length, size = ways["streamed"]["audio_s"], figures["file_mb"][kind]
        lines.append(
            f"{length / 3600:.2g} h of {figures['source']} in {size} MB of {kind}, median of {figures['rounds']} rounds"
        )
        for way, found in ways.items():
            line = f"  {way:<10}{found['peak_mb']:>8.0f} MB peak {found['cpu_s']:>8.2f} s CPU"
            if way != "bare":
                line += f" {found['window_ms']:>8.2f} ms per window of {figures['window_s']} s"
            lines.append(line)
        job, whole, bare = (ways[way]["peak_mb"] for way in ("job", "whole", "bare"))
        lines.append(
            f"  peak memory of a job {job:.0f} MB against {whole:.0f} MB for loading it, {whole / job:.1f} times less; "
            f"without the imports {job - bare:.0f} MB against {whole - bare:.0f} MB"
        )
    return "\n".join(lines)


def _write_wav(path: Path, seconds: float) -> str:
    found, source = clips()
    audio = samples(found)
    with WavWriter(path, RATE) as out:
        while (missing := round(seconds * RATE) - out.written) > 0:
            out.write(audio[:missing])
        out.commit()
    return source
