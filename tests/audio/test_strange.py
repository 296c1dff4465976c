"""Forty files that are odd, wrong or lie: what comes out of them is finite, in range and in order, or a reason."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pytest

from tests.audio.wavs import chunk, fmt, riff
from workbench.builtin.file import FileCapture
from workbench.engines import Settings
from workbench.errors import InputError

RATE: Final = 16_000
Array = npt.NDArray[np.generic]


def sine(seconds: float = 0.5, rate: int = RATE) -> npt.NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def pcm(bits: int, channels: int = 1, rate: int = RATE, seconds: float = 0.5) -> bytes:
    """A WAV of a tone, in whole numbers."""
    tone = np.repeat(sine(seconds, rate), channels)
    if bits == 8:
        data = np.rint(tone * 127 + 128).astype(np.uint8).tobytes()
    elif bits == 24:
        data = np.rint(tone * (2**23 - 1)).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    else:
        data = np.rint(tone * (2 ** (bits - 1) - 1)).astype(f"<i{bits // 8}").tobytes()
    return riff(fmt(1, channels, rate, bits), chunk(b"data", data))


def floats(samples: npt.ArrayLike, bits: int = 32, channels: int = 1, rate: int = RATE) -> bytes:
    data = np.asarray(samples, f"<f{bits // 8}").tobytes()
    return riff(fmt(3, channels, rate, bits), chunk(b"data", data))


def with_bad(value: float, every: int = 7) -> npt.NDArray[np.float32]:
    samples = sine()
    samples[::every] = value
    return samples


def big_endian() -> bytes:
    """AIFF, and the mark of a rate in ten bytes."""
    data = np.rint(sine() * 32_767).astype(">i2").tobytes()
    rate = struct.pack(">HQ", 16_383 + 13, 16_000 << (63 - 13))
    comm = b"COMM" + struct.pack(">IhIh", 18, 1, len(data) // 2, 16) + rate
    ssnd = b"SSND" + struct.pack(">III", len(data) + 8, 0, 0) + data
    return b"FORM" + struct.pack(">I", 4 + len(comm) + len(ssnd)) + b"AIFF" + comm + ssnd


def sun() -> bytes:
    data = np.rint(sine() * 32_767).astype(">i2").tobytes()
    return struct.pack(">4sIIIII", b".snd", 24, 0xFFFFFFFF, 3, RATE, 1) + data


def cut(data: bytes, share: float) -> bytes:
    return data[: round(len(data) * share)]


def claims(data: bytes, size: int) -> bytes:
    """`data` with another size of its samples in the header."""
    at = data.index(b"data") + 4
    return data[:at] + struct.pack("<I", size) + data[at + 4 :]


STRANGE: Final[dict[str, tuple[Callable[[], bytes], float | None]]] = {
    "some NaN": (lambda: floats(with_bad(math.nan)), 0.5),
    "some infinite": (lambda: floats(with_bad(math.inf)), 0.5),
    "some minus infinite": (lambda: floats(with_bad(-math.inf)), 0.5),
    "NaN in 64 bits": (lambda: floats(with_bad(math.nan), 64), 0.5),
    "only NaN": (lambda: floats(np.full(8_000, np.nan)), None),
    "only infinite": (lambda: floats(np.full(8_000, np.inf)), None),
    "subnormal": (lambda: floats(np.full(8_000, 1e-40)), 0.5),
    "largest numbers": (lambda: floats(np.full(8_000, 3e38)), 0.5),
    "some beyond 32 bits": (lambda: floats(np.tile([0.1, 1e308], 4_000), 64), 0.5),
    "all beyond 32 bits": (lambda: floats(np.full(8_000, 1e308), 64), None),
    "ten times too loud": (lambda: floats(sine() * 20), 0.5),
    "direct current": (lambda: floats(np.full(8_000, 0.9)), 0.5),
    "full direct current": (lambda: floats(np.full(8_000, -1.0)), 0.5),
    "full-scale square": (lambda: floats(np.sign(sine())), 0.5),
    "alternating extremes": (lambda: floats(np.tile([1.0, -1.0], 4_000)), 0.5),
    "one impulse": (lambda: floats(np.eye(1, 8_000, 4_000)[0]), 0.5),
    "digital silence": (lambda: floats(np.zeros(8_000)), 0.5),
    "nothing": (lambda: floats([]), None),
    "one sample": (lambda: floats([0.5]), 1 / RATE),
    "two samples": (lambda: floats([0.5, -0.5]), 2 / RATE),
    "a tenth of a second": (lambda: floats(sine(0.1)), 0.1),
    "one sample at 8 kHz": (lambda: floats([0.5], rate=8_000), 1 / 8_000),
    "one sample at 384 kHz": (lambda: floats([0.5], rate=384_000), 1 / 384_000),
    "8 kHz": (lambda: pcm(16, rate=8_000), 0.5),
    "11,025 Hz": (lambda: pcm(16, rate=11_025), 0.5),
    "192 kHz": (lambda: pcm(24, rate=192_000), 0.5),
    "384 kHz": (lambda: pcm(16, rate=384_000), 0.5),
    "unsigned 8 bits": (lambda: pcm(8), 0.5),
    "24 bits": (lambda: pcm(24), 0.5),
    "32 bits": (lambda: pcm(32), 0.5),
    "64 bits": (lambda: floats(sine(), 64), 0.5),
    "8 channels": (lambda: pcm(16, channels=8), 0.5),
    "2 channels that cancel": (lambda: floats(np.column_stack([sine(), -sine()]).ravel(), channels=2), 0.5),
    "big-endian": (big_endian, 0.5),
    "big-endian of no known length": (sun, 0.5),
    "claims too much": (lambda: claims(pcm(16), 10**9), 0.5),
    "claims nothing": (lambda: claims(pcm(16), 0), 0.5),
    "claims a quarter": (lambda: claims(pcm(16), 4_000), 0.125),
    "claims all there can be": (lambda: claims(pcm(16), 0xFFFFFFFF), 0.5),
    "cut in the middle": (lambda: cut(pcm(16), 0.5), 0.25),
    "cut inside a sample": (lambda: pcm(16)[:-1], 0.5),
    "cut inside the header": (lambda: pcm(16)[:30], None),
}
"""By what is strange: the file, and the seconds that come out; None: it is refused."""


@pytest.mark.parametrize("strange", STRANGE)
def test_what_comes_out_of_a_strange_file_is_audio_or_a_reason(tmp_path: Path, strange: str) -> None:
    assert len(STRANGE) >= 40
    make, seconds = STRANGE[strange]
    path = tmp_path / "strange.wav"
    path.write_bytes(make())
    capture = FileCapture(FileCapture.Options(path=path))
    if seconds is None:
        with pytest.raises(InputError) as refused:
            list(capture.open(Settings()))
        assert refused.value.hint
        return
    chunks = list(capture.open(Settings()))
    samples = np.concatenate([chunk.samples for chunk in chunks]) if chunks else np.zeros(0, np.float32)
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert np.abs(samples).max(initial=0.0) <= 1.0
    assert len(samples) / RATE == pytest.approx(seconds, abs=0.01)
    assert [chunk.start for chunk in chunks] == pytest.approx([10.0 * index for index in range(len(chunks))])
    assert all(isinstance(warning, str) for warning in capture.warnings)
