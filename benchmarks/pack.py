"""Speech segments packed into windows against one call for each: CPU of the recognizer, and words it gets wrong.

A call for each is measured in two ways: the workbench's own, without packing, which encodes less than 30 s for short
audio; and faster-whisper as it comes, which pads to 30 s.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import plain, recording, replay
from benchmarks.machine import described, facts, medians
from benchmarks.wer import word_errors
from workbench import Settings, StageKind, models, plugins
from workbench.types import Window

MODELS: Final = ("tiny.en", "base")
ROUNDS: Final = 2
TARGET: Final = 3.0
SETTINGS: Final = Settings(language="en")
WAYS: Final = {"packed": "packed", "segments": "a call a segment", "package": "the same, faster-whisper"}


def run() -> dict[str, object]:
    found, source = recording.clips()
    audio = recording.samples(found)
    said = " ".join(clip.text for clip in found)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "joined.wav"
        recording.write(path, audio)
        packed = replay.windows(path, ["asr.model=tiny.en"])
        segments = replay.windows(path, ["asr.model=tiny.en", "asr.packing=false"])
    return {
        "machine": facts("audio-workbench", "faster-whisper", "ctranslate2"),
        "source": source,
        "rounds": ROUNDS,
        "audio_s": round(len(audio) / recording.RATE, 1),
        "words": word_errors(said, "")[1],
        "windows": len(packed),
        "segments": len(segments),
        "target": TARGET,
        "models": {model: measure(model, packed, segments, said) for model in MODELS},
    }


def measure(model: str, packed: Sequence[Window], segments: Sequence[Window], said: str) -> dict[str, Any]:
    """All ways with one model, in turns."""
    from faster_whisper import WhisperModel

    from workbench_faster_whisper import catalog

    whisper: Any = plugins.load().find(StageKind.ASR, replay.ASR)
    engine = whisper(whisper.Options(model=model, device="cpu", compute_type="int8", beam_size=5))
    package = plain.package(WhisperModel, str(models.locate(models.find(catalog.MODELS, model))))

    def plugin(window: Window) -> str:
        return " ".join(transcript.text for transcript in engine.process(window, SETTINGS))

    rounds, texts = [], {}
    for _ in range(ROUNDS):
        one = {}
        one["packed"], texts["packed"] = timed(plugin, packed)
        one["segments"], texts["segments"] = timed(plugin, segments)
        rounds.append(one)
    cpu = medians(rounds)
    cpu["package"], texts["package"] = timed(lambda window: package(window.samples), segments)
    errors = {way: word_errors(said, text) for way, text in texts.items()}
    return {
        "cpu_s": {way: round(seconds, 2) for way, seconds in cpu.items()},
        "wer": {way: round(wrong / words, 4) for way, (wrong, words) in errors.items()},
        "ratio": {way: round(cpu[way] / cpu["packed"], 2) for way in ("segments", "package")},
    }


def timed(recognize: Callable[[Window], str], windows: Sequence[Window]) -> tuple[float, str]:
    """CPU seconds, and the text."""
    began = time.process_time()
    text = " ".join([recognize(window) for window in windows])
    return time.process_time() - began, text


def report(figures: dict[str, Any]) -> str:
    lines = [
        f"{described(figures['machine'])}; median of {figures['rounds']}",
        f"{figures['audio_s']:.0f} s and {figures['words']} words of {figures['source']}: "
        f"{figures['segments']} segments, {figures['windows']} windows; target {figures['target']:g} times",
    ]
    for model, found in figures["models"].items():
        for way, title in WAYS.items():
            times = f"{found['ratio'][way]:>8.2f} times" if way in found["ratio"] else ""
            lines.append(
                f"{model:<9}{title:<26}{found['cpu_s'][way]:>8.2f} s CPU{found['wer'][way] * 100:>8.1f} % WER{times}"
            )
    return "\n".join(lines)
