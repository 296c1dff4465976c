"""A sound server of one's own, and how much of what was played into it came back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import soxr

from workbench.audio.decode import decode
from workbench.audio.wav import WavWriter
from workbench.types import Samples

ROOT: Final = Path(__file__).parents[1]
SPEECH: Final = Path(os.environ.get("WORKBENCH_TEST_AUDIO") or ROOT.parent / "shared" / "audio") / "read"
_SCRIPT: Final = ROOT / "tests" / "pulseaudio.sh"
_PROGRAMS: Final = ("pulseaudio", "pactl", "paplay", "parecord")
INSTALL: Final = "apt-get install libportaudio2 libasound2-plugins pulseaudio pulseaudio-utils"


class Heard(NamedTuple):
    """How a recording agrees with what was played."""

    lag_s: float
    """Where it begins in the recording."""
    correlation: float
    complete: bool
    """Whether the recording goes on to its end."""


class SoundServer:
    """PulseAudio with null sinks: what is played into `NAME` is heard from `NAME.monitor`."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.pid = int((folder / "pid").read_text())

    def load(self, name: str, rate: int = 16_000, *, default: bool = True) -> None:
        """Connect a sink, and so its monitor; called "NAME Speaker" and "Monitor of NAME Speaker"."""
        about = f"sink_properties=\"device.description='{name} Speaker'\""
        self.pactl("load-module", "module-null-sink", f"sink_name={name}", f"rate={rate}", "channels=1", about)
        if default:
            self.pactl("set-default-sink", name)
            self.pactl("set-default-source", f"{name}.monitor")

    def unload(self, name: str = "") -> None:
        """Pull it out; without a name, all that are there."""
        for line in self.pactl("list", "short", "modules").splitlines():
            number, module, arguments = line.split("\t")[:3]
            if module == "module-null-sink" and arguments.startswith(f"sink_name={name}"):
                self.pactl("unload-module", number)

    def play(self, samples: Samples, rate: int, sink: str) -> subprocess.Popen[bytes]:
        """Begin to play."""
        path = self.folder / f"{sink}.wav"
        with WavWriter(path, rate, overwrite=True) as writer:
            writer.write(samples)
            writer.commit()
        return subprocess.Popen(["paplay", f"--device={sink}", path], env=os.environ | self.environment)

    def record(self, sink: str, environment: Mapping[str, str] = {}) -> subprocess.Popen[bytes]:
        """Begin to write what the sink's monitor gives to standard output: 16 kHz, mono, 16 bit."""
        how = ["--raw", "--rate=16000", "--channels=1", "--format=s16le", "--latency-msec=50"]
        return subprocess.Popen(
            ["parecord", *how, f"--device={sink}.monitor"],
            env=os.environ | self.environment | dict(environment),
            stdout=subprocess.PIPE,
        )

    def pactl(self, *arguments: str) -> str:
        command = ["pactl", *arguments]
        ran = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, check=True, timeout=10
        )
        return ran.stdout.strip()


def missing() -> str:
    """Why there can be no sound server here; empty when there can."""
    absent = [program for program in _PROGRAMS if not shutil.which(program)]
    return f"there is no {', '.join(absent)}: {INSTALL}" if absent or sys.platform != "linux" else ""


@contextmanager
def sound_server(folder: Path) -> Iterator[SoundServer]:
    """Start one in `folder`, without any sink, and stop it at the end."""
    subprocess.run([_SCRIPT, "start", folder], check=True, capture_output=True, timeout=20)
    socket = folder.resolve() / "pulse.sock"
    server = SoundServer(folder, {"XDG_RUNTIME_DIR": str(folder.resolve()), "PULSE_SERVER": f"unix:{socket}"})
    try:
        server.unload()
        yield server
    finally:
        subprocess.run([_SCRIPT, "stop", folder], check=True, timeout=20)


def speech(seconds: float, rate: int) -> Samples:
    """So many seconds of people reading, over and over; noise that swells and falls where the recordings are not."""
    files = sorted(path for path in SPEECH.glob("*") if path.suffix in (".wav", ".flac")) if SPEECH.is_dir() else []
    if not files:
        time = np.arange(round(seconds * rate)) / rate
        noise = np.random.default_rng(1).normal(0, 0.1, len(time))
        rough: Samples = (noise * np.sin(time * 2) ** 2).astype(np.float32)
        dull: Samples = soxr.resample(soxr.resample(rough, rate, 8_000), 8_000, rate)[: len(time)]
        return dull
    chunks = (chunk.samples for path in cycle(files) for chunk in decode(path, sample_rate=rate))
    parts: list[Samples] = []
    while sum(map(len, parts)) < seconds * rate:
        parts.append(next(chunks))
    return np.concatenate(parts)[: round(seconds * rate)]


def heard(recorded: Samples, played: Samples, rate: int) -> Heard:
    """Compare what was `recorded` at 16 kHz with what was `played` at `rate`.

    They are aligned to one sample of `rate`: the recording may begin between two of its own.
    """
    if rate != 16_000:
        recorded = soxr.resample(recorded, 16_000, rate)
        played = soxr.resample(soxr.resample(played, rate, 16_000), 16_000, rate)
    size = 1 << (len(recorded) + len(played)).bit_length()
    spectrum = np.fft.rfft(recorded, size) * np.conj(np.fft.rfft(played, size))
    lag = int(np.argmax(np.fft.irfft(spectrum, size)[: len(recorded)]))
    part = recorded[lag : lag + len(played)]
    correlation = float(np.corrcoef(part, played[: len(part)])[0, 1])
    return Heard(lag / rate, correlation, len(part) == len(played))
