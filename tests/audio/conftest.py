"""Real speech, and media files made from it."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
import pytest
import soxr
from av.audio.stream import AudioStream
from av.container import OutputContainer

from workbench.types import Samples

RATE = 16_000
SPEECH = (
    Path(os.environ.get("WORKBENCH_TEST_AUDIO") or Path(__file__).parents[3] / "shared" / "audio") / "read/jfk.flac"
)


@dataclass(frozen=True, slots=True)
class Track:
    samples: npt.NDArray[np.float32]
    """Shape (n,), or (channels, n)."""
    codec: str
    rate: int = RATE
    layout: str = "mono"
    start: float = 0.0
    language: str = ""
    options: dict[str, str] = field(default_factory=lambda: {"strict": "-2"})  # for PyAV's own Vorbis encoder


@pytest.fixture(scope="session")
def speech() -> Samples:
    """Half a second of silence, then 6 s of speech, 16 kHz; bursts of tones where the recordings are not here."""
    lead = np.zeros(RATE // 2, np.float32)
    if not SPEECH.exists():
        t = np.arange(6 * RATE) / RATE
        tones = 0.4 * np.sin(2 * np.pi * (300 + 40 * t) * t) * (np.sin(2 * np.pi * 1.5 * t + 1.0) > 0)
        return np.concatenate([lead, tones.astype(np.float32)])
    with av.open(str(SPEECH)) as container:
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    mono = (samples.reshape(-1, 2).mean(1) / 2**31).astype(np.float32)
    said = soxr.resample(mono, 44_100, RATE)
    return np.concatenate([lead, said[RATE // 4 : RATE // 4 + 6 * RATE]])


@pytest.fixture
def make_media(tmp_path: Path) -> Callable[..., Path]:
    """`make_media(name, {"samples": ..., "codec": ...}, ..., picture_s=0)`: a file with these tracks, by PyAV."""

    def make(name: str, *specs: dict[str, Any], picture_s: float = 0.0, options: dict[str, str] | None = None) -> Path:
        path, tracks = tmp_path / name, [Track(**spec) for spec in specs]
        with av.open(str(path), "w", options=options or {}) as out:
            pictures = out.add_stream("mpeg4" if path.suffix != ".webm" else "libvpx", rate=5) if picture_s else None
            if pictures:
                pictures.width, pictures.height = 64, 48
            streams = [_add(out, track) for track in tracks]
            if pictures:
                for i in range(round(picture_s * 5)):
                    picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), i % 256, np.uint8), format="rgb24")
                    picture.pts, picture.time_base = i, Fraction(1, 5)
                    out.mux(pictures.encode(picture))
                out.mux(pictures.encode(None))
            for stream, track in zip(streams, tracks, strict=True):
                for frame in frames_of(track):
                    out.mux(stream.encode(frame))
                out.mux(stream.encode(None))
        return path

    return make


def _add(out: OutputContainer, track: Track) -> AudioStream:
    stream = cast(AudioStream, out.add_stream(track.codec, rate=track.rate, layout=track.layout, options=track.options))
    stream.bit_rate = 96_000
    if track.language:
        stream.metadata["language"] = track.language
    return stream


def frames_of(track: Track, size: int = 1024) -> list[av.AudioFrame]:
    samples = np.atleast_2d(soxr.resample(track.samples.T, RATE, track.rate).T.astype(np.float32))
    channels = len(av.AudioLayout(track.layout).channels)
    samples = np.repeat(samples, channels, axis=0) if len(samples) == 1 else samples
    frames = []
    for at in range(0, samples.shape[1], size):
        part = np.ascontiguousarray(samples[:, at : at + size].T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(part, format="flt", layout=track.layout)
        frame.rate, frame.time_base = track.rate, Fraction(1, track.rate)
        frame.pts = at + round(track.start * track.rate)
        frames.append(frame)
    return frames


@pytest.fixture
def write_wav(tmp_path: Path) -> Callable[..., Path]:
    """`write_wav(name, samples, rate, claimed=None)`: a WAV by hand; float32 (n,) or int16 (n, channels) samples."""

    def write(name: str, samples: npt.NDArray[np.generic], rate: int = RATE, claimed: int | None = None) -> Path:
        channels = samples.shape[1] if samples.ndim > 1 else 1
        form, width, data = (3 if samples.dtype.kind == "f" else 1), samples.dtype.itemsize, samples.tobytes()
        fmt = struct.pack(
            "<HHIIHH", form, channels, rate, min(rate * channels * width, 2**32 - 1), channels * width, 8 * width
        )
        body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data"
        size = len(data) if claimed is None else claimed
        path = tmp_path / name
        path.write_bytes(b"RIFF" + struct.pack("<I", min(2**32 - 1, 36 + size)) + body + struct.pack("<I", size) + data)
        return path

    return write
