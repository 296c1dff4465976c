"""What the workbench costs beside the models: `workbench transcribe` against a plain script, CPU of whole processes.

The script (benchmarks/plain.py) recognizes the windows that the pipeline made, with the same model, beam and threads.
Two of it: one calls the recognizer as the plugin does, so that only what is around it differs; one calls faster-whisper
as it comes. Start-up is told apart by a recording twice as long. Then the pipeline runs with engines that play
what the real ones gave, which leaves decoding and the core.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks import recording, replay
from benchmarks.machine import child, described, facts
from workbench import models

MODEL: Final = "tiny.en"
ROUNDS: Final = 3
LONGER: Final = 2
"""Times of the recording in the longer one."""
TARGET: Final = 1.05
OPTIONS: Final = (
    f"asr.model={MODEL}",
    "asr.device=cpu",
    "asr.compute_type=int8",
    "asr.beam_size=5",
    "asr.concurrency=1",
    "asr.threads_per_call=1",
)
WAYS: Final = ("workbench", "plugin", "package")


def run() -> dict[str, object]:
    found, source = recording.clips()
    audio = recording.samples(found)
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder) / "short.wav", Path(folder) / "long.wav"
        recording.write(short, audio)
        recording.write(long, np.tile(audio, LONGER))
        tapes = {path: replay.record(path, OPTIONS) for path in (short, long)}
        for path, tape in tapes.items():
            windows = [{"segments": segments(window), "pause_s": window.pause_s} for window in tape.windows]
            path.with_suffix(".json").write_text(json.dumps(windows), "utf-8")
        cases = [(way, path) for path in tapes for way in WAYS if (way, path) != ("package", long)]
        rounds = [{(way, path): measure(way, path) for way, path in cases} for _ in range(ROUNDS)]
        core_s = median(core(long, tapes[long]) for _ in range(5))
    seconds = len(audio) / recording.RATE
    times = {name: {case: median(one[case][name] for one in rounds) for case in cases} for name in ("whole", "torch")}
    cpu, torch = times["whole"], times["torch"]
    workbench, script = [[cpu[way, path] for path in (short, long)] for way in ("workbench", "plugin")]
    return {
        "machine": facts("audio-workbench", "faster-whisper", "ctranslate2", "silero-vad", "torch"),
        "source": source,
        "model": MODEL,
        "rounds": ROUNDS,
        "audio_s": round(seconds, 1),
        "windows": len(tapes[short].windows),
        "cpu_s": {way: round(cpu[way, short], 2) for way in WAYS},
        "longer_cpu_s": {way: round(cpu[way, long], 2) for way in WAYS if (way, long) in cpu},
        "script_parts_s": rounds[0]["plugin", short]["parts"],
        "ratio_whole": round(workbench[0] / script[0], 3),
        "ratio_steady": round((workbench[1] - workbench[0]) / (script[1] - script[0]), 3),
        "ratio_without_torch": round(workbench[1] / (script[1] - torch["plugin", long]), 3),
        "ratio_package": round(workbench[0] / cpu["package", short], 3),
        "core_ms_a_minute": round(core_s / (seconds * LONGER) * 60_000, 1),
        "target": TARGET,
    }


def segments(window: Any) -> list[tuple[float, float]]:
    return [(segment.audio.start, segment.audio.end) for segment in window.segments]


def measure(way: str, path: Path) -> dict[str, Any]:
    if way == "workbench":
        options = [word for option in OPTIONS for word in ("--option", option)]
        workbench = Path(sys.executable).with_name("workbench")
        cost = child([workbench, "transcribe", path, "--force", "--language", "en", *options])
        return {"whole": cost.cpu_s, "torch": 0.0}
    from workbench_faster_whisper import catalog

    weights = models.locate(models.find(catalog.MODELS, MODEL))
    cost = child([sys.executable, "-m", "benchmarks.plain", path, path.with_suffix(".json"), weights, way])
    parts = json.loads(cost.output)["cpu_s"]
    return {"whole": cost.cpu_s, "torch": parts["import torch"] + parts["detect"], "parts": parts}


def core(path: Path, tape: replay.Tape) -> float:
    """CPU seconds of everything but VAD, recognizer and decoding: the event loop, pools, pure steps, subtitles."""
    import time

    from workbench.audio.decode import decode

    whole = replay.replay(path, OPTIONS, tape).cpu_s
    began = time.process_time()
    for _ in decode(path):
        pass
    return whole - (time.process_time() - began)


def report(figures: dict[str, Any]) -> str:
    titles = {
        "workbench": "workbench transcribe",
        "plugin": "script, plugin's calls",
        "package": "script, faster-whisper",
    }
    longer = {way: f"{cpu_s:>16.2f} s CPU" for way, cpu_s in figures["longer_cpu_s"].items()}
    parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in figures["script_parts_s"].items())
    return "\n".join(
        [
            f"{described(figures['machine'])}; {figures['model']}, {figures['source']}; median of {figures['rounds']}",
            f"{'':<24}{figures['audio_s']:>8.0f} s of audio{figures['audio_s'] * LONGER:>10.0f} s of audio",
            *(f"{title:<24}{figures['cpu_s'][way]:>10.2f} s CPU{longer.get(way, '')}" for way, title in titles.items()),
            f"parts of the script, s: {parts}",
            "workbench / script with the plugin's calls:",
            f"  {figures['ratio_whole']:.3f} whole processes; target {figures['target']}",
            f"  {figures['ratio_steady']:.3f} without start-up",
            f"  {figures['ratio_without_torch']:.3f} of the longer one, if the script had no VAD and no torch",
            f"workbench / script with faster-whisper as it comes: {figures['ratio_package']:.3f}",
            f"the core alone: {figures['core_ms_a_minute']:.1f} ms CPU a minute of audio",
        ]
    )
