"""The streaming VAD against the package's own `VADIterator`, on real speech."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes import run
from workbench import events
from workbench.audio.decode import decode
from workbench.pool import Pool
from workbench.speech.segmenter import SegmenterOptions
from workbench.stream import StreamProcessor
from workbench.types import Samples

AUDIO = Path(os.environ.get("WORKBENCH_TEST_AUDIO", Path(__file__).parents[2] / "shared" / "audio"))

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.load` is:DeprecationWarning")  # all that silero-vad ships


@cache
def speech(rate: int) -> Samples:
    """Some minutes of meetings, read texts and telephone, one after the other."""
    paths = [*sorted(AUDIO.glob("meeting/*.wav")), *sorted(AUDIO.glob("read/*.flac")), *sorted(AUDIO.glob("phone/*"))]
    paths = [path for path in paths if path.suffix in {".wav", ".flac"}]
    if not paths:
        pytest.skip(f"no test speech in {AUDIO}: set WORKBENCH_TEST_AUDIO")
    return np.concatenate([chunk.samples for path in paths for chunk in decode(path, sample_rate=rate)])


def frames(rate: int) -> Any:
    """Whole frames of 32 ms, shape (frames, samples)."""
    frame = rate * 32 // 1000
    samples = speech(rate)
    return samples[: len(samples) // frame * frame].reshape(-1, frame)


@cache
def package_probabilities(rate: int) -> Any:
    """What the package's network says of each frame, shape (frames,)."""
    torch: Any = pytest.importorskip("torch", reason="torch is not installed: the package's iterator cannot run")
    silero_vad: Any = pytest.importorskip("silero_vad", reason="silero-vad is not installed")
    network = silero_vad.load_silero_vad()
    with torch.inference_mode():
        return torch.stack([network(frame, rate) for frame in torch.from_numpy(frames(rate))])


def package_iterator(rate: int, *, silence_ms: int, pad_ms: int) -> list[tuple[str, int]]:
    """What the package's iterator makes of the network's probabilities."""
    probabilities = iter(package_probabilities(rate))

    class Network:
        def reset_states(self) -> None:
            """It is only called before the first frame."""

        def __call__(self, frame: Any, rate: int) -> Any:
            return next(probabilities)

    silero_vad: Any = pytest.importorskip("silero_vad", reason="silero-vad is not installed")
    iterator = silero_vad.VADIterator(
        Network(), threshold=0.5, sampling_rate=rate, min_silence_duration_ms=silence_ms, speech_pad_ms=pad_ms
    )
    return [item for frame in frames(rate) for item in (iterator(frame) or {}).items()]


@pytest.mark.parametrize("rate", [16_000, 8_000])
@pytest.mark.parametrize(("silence_ms", "pad_ms"), [(96, 32), (320, 192)])
def test_it_decides_as_the_packages_iterator_does(rate: int, silence_ms: int, pad_ms: int) -> None:
    """The same places, where both can: speech is announced at once, and never cut for its length.

    Padding that reaches into what came before is where they differ: the package's segments may overlap.
    """
    silero = pytest.importorskip("workbench_silero_vad", reason="workbench-silero-vad is not installed").Silero
    samples = speech(rate)
    options = SegmenterOptions(
        min_speech_ms=0, min_silence_ms=silence_ms, speech_pad_ms=pad_ms, max_speech_s=600.0, hysteresis=0.15
    )
    ours: list[tuple[str, int]] = []

    async def test() -> None:
        async with (
            Pool(lambda: silero(silero.Options())) as pool,
            StreamProcessor(pool, sample_rate=rate, options=options, keep_audio=False) as stream,
        ):
            sizes = np.random.default_rng(3).integers(1, 3 * rate, 100_000)
            first = 0
            for size in sizes:
                for event in await stream.process_chunk(samples[first : first + size]):
                    if isinstance(event, events.SpeechStarted):
                        ours.append(("start", round(event.start * rate)))
                    elif isinstance(event, events.SpeechEnded):
                        ours.append(("end", round(event.end * rate)))
                first += int(size)
                if first >= len(samples):
                    break

    run(test)
    theirs = package_iterator(rate, silence_ms=silence_ms, pad_ms=pad_ms)
    assert len(theirs) > 50
    ends = [0, *(position for name, position in theirs if name == "end")]
    starts = iter(ends)
    expected = [(n, max(p, next(starts))) if n == "start" else (n, p) for n, p in theirs]
    assert ours == expected


def test_a_frame_that_the_detector_fills_up_at_an_end_counts_as_received() -> None:
    silero: Any = pytest.importorskip("workbench_silero_vad", reason="workbench-silero-vad is not installed").Silero

    async def test() -> None:
        async with Pool(lambda: silero(silero.Options())) as pool, StreamProcessor(pool) as stream:
            for times in (1, 2):
                await stream.process_chunk(speech(16_000)[:5300])
                await stream.flush()
                told = stream.statistics()
                assert told.frames_received == told.frames_judged == 11 * times
                assert told.judged_s == told.received_s == 5300 * times / 16_000

    run(test)
