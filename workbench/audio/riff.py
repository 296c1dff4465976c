"""Where the samples of a WAV lie, and in which form: its chunks up to the audio."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, Final, Literal, TypeAlias

from workbench.audio.media import SAMPLE_RATES
from workbench.errors import InputError

Encoding: TypeAlias = Literal["integer", "float", "a-law", "mu-law"]

MOST_CHANNELS: Final = 8

_DECODE: Final = "Decode it from its start instead."
_MOST_CHUNKS: Final = 1000
"""Before the audio. No program writes as many; a file of nothing else would keep a reader busy for hours."""
_MOST_FORMAT: Final = 1 << 10
"""Bytes of a `fmt ` chunk that are looked at."""
_TO_THE_END: Final = (0, 0xFFFFFFFF)
"""Sizes of audio that mean "up to the end of the file": whoever wrote it did not come back to say."""
_EXTENSIBLE: Final = 0xFFFE
_SUBFORMAT: Final = bytes.fromhex("0000 0000 1000 8000 00aa00389b71")
"""Follows the tag in a WAVE_FORMAT_EXTENSIBLE."""
_ENCODINGS: Final[dict[int, tuple[Encoding, tuple[int, ...]]]] = {
    1: ("integer", (8, 16, 24, 32)),
    3: ("float", (32, 64)),
    6: ("a-law", (8,)),
    7: ("mu-law", (8,)),
}
"""By tag, with the bits a sample may have."""
_PLACES: Final = (
    *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR"),
    *("TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR"),
)
"""FFmpeg's names of the speakers, by bit of the mask."""


class NotPcmWav(InputError):
    """No WAV of plain samples: its ranges cannot be read, but it may well be audio that `decode` streams."""

    code = "not-pcm-wav"


@dataclass(frozen=True, slots=True)
class PcmLayout:
    """How samples are stored, and between which bytes."""

    encoding: Encoding
    width: int
    """Bytes of one sample of one channel."""
    sample_rate: int
    """Hertz."""
    channels: int
    places: tuple[str, ...]
    """FFmpeg's name of each channel's speaker; empty: the file does not say."""
    start: int
    """Byte at which the first sample lies."""
    length: int
    """Samples of each channel that the file holds, whatever its header promises."""
    is_whole: bool
    """Whether that is what its header promises, to the byte."""

    @property
    def step(self) -> int:
        """Bytes from one sample to the next of the same channel."""
        return self.width * self.channels

    @property
    def end(self) -> int:
        """Byte after the last whole sample."""
        return self.start + self.length * self.step


def pcm_layout(file: IO[bytes], size: int) -> PcmLayout:
    """Read the header of a WAV (RIFF, RF64, BW64) of `size` bytes. Raises `NotPcmWav`; `OSError` from `file`."""
    file.seek(0)
    kind, form = struct.unpack("<4s4x4s", _exactly(file, 12))
    if kind not in (b"RIFF", b"RF64", b"BW64") or form != b"WAVE":
        raise NotPcmWav("this is no WAV", hint=_DECODE)
    found, large_size, place = b"", 0, 12
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        name, claimed = struct.unpack("<4sI", _exactly(file, 8))
        place += 8
        if name == b"data":
            if kind != b"RIFF" and claimed == 0xFFFFFFFF:
                claimed = large_size
            octets = size - place if claimed in _TO_THE_END else min(claimed, size - place)
            return _layout(found, place, octets, claimed == octets)
        if name == b"fmt ":
            found = _exactly(file, min(claimed, _MOST_FORMAT))
        elif name == b"ds64":
            (large_size,) = struct.unpack("<8xQ", _exactly(file, 16))
        place += claimed + claimed % 2
    raise NotPcmWav("this WAV has no audio among its first chunks", hint=_DECODE)


def _exactly(file: IO[bytes], count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise NotPcmWav("this WAV ends before its audio", hint=_DECODE)
    return data


def _layout(described: bytes, start: int, octets: int, is_kept: bool) -> PcmLayout:
    """From the body of a `fmt ` chunk, for so many bytes of audio, and whether the header promises as many."""
    if len(described) < 16:
        raise NotPcmWav("this WAV does not say how its audio is stored", hint=_DECODE)
    tag, channels, rate, step, bits = struct.unpack_from("<HHI4xHH", described)
    mask = 0
    if tag == _EXTENSIBLE and len(described) >= 40 and described[26:40] == _SUBFORMAT:
        mask, tag = struct.unpack_from("<IH", described, 20)
    encoding, widths = _ENCODINGS.get(tag, ("integer", ()))
    width = bits // 8
    if bits not in widths or step != channels * width:
        raise NotPcmWav(f"this WAV holds no plain samples (format {tag:#06x}, {bits} bits)", hint=_DECODE)
    if not 1 <= channels <= MOST_CHANNELS or rate not in SAMPLE_RATES:
        raise NotPcmWav(f"this WAV claims {channels} channels at {rate} Hz", hint=_DECODE)
    is_whole = is_kept and octets % step == 0
    return PcmLayout(encoding, width, rate, channels, _speakers(mask, channels), start, octets // step, is_whole)


def _speakers(mask: int, channels: int) -> tuple[str, ...]:
    """The speakers in `mask`; none where they are not as many as the channels."""
    named = tuple(place for bit, place in enumerate(_PLACES) if mask >> bit & 1)
    return named if len(named) == mask.bit_count() == channels else ()
