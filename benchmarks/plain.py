"""The script that one would write without the workbench: decode, detect speech, recognize window by window.

`python -m benchmarks.plain AUDIO WINDOWS.json MODEL WHISPER`. WINDOWS.json holds, for each call of the recognizer, the
(start, end) of its segments in seconds and the pause to put between them. WHISPER says which recognizer: "package" is
faster-whisper as it comes, "plugin" is the workbench's own calls of it, without the workbench around them.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

RATE: Final = 16_000
OPTIONS: Final[dict[str, Any]] = {
    "language": "en",
    "beam_size": 5,
    "temperature": 0.0,
    "condition_on_previous_text": False,
    "word_timestamps": True,
}


def main() -> None:
    path, windows, model, whisper = sys.argv[1:]
    clock = Clock()
    import torch
    from silero_vad import get_speech_timestamps, load_silero_vad

    clock.stop("import torch")
    from faster_whisper import WhisperModel, decode_audio

    torch.set_num_threads(1)
    clock.stop("import")
    recognize = plugin(model) if whisper == "plugin" else package(WhisperModel, model)
    vad = load_silero_vad()
    clock.stop("load")
    audio = decode_audio(path)
    clock.stop("decode")
    speech = get_speech_timestamps(torch.from_numpy(audio), vad)
    clock.stop("detect")
    text = [recognize(join(audio, window)) for window in json.loads(Path(windows).read_text("utf-8"))]
    clock.stop("recognize")
    print(json.dumps({"cpu_s": clock.parts, "segments": len(speech), "text": " ".join(text)}))


def package(whisper_model: Any, folder: str) -> Any:
    whisper = whisper_model(folder, device="cpu", compute_type="int8", cpu_threads=1)
    return lambda audio: "".join(segment.text for segment in whisper.transcribe(audio, **OPTIONS)[0]).strip()


def plugin(folder: str) -> Any:
    from workbench_faster_whisper import whisper

    loaded = whisper.load(folder, device="cpu", compute_type="int8", cpu_threads=1)
    return lambda audio: "".join(segment.text for segment, _ in loaded.recognize(audio, language="en")).strip()


def join(audio: Any, window: dict[str, Any]) -> Any:
    pause = np.zeros(round(window["pause_s"] * RATE), np.float32)
    parts = [
        part for start, end in window["segments"] for part in (audio[round(start * RATE) : round(end * RATE)], pause)
    ]
    return np.concatenate(parts[:-1])


class Clock:
    """CPU seconds between stops."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}
        self._last = time.process_time()

    def stop(self, part: str) -> None:
        now = time.process_time()
        self.parts[part], self._last = round(now - self._last, 3), now


if __name__ == "__main__":
    main()
