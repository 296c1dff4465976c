"""Speech as a file in one of several formats, encoded as it is made."""

from __future__ import annotations

import io
from collections.abc import Mapping
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

    def __init__(self, format: str) -> None:
        """`format` is one of `FORMATS`."""
        self._file = io.BytesIO() if format != "wav" else io.BytesIO(header(_UNKNOWN_SAMPLES, RATE))
        self._resampler: soxr.ResampleStream | None = None
        self._source_rate = RATE
        self._codec = _Codec(self._file, *_CODECS[format]) if format in _CODECS else None
        self._sent_header = format != "wav"

    def add(self, audio: AudioChunk) -> bytes:
        """What is ready of the file, after `audio` too."""
        parts = []
        if audio.sample_rate != self._source_rate:
            parts.append(self._rest())
            self._source_rate = audio.sample_rate
        parts.append(self._resampled(audio.samples))
        return self._encoded(np.concatenate(parts))

    def end(self) -> bytes:
        """The rest of the file."""
        data = self._encoded(self._rest())
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
