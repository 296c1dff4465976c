"""A capture of a file that may be made to harm: what it gives, and what it costs, is bounded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench.audio.media import AudioTrack, probe
from workbench.engines import Capture, Settings
from workbench.errors import InputError, WorkbenchError
from workbench.types import AudioChunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Of one file."""

    duration_s: float = 12 * 3600.0
    channels: int = 8
    sample_rates: range = range(8_000, 384_001)
    """Hertz."""
    cpu_s: float = 60.0
    """Of a processor that decoding may cost,"""
    cpu_factor: float = 0.2
    """and for each second of audio so much more."""


USUAL: Final = Bounds()


class Bounded(Capture):
    """What `capture`, which reads `path`, gives, under its name; raises `InputError` where a bound is passed."""

    def __init__(self, capture: Capture, path: Path, bounds: Bounds) -> None:
        self.name = capture.name  # type: ignore[misc]
        self._capture = capture
        self._path = path
        self._bounds = bounds

    def open(self, settings: Settings) -> Iterator[AudioChunk]:
        """Refuses at once what the file says of itself."""
        bounds = self._bounds
        for track in _tracks(self._path):
            if not track.channels:
                continue  # FFmpeg has no decoder for it: it is refused where it is chosen
            if track.channels > bounds.channels or track.sample_rate not in bounds.sample_rates:
                rates = f"{bounds.sample_rates[0]} to {bounds.sample_rates[-1]} Hz"
                raise InputError(
                    f"{str(self._path)!r} has {track.channels} channels at {track.sample_rate} Hz",
                    hint=f"At most {bounds.channels} channels, and {rates}, are taken.",
                )
        chunks = self._capture.open(settings)
        self.duration, self.label = self._capture.duration, self._capture.label
        if (self.duration or 0.0) > bounds.duration_s:
            raise self._too_long()
        return self._bounded(chunks)

    @property
    def warnings(self) -> list[str]:
        """What was wrong with the file, where the capture says that; complete when the last chunk was given."""
        return list(getattr(self._capture, "warnings", ()))

    def _bounded(self, chunks: Iterator[AudioChunk]) -> Iterator[AudioChunk]:
        spent, end = 0.0, 0.0
        try:
            while True:
                began = time.thread_time()
                chunk = next(chunks, None)
                spent += time.thread_time() - began
                if chunk is None:
                    return
                end = chunk.end
                if end > self._bounds.duration_s:
                    raise self._too_long()
                if spent > self._bounds.cpu_s + self._bounds.cpu_factor * end:
                    raise InputError(
                        f"{str(self._path)!r} takes too long to decode", hint="Convert it with a tool that you trust."
                    )
                yield chunk
        finally:
            if close := getattr(chunks, "close", None):
                close()

    def _too_long(self) -> InputError:
        hours = self._bounds.duration_s / 3600
        return InputError(f"{str(self._path)!r} is longer than {hours:g} hours", hint="Cut it into shorter files.")


def _tracks(path: Path) -> tuple[AudioTrack, ...]:
    """None of what FFmpeg cannot read: the capture says what is wrong with it, or reads it all the same."""
    try:
        return probe(path).tracks
    except WorkbenchError:
        return ()
