"""Finding the speech of an hour: our engine against the package, CPU and decisions.

Real clips, repeated at other levels and in noise, until they fill an hour. Four ways, each in a process of its own, in
turns: `get_speech_timestamps` of silero-vad with its TorchScript model, the same with its ONNX wrapper, its sequence
model, and our engine with the core's segmenter, fed in blocks as the pipeline does. Loading and decoding do not count.

Segments are compared where options mean the same: pauses shorter than 300 ms do not count, speech is padded by 100 ms
(padding that touches is shared out otherwise), nothing is cut for its length, and the hour ends in silence.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.machine import ROOT, child, described, facts
from workbench.audio.decode import decode
from workbench.types import AudioChunk, Samples

SECONDS: Final = 3600
ROUNDS: Final = 3
BLOCK_S: Final = 10.0
"""What the pipeline gets of a file at a time."""
SPEECH: Final = Path(os.environ.get("WORKBENCH_TEST_AUDIO") or ROOT.parent / "shared" / "audio")
GAINS: Final = (1.0, 0.1, 0.4, 2.0)
NOISES: Final = (0.0, 0.003, 0.0, 0.02, 0.001)
"""Standard deviation of the noise in a clip; 1 is full scale."""
MIN_SILENCE_MS: Final = 300
PAD_MS: Final = 100
THRESHOLDS: Final = (0.5, 0.35)
"""Speech begins at the first, and pauses below the second."""
WAYS: Final = {
    "jit": "package, TorchScript",
    "onnx": "package, ONNX wrapper",
    "sequence": "package, sequence model",
    "ours": "our engine and segmenter",
}
RATES: Final[dict[int, tuple[str, ...]]] = {16_000: (*WAYS,), 8_000: ("jit", "onnx", "ours")}
TIMED: Final[dict[int, tuple[str, ...]]] = {16_000: ("jit", "sequence", "ours")}
"""What runs in each round. The rest runs in the first, for its decisions."""
TARGETS: Final = {"jit": 12, "sequence": 3}
Segments = list[tuple[int, int]]
"""Where speech starts and ends, in samples."""
Detect = Callable[[Samples], tuple[Segments, list[Any]]]
"""Segments, and arrays that make up the probabilities."""


class Found(NamedTuple):
    cpu_s: float
    segments: Segments
    probabilities: Samples


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        paths = {rate: Path(folder) / f"{rate}.npy" for rate in RATES}
        source = ""
        for rate, path in paths.items():
            audio, source = hour(rate)
            np.save(path, audio)
        rounds = [
            {rate: {way: detected(way, rate, paths[rate]) for way in ways} for rate, ways in rates.items()}
            for rates in (RATES, *[TIMED] * (ROUNDS - 1))
        ]

    def timed(rate: int, way: str) -> list[dict[str, Found]]:
        return [one[rate] for one in rounds if way in one.get(rate, ())]

    return {
        "machine": facts("audio-workbench", "workbench-silero-vad", "silero-vad", "torch", "onnxruntime"),
        "load": [round(value, 2) for value in os.getloadavg()],
        "source": source,
        "audio_s": SECONDS,
        "rounds": ROUNDS,
        "cpu_s": {
            rate: {way: round(median(one[way].cpu_s for one in timed(rate, way)), 2) for way in ways}
            for rate, ways in RATES.items()
        },
        "ratios": {
            rate: {
                way: round(median(one[way].cpu_s / one["ours"].cpu_s for one in timed(rate, way)), 2)
                for way in ways
                if way != "ours"
            }
            for rate, ways in RATES.items()
        },
        "against": {
            rate: {way: compared(rounds[0][rate]["ours"], rounds[0][rate][way]) for way in ways if way != "ours"}
            for rate, ways in RATES.items()
        },
        "package_onnx_against_jit": {rate: compared(rounds[0][rate]["onnx"], rounds[0][rate]["jit"]) for rate in RATES},
        "targets": TARGETS,
    }


def hour(rate: int) -> tuple[Samples, str]:
    """Mono, and where it comes from. Ends in a second of silence and with a whole frame."""
    files = sorted(path for path in SPEECH.glob("*/*") if path.suffix in (".wav", ".flac", ".mp3"))
    source = "real speech" if files else "the samples"
    clips = [
        np.concatenate([chunk.samples for chunk in decode(file, sample_rate=rate)])
        for file in files or [ROOT / "samples" / name for name in ("dialogue.flac", "talk.mp4")]
    ]
    rng = np.random.default_rng(0)
    whole, at, number = np.zeros(SECONDS * rate, np.float32), 0, 0
    while at < len(whole):
        clip = clips[number % len(clips)] * np.float32(rng.choice(GAINS))
        clip = clip + rng.normal(0, rng.choice(NOISES), len(clip)).astype(np.float32)
        part = whole[at : at + len(clip)]
        part[:] = np.clip(clip[: len(part)], -1, 1)
        at, number = at + len(clip) + round(rng.uniform(0, 2) * rate), number + 1
    whole[-rate:] = 0
    return whole, source


def detected(way: str, rate: int, path: Path) -> Found:
    """What `way` finds in a process of its own."""
    output = path.with_name("found.npy")
    found = json.loads(child([sys.executable, "-m", "benchmarks.vad_file", way, str(rate), path, output]).output)
    return Found(found["cpu_s"], [(start, end) for start, end in found["segments"]], np.load(output))


def compared(ours: Found, other: Found) -> dict[str, Any]:
    """How far probabilities are apart, how many decisions are not the same, and whether the segments are."""
    return {
        "max_difference": float(np.abs(ours.probabilities - other.probabilities).max()),
        "flips": sum(
            int(np.count_nonzero((ours.probabilities >= at) != (other.probabilities >= at))) for at in THRESHOLDS
        ),
        "decisions": len(ours.probabilities) * len(THRESHOLDS),
        "segments": len(other.segments),
        "identical": ours.segments == other.segments,
    }


# in a child process


def measure(way: str, rate: int, audio: Samples) -> Found:
    detect = ours(rate) if way == "ours" else package(way, rate)
    detect(audio[: 60 * rate])  # TorchScript compiles in its first calls
    cpu = time.process_time()
    segments, heard = detect(audio)
    return Found(time.process_time() - cpu, segments, np.concatenate([np.ravel(one) for one in heard]))


def package(way: str, rate: int) -> Detect:
    import torch
    from silero_vad import get_speech_timestamps, load_silero_vad
    from silero_vad.sequence_vad import get_speech_timestamps_sequence

    torch.set_num_threads(1)
    model = load_silero_vad(onnx=way == "onnx", sequence=way == "sequence")
    options = {"min_silence_duration_ms": MIN_SILENCE_MS, "speech_pad_ms": PAD_MS, "sampling_rate": rate}
    heard: list[Any] = []

    class Listening:
        """The model, whose probabilities are kept too."""

        def __getattr__(self, name: str) -> Any:
            return getattr(model, name)

        def __call__(self, *arguments: Any) -> Any:
            heard.append(model(*arguments))
            return heard[-1]

        def audio_forward(self, *arguments: Any, **options: Any) -> Any:
            heard.append(model.audio_forward(*arguments, **options))
            return heard[-1]

    def detect(audio: Samples) -> tuple[Segments, list[Any]]:
        heard.clear()
        find = get_speech_timestamps_sequence if way == "sequence" else get_speech_timestamps
        found = find(audio if way == "sequence" else torch.from_numpy(audio), Listening(), **options)
        return [(one["start"], one["end"]) for one in found], heard

    return detect


def ours(rate: int) -> Detect:
    from workbench import Settings
    from workbench.events import SpeechEnded
    from workbench.speech.segmenter import Segmenter, SegmenterOptions
    from workbench_silero_vad import Silero  # type: ignore[import-untyped]

    engine = Silero(Silero.Options())
    options = SegmenterOptions(min_silence_ms=MIN_SILENCE_MS, speech_pad_ms=PAD_MS, max_speech_s=600.0)

    def detect(audio: Samples) -> tuple[Segments, list[Any]]:
        state, segmenter = engine.open(Settings()), Segmenter(options)
        edges = [*range(0, len(audio), round(BLOCK_S * rate)), len(audio)]
        activities = [
            activity
            for start, end in pairwise(edges)
            for activity in engine.process(AudioChunk(audio[start:end], rate, start / rate), state)
        ]
        activities += engine.flush(state)
        found = [event for activity in activities for event in segmenter.process(activity)]
        found += segmenter.flush()
        ended = [event for event in found if isinstance(event, SpeechEnded)]
        segments = [(round(event.start * rate), round(event.end * rate)) for event in ended]
        return segments, [activity.probabilities for activity in activities]

    return detect


def report(figures: dict[str, Any]) -> str:
    lines = [
        f"{described(figures['machine'])}; load {figures['load'][0]}",
        f"{figures['audio_s']} s of {figures['source']}, median of {figures['rounds']} rounds in turns",
    ]
    for rate, cpu_s in figures["cpu_s"].items():
        lines.append(f"{rate} Hz")
        for way, seconds in cpu_s.items():
            line = f"  {WAYS[way]:<26}{seconds:7.2f} s CPU"
            if way != "ours":
                target = f" (target {TARGETS[way]})" if way in TARGETS and rate == next(iter(RATES)) else ""
                line += f", {figures['ratios'][rate][way]:5.1f} times ours{target}; ours differs: "
                line += _differs(figures["against"][rate][way])
            lines.append(line)
        lines.append(
            f"  the package's ONNX from its TorchScript: {_differs(figures['package_onnx_against_jit'][rate])}"
        )
    return "\n".join(lines)


def _differs(found: dict[str, Any]) -> str:
    same = "identical" if found["identical"] else "NOT identical"
    return (
        f"{found['flips']} of {found['decisions']} decisions, probabilities by {found['max_difference']:.1e} at most, "
        f"{found['segments']} segments {same}"
    )


if __name__ == "__main__":
    found = measure(sys.argv[1], int(sys.argv[2]), np.load(sys.argv[3]))
    np.save(sys.argv[4], found.probabilities)
    print(json.dumps({"cpu_s": found.cpu_s, "segments": found.segments}))
