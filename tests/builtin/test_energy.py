from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.builtin.energy import FRAME, RATE, EnergyDetector
from workbench.engines import Settings
from workbench.events import SpeechEnded
from workbench.speech.segmenter import Segmenter, SegmenterOptions
from workbench.testing import assert_streams_are_independent, chunks, run
from workbench.types import Activity, AudioChunk, Samples

AUDIO = Path(os.environ.get("WORKBENCH_TEST_AUDIO", Path(__file__).parents[3] / "shared" / "audio"))
DETECTOR = EnergyDetector(EnergyDetector.Options())


def speech(name: str) -> Samples:
    import av

    path = AUDIO / name
    if not path.is_file():
        pytest.skip(f"test speech {path} is not here: set WORKBENCH_TEST_AUDIO")
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(str(path)) as container:
        frames = [made for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def noise(seconds: float, level_dbfs: float, seed: int = 0) -> Samples:
    scale = 10 ** (level_dbfs / 20)
    return np.random.default_rng(seed).normal(0, scale, round(seconds * RATE)).astype(np.float32)


def probabilities(samples: Samples, chunk_s: float = 0.1) -> Samples:
    return np.concatenate([a.probabilities for a in run(DETECTOR, chunks(samples, chunk_s=chunk_s))])


def segments(samples: Samples) -> list[tuple[float, float]]:
    segmenter = Segmenter(SegmenterOptions(speech_pad_ms=100))
    made = [event for activity in run(DETECTOR, chunks(samples)) for event in segmenter.process(activity)]
    return [(e.start, e.end) for e in [*made, *segmenter.flush()] if isinstance(e, SpeechEnded)]


def test_digital_silence_and_very_quiet_noise_give_exactly_nothing() -> None:
    assert not probabilities(np.zeros(3 * RATE, np.float32)).any()
    assert not probabilities(np.full(3 * RATE, 0.25, np.float32)).any()  # an offset is not sound
    assert not probabilities(noise(3.0, -70.0)).any()


def test_steady_noise_is_not_speech_for_long() -> None:
    samples = np.concatenate([np.zeros(2 * RATE, np.float32), noise(20.0, -45.0)])
    assert (probabilities(samples)[-300:] < 0.3).all()


@pytest.mark.parametrize("name", ["librivox-0870.wav", "librivox-0920.wav", "ljspeech-LJ002-0020.wav"])
def test_read_speech_is_told_from_the_pauses_around_it(name: str) -> None:
    words = speech(f"read/{name}")
    pause = noise(2.0, -60.0)
    found = segments(np.concatenate([pause, words, pause, words, pause]))
    spoken = len(words) / RATE
    heard = np.zeros(round((3 * 2.0 + 2 * spoken) * 100) + 1, bool)
    for start, end in found:
        heard[round(start * 100) : round(end * 100)] = True
    first, second = slice(200, 200 + int(spoken * 100)), slice(400 + int(spoken * 100), 400 + int(spoken * 200))
    assert heard[first].mean() > 0.85
    assert heard[second].mean() > 0.85
    assert not heard[:180].any()
    assert not heard[230 + int(spoken * 100) : 370 + int(spoken * 100)].any()
    assert not heard[-170:].any()


def test_two_streams_do_not_hear_each_other() -> None:
    first, second = speech("read/librivox-0880.wav"), speech("read/librivox-0930.wav")
    assert_streams_are_independent(DETECTOR, chunks(first), chunks(second))


@settings(max_examples=30)
@given(st.lists(st.integers(0, 2000), min_size=1, max_size=12), st.integers(0, 100))
def test_chunk_sizes_change_nothing(sizes: list[int], seed: int) -> None:
    samples = noise(sum(sizes) / RATE, -30.0, seed) * np.linspace(0.01, 1.0, sum(sizes), dtype=np.float32)
    state, position = DETECTOR.open(Settings()), 0
    made: list[Activity] = []
    for size in sizes:
        made += DETECTOR.process(AudioChunk(samples[position : position + size], RATE, 5.0 + position / RATE), state)
        position += size
    made += DETECTOR.flush(state)
    frames = 0
    for activity in made:
        assert activity.start == pytest.approx(5.0 + frames * FRAME / RATE, abs=1e-9)
        frames += len(activity.probabilities)
    assert frames == -(-len(samples) // FRAME)
    got = np.concatenate([a.probabilities for a in made]) if made else np.zeros(0, np.float32)
    whole = run(DETECTOR, [AudioChunk(samples, RATE, 5.0)])
    assert np.array_equal(got, np.concatenate([a.probabilities for a in whole]) if whole else np.zeros(0, np.float32))


def test_audio_at_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="8000 Hz"):
        DETECTOR.process(AudioChunk(np.zeros(800, np.float32), 8000, 0.0), DETECTOR.open(Settings()))
