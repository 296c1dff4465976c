"""Speech as a file in one of several formats, encoded as it is made."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from workbench.audio.wav import header, pcm16
from workbench.types import AudioChunk, Samples

if TYPE_CHECKING:
    import soxr
    from av.audio.stream import AudioStream

RATE: Final = 24_000
"""Hertz of what is made."""
FORMATS: Final[Mapping[str, str]] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""Media type of each."""
_CODECS: Final = {
    "mp3": ("mp3", "libmp3lame"),
    "opus": ("ogg", "libopus"),
    "aac": ("adts", "aac"),
    "flac": ("flac", "flac"),
}
"""(container, codec) in FFmpeg's words."""
_UNKNOWN_SAMPLES: Final = (0xFFFFFFFF - 44) // 2


class Encoder:
    """Mono, 24 kHz. Blocks: call it in a thread, one call at a time."""

    def __init__(self, format: str, speed: float = 1.0) -> None:
        """`format` is one of `FORMATS`, `speed` from 0.25 to 4: of 2 speech takes half the time, at the same pitch."""
        self._file = io.BytesIO() if format != "wav" else io.BytesIO(header(_UNKNOWN_SAMPLES, RATE))
        self._resampler: soxr.ResampleStream | None = None
        self._source_rate = RATE
        self._codec = _Codec(self._file, *_CODECS[format]) if format in _CODECS else None
        self._tempo = _Tempo(speed) if speed != 1.0 else None

    def add(self, audio: AudioChunk) -> bytes:
        """What is ready of the file, after `audio` too."""
        parts = []
        if audio.sample_rate != self._source_rate:
            parts.append(self._rest())
            self._source_rate = audio.sample_rate
        parts.append(self._resampled(audio.samples))
        samples: Samples = np.concatenate(parts)
        return self._encoded(samples if self._tempo is None else self._tempo.add(samples))

    def end(self) -> bytes:
        """The rest of the file."""
        rest = self._rest()
        data = self._encoded(rest if self._tempo is None else self._tempo.add(rest, last=True))
        if self._codec is not None:
            self._codec.close()
            data += self._take()
        return data

    def _rest(self) -> Samples:
        if self._resampler is None:
            return np.zeros(0, np.float32)
        rest: Samples = self._resampler.resample_chunk(np.zeros(0, np.float32), last=True)
        self._resampler = None
        return rest

    def _resampled(self, samples: Samples) -> Samples:
        if self._source_rate == RATE:
            return samples
        import soxr

        if self._resampler is None:
            self._resampler = soxr.ResampleStream(self._source_rate, RATE, 1, dtype="float32", quality="HQ")
        resampled: Samples = self._resampler.resample_chunk(samples)
        return resampled

    def _encoded(self, samples: Samples) -> bytes:
        if self._codec is None:
            return self._take() + pcm16(samples)
        self._codec.add(samples)
        return self._take()

    def _take(self) -> bytes:
        data = self._file.getvalue()
        if self._codec is None:
            self._file = io.BytesIO()
        else:
            data = data[self._codec.taken :]
            self._codec.taken += len(data)
        return data


class _Tempo:
    """What FFmpeg makes faster or slower. Two filters share the work: one that more than doubles it drops samples."""

    def __init__(self, speed: float) -> None:
        from av.filter import Graph

        self._graph = Graph()
        chain = [
            self._graph.add_abuffer(sample_rate=RATE, format="flt", layout="mono", time_base=Fraction(1, RATE)),
            *(self._graph.add("atempo", f"{speed**0.5:.6f}") for _ in range(2)),
            self._graph.add("abuffersink"),
        ]
        self._graph.link_nodes(*chain).configure()

    def add(self, samples: Samples, *, last: bool = False) -> Samples:
        """What is ready; with `last`, all of it."""
        import av

        if len(samples):
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
            frame.sample_rate = RATE
            self._graph.push(frame)
        if last:
            self._graph.push(None)
        parts = [np.zeros(0, np.float32)]
        with suppress(av.BlockingIOError, av.EOFError):  # there is no more yet, or none at all
            while True:
                parts.append(self._graph.pull().to_ndarray().reshape(-1).astype(np.float32, copy=False))
        ready: Samples = np.concatenate(parts)
        return ready


class _Codec:
    """What FFmpeg encodes."""

    def __init__(self, file: io.BytesIO, container: str, codec: str) -> None:
        import av

        self.taken = 0
        """Bytes of the file that were given away."""
        self._container = av.open(file, "w", format=container)
        self._stream = cast("AudioStream", self._container.add_stream(codec, rate=RATE, layout="mono"))
        self._position = 0

    def add(self, samples: Samples) -> None:
        import av

        if not len(samples):
            return
        data = np.frombuffer(pcm16(samples), "<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, self._position
        self._position += len(samples)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()
