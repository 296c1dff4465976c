"""WAV files byte by byte, as programs of all kinds write them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

SUBFORMAT = bytes.fromhex("0000 0000 1000 8000 00aa00389b71")


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", name, len(body)) + body + bytes(len(body) % 2)


def fmt(
    tag: int = 1,
    channels: int = 1,
    rate: int = 16_000,
    bits: int = 16,
    step: int | None = None,
    mask: int | None = None,
    subformat: bytes = SUBFORMAT,
) -> bytes:
    """How samples are stored; with a mask of speakers as WAVE_FORMAT_EXTENSIBLE."""
    step = channels * bits // 8 if step is None else step
    plain = struct.pack("<HIIHH", channels, rate, rate * step % (1 << 32), step, bits)
    if mask is None:
        return chunk(b"fmt ", struct.pack("<H", tag) + plain)
    return chunk(b"fmt ", struct.pack("<H", 0xFFFE) + plain + struct.pack("<HHIH", 22, bits, mask, tag) + subformat)


def riff(*chunks: bytes, kind: bytes = b"RIFF", form: bytes = b"WAVE") -> bytes:
    body = form + b"".join(chunks)
    return struct.pack("<4sI", kind, len(body) if kind == b"RIFF" else 0xFFFFFFFF) + body


def noise(tag: int, bits: int, values: int) -> bytes:
    """The same each time; of floating-point numbers (tag 3) some are out of range."""
    rng = np.random.default_rng(bits + tag)
    if tag == 3:
        return bytes(rng.uniform(-1.2, 1.2, values).astype(f"<f{bits // 8}").tobytes())
    return bytes(rng.integers(0, 256, values * bits // 8, np.uint8).tobytes())


def make(path: Path, audio: bytes, head: bytes | None = None) -> Path:
    """A WAV of `audio`, stored as `head` says."""
    path.write_bytes(riff(fmt() if head is None else head, chunk(b"data", audio)))
    return path
