"""Files that are small and hold much, or lie: each is refused with the reason before it costs much."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import Result

from workbench.audio.wav import header

Command = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("outside")

MEASURED = """
import sys
from pathlib import Path
from workbench.cli import main
try:
    main()
finally:
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    print(status["VmHWM"].split()[0], file=sys.stderr)
"""
"""`getrusage` would count what the parent held when it forked."""


def crc(data: bytes, polynomial: int, bits: int) -> int:
    value = 0
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1) ^ (polynomial | 1 << bits if value >> (bits - 1) else 0)
    return value


def flac(path: Path, frames: int, *, says_length: bool = True) -> None:
    """Silence at 16 kHz in frames of 65,535 samples, each of which takes 14 bytes."""
    size = frames * 65_535 if says_length else 0
    rate_channels_bits_size = (16_000 << 44) | (0 << 41) | (15 << 36) | size
    info = struct.pack(">HH", 65_535, 65_535) + bytes(6) + struct.pack(">Q", rate_channels_bits_size) + bytes(16)
    with path.open("wb") as file:
        file.write(b"fLaC\x80\x00\x00\x22" + info)
        for number in range(frames):
            head = b"\xff\xf8\x75\x08" + chr(number).encode("utf-8", "surrogatepass") + struct.pack(">H", 65_534)
            head += bytes([crc(head, 0x07, 8)])
            frame = head + b"\x00\x00\x00"
            file.write(frame + struct.pack(">H", crc(frame, 0x8005, 16)))


def wav(path: Path, *, channels: int = 1, rate: int = 16_000, claimed: int | None = None) -> None:
    data = bytes(32_000)
    size = len(data) if claimed is None else claimed
    form = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, min(2 * rate * channels, 2**32 - 1), 2 * channels, 16
    )
    path.write_bytes(struct.pack("<4sI4s", b"RIFF", min(36 + size, 2**32 - 1), b"WAVE") + form + b"data")
    with path.open("ab") as file:
        file.write(struct.pack("<I", size) + data)


def sparse(path: Path, head: bytes = b"") -> None:
    path.write_bytes(head)
    os.truncate(path, 10_000_000_000)


def tracks(path: Path, count: int) -> None:
    with av.open(str(path), "w", "matroska") as output:
        streams = [output.add_stream("pcm_s16le", rate=8_000, layout="mono") for _ in range(count)]
        for stream in streams:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8_000), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 8_000, 0
            output.mux(stream.encode(frame))


BOMBS: dict[str, tuple[Callable[[Path], object], str]] = {
    "long.flac": (lambda path: flac(path, 18_200), "is longer than 12 hours"),
    "wide.wav": (lambda path: wav(path, channels=255), "255 channels"),
    "nine.wav": (lambda path: wav(path, channels=9), "At most 8 channels"),
    "fast.wav": (lambda path: wav(path, rate=10**9), "1000000000 Hz"),
    "slow.wav": (lambda path: wav(path, rate=4_000), "8000 to 384000 Hz"),
    "playlist.wav": (lambda path: path.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n"), "is a playlist"),
    "sparse-wav.wav": (lambda path: sparse(path, header(0x7FFFFF00, 16_000)), "is longer than 12 hours"),
    "sparse-mp3.mp3": (sparse, "that cannot be audio"),
    "sparse-flac.flac": (lambda path: sparse(path, b"fLaC\x80\x00\x00\x22"), "that cannot be audio"),
}
"""By name: how it is made, and what is said of it."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells how much memory was used")
def test_what_holds_too_much_is_refused_and_takes_little_memory_and_time(place: Path) -> None:
    for name, (make, _) in BOMBS.items():
        make(Path(name))
    assert Path("long.flac").stat().st_size < 820_000
    command = [sys.executable, "-c", MEASURED, "transcribe", *BOMBS, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    rows = {row["file"]: row for row in map(json.loads, done.stdout.splitlines())}
    for name, (_, said) in BOMBS.items():
        assert said in rows[name]["error"]["message"] + rows[name]["error"]["hint"], rows[name]
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    assert int(done.stderr.split()[-1]) < 200_000, "KiB of memory at its peak"
    assert not list(Path().glob("*.srt"))


def test_a_header_that_lies_of_the_length_or_many_tracks_cost_nothing(command: Command) -> None:
    wav(Path("claims.wav"), claimed=4_000_000_000)
    tracks(Path("tracks.mkv"), 1_000)
    flac(Path("silent.flac"), 10, says_length=False)
    result = command("transcribe", "claims.wav", "tracks.mkv", "silent.flac", "--json")
    lengths = {row["file"]: row.get("duration", row) for row in map(json.loads, result.stdout.splitlines())}
    assert lengths == {"claims.wav": 1.0, "tracks.mkv": 1.0, "silent.flac": pytest.approx(40.96, abs=0.1)}
