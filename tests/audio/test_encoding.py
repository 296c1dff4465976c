"""Speech that is encoded as it is made, at the speed that is wanted."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.audio.encoding import RATE, Encoder
from workbench.types import AudioChunk, Samples


def encoded(format: str, samples: Samples, rate: int, speed: float = 1.0) -> bytes:
    """All of a file of `samples`, which come in three parts."""
    encoder = Encoder(format, speed)
    parts = np.array_split(samples, 3)
    return b"".join([encoder.add(AudioChunk(part, rate, 0.0)) for part in parts]) + encoder.end()


def tone(rate: int, seconds: float = 3.0) -> Samples:
    """Of 440 Hz."""
    samples: Samples = (0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)
    return samples


@pytest.mark.parametrize("rate", [24_000, 16_000])
@pytest.mark.parametrize("speed", [0.25, 0.5, 1.0, 1.5, 2.0, 4.0])
def test_speech_takes_as_long_as_its_speed_says_at_the_same_pitch(speed: float, rate: int) -> None:
    samples = np.frombuffer(encoded("pcm", tone(rate), rate, speed), "<i2")
    assert len(samples) / RATE == pytest.approx(3.0 / speed, abs=0.05)
    assert np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples) == pytest.approx(440, abs=2)


def test_a_whole_file_of_nothing_at_any_speed_is_as_empty() -> None:
    nothing = np.zeros(0, np.float32)
    assert encoded("pcm", nothing, RATE) == encoded("pcm", nothing, RATE, 2.0) == b""
