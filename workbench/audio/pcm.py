"""Raw audio in pieces of any length, as a socket or a caller hands it over, to samples at the rate that is wanted.

In two steps for two threads: `Cutter` costs next to nothing and keeps the order on a loop; `Decoder` does the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

import numpy as np

from workbench.errors import InputError, UsageError
from workbench.types import Samples

if TYPE_CHECKING:
    import numpy.typing as npt
    import soxr

Encoding: TypeAlias = Literal["pcm_s16le", "pcm_f32le"]
Audio: TypeAlias = "bytes | bytearray | memoryview | npt.NDArray[np.int16] | npt.NDArray[np.float32]"

Piece: TypeAlias = "bytes | npt.NDArray[np.float32]"
"""Whole mono samples as they came, which nobody else writes to: the bytes of int16, or an array of floats."""

SAMPLE_RATES: Final = range(8_000, 384_001)
"""Hertz that are taken."""
_WIDTHS: Final[Mapping[str, int]] = {"pcm_s16le": 2, "pcm_f32le": 4}
_INT16: Final = np.dtype("<i2")
_FLOAT32: Final = np.dtype("<f4")
_SCALE: Final = np.float32(1 / 32768)


def length(piece: Piece) -> int:
    """In samples."""
    return len(piece) // 2 if type(piece) is bytes else len(piece)


class Cutter:
    """Cuts the bytes of one stream into whole samples.

    It calls into numpy for floats only: numpy lets go of the interpreter for arrays of more than 500 values, and a loop
    that takes in a thousand streams would queue up for it again a thousand times, behind the threads that judge them.
    """

    __slots__ = ("_rest", "_width")

    def __init__(self, sample_rate: int, encoding: str) -> None:
        """Of what comes, mono. Raises `UsageError` for a rate or encoding there is not."""
        if sample_rate not in SAMPLE_RATES:
            limits = f"{SAMPLE_RATES[0]} to {SAMPLE_RATES[-1]} Hz"
            raise UsageError(f"audio at {sample_rate} Hz is not taken", hint=f"Send {limits}.")
        if encoding not in _WIDTHS:
            raise UsageError(
                f"no encoding is called {encoding!r}", hint=f"It is one of: {', '.join(get_args(Encoding))}."
            )
        self._width = _WIDTHS[encoding]
        self._rest = b""  # of a sample that was cut in two

    def cut(self, data: Audio) -> Piece:
        """The samples that are complete with `data`. Raises `InputError` for what is no audio, and takes nothing."""
        if type(data) is bytes and self._width == 2 and not (self._rest or len(data) % 2):
            return data
        if isinstance(data, np.ndarray):
            return _of_array(data)
        octets = self._rest + data if self._rest else bytes(data)
        beyond = len(octets) % self._width
        whole, rest = (octets[:-beyond], octets[-beyond:]) if beyond else (octets, b"")
        piece = whole if self._width == 2 else _checked(np.frombuffer(whole, _FLOAT32))
        self._rest = rest
        return piece

    def end(self) -> None:
        """Forget a sample that was cut in two."""
        self._rest = b""


def _of_array(array: npt.NDArray[Any]) -> Piece:
    if array.ndim != 1:
        raise InputError(f"an array of {array.ndim} dimensions is no mono audio", hint="Mix its channels.")
    if array.dtype == _INT16:
        return array.tobytes()
    if array.dtype == _FLOAT32:
        return _checked(array.astype(_FLOAT32))
    raise InputError(f"an array of {array.dtype} is no audio", hint="Send int16 or float32.")


def _checked(samples: Samples) -> Samples:
    if not np.isfinite(samples).all():
        raise InputError("the audio has values that are not numbers", hint="Send floats from -1 to 1.")
    return samples


def decode(octets: bytes) -> Samples:
    """Float32 in [-1, 1] of int16."""
    samples = np.frombuffer(octets, _INT16).astype(np.float32)
    samples *= _SCALE
    return samples


class Decoder:
    """Float32 in [-1, 1] at the rate that is wanted, of one stream. Not bound to a thread."""

    def __init__(self, source_rate: int, sample_rate: int) -> None:
        """Hertz of what comes and of what is wanted."""
        self._source_rate, self._sample_rate = source_rate, sample_rate
        self._resampler: soxr.ResampleStream | None = None

    def decode(self, piece: Piece) -> Samples:
        """The next samples. A resampler holds some back."""
        samples = decode(piece) if isinstance(piece, bytes) else np.clip(piece, -1.0, 1.0)
        return samples if self._source_rate == self._sample_rate else self._resampled(samples)

    def decode_all(self, pieces: Iterable[Piece], *, last: bool) -> Samples:
        """The next samples in one array; with `last`, and what was held back."""
        parts = [self.decode(piece) for piece in pieces]
        return np.concatenate([*parts, self.end()] if last or not parts else parts)

    def end(self) -> Samples:
        """What was held back. What comes next begins anew."""
        if self._resampler is None:
            return np.zeros(0, np.float32)
        samples = self._resampled(np.zeros(0, np.float32), last=True)
        self._resampler = None
        return samples

    def _resampled(self, samples: Samples, *, last: bool = False) -> Samples:
        if self._resampler is None:
            import soxr

            self._resampler = soxr.ResampleStream(
                self._source_rate, self._sample_rate, 1, dtype="float32", quality="HQ"
            )
        resampled: Samples = self._resampler.resample_chunk(samples, last=last)
        return np.clip(resampled, -1.0, 1.0)  # the filter rings past the loudest samples
