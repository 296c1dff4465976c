"""A live source that is open, and what is asked of the audio that it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

import numpy as np

from workbench.engines import Capture, Settings
from workbench.errors import EngineError
from workbench.types import SAMPLE_RATE, AudioChunk, Samples

SILENT_S: Final = 3.0
"""Of digital silence, after which people are told."""
_SILENCE: Final = 1.5 / 32768
"""Peak of what is no sound: less than a converter's last bit moves."""

OpenSource: TypeAlias = Callable[[], Capture]


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """A source that gives audio. Its `chunks` may have `close`, `stop` and `resume`."""

    source: OpenSource
    capture: Capture
    chunks: Iterator[AudioChunk]

    @classmethod
    def of(cls, source: OpenSource, settings: Settings) -> Self:
        """Blocks. Raises `InputError`, `MissingError` when it cannot be opened."""
        capture = source()
        return cls(source, capture, capture.open(settings))

    @property
    def label(self) -> str:
        """The server may lead the default device elsewhere while it runs."""
        return self.capture.label or self.capture.name

    @property
    def is_file(self) -> bool:
        """A file waits where it is; a device goes on."""
        return self.capture.duration is not None

    def checked(self) -> Iterator[AudioChunk]:
        """Its audio. Raises `EngineError` for audio at another rate: it would be stored as noise."""
        for chunk in self.chunks:
            if chunk.sample_rate != SAMPLE_RATE:
                gave = f"gave audio at {chunk.sample_rate} Hz, not at {SAMPLE_RATE} Hz"
                hint = "Use another one, such as --engine capture=microphone, and tell its author."
                raise EngineError(f"capture engine {self.capture.name!r} {gave}", hint=hint)
            yield chunk

    def resume(self) -> None:
        if resume := getattr(self.chunks, "resume", None):
            resume()

    def stop(self) -> None:
        """From any thread; does not block."""
        if stop := getattr(self.chunks, "stop", None):
            stop()

    def close(self) -> None:
        if close := getattr(self.chunks, "close", None):
            close()


class Silence:
    """Whether a source gives digital silence: it is muted, or not connected."""

    def __init__(self) -> None:
        self.is_silent = False
        self._seconds = 0.0

    def turns(self, samples: Samples) -> bool:
        """Whether `is_silent` changes with `samples`, which follow those before."""
        if not len(samples):
            return False
        was_silent = self.is_silent
        loud = float(np.abs(samples).max()) > _SILENCE
        self._seconds = 0.0 if loud else self._seconds + len(samples) / SAMPLE_RATE
        self.is_silent = not loud and self._seconds >= SILENT_S
        return self.is_silent is not was_silent
