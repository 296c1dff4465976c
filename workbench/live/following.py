"""The pipeline's capture of live audio: what is stored, as it is stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from workbench.audio.gate import Gate
from workbench.audio.spool import Spool
from workbench.engines import Capture, Settings
from workbench.types import AudioChunk

CHUNK_S: Final = 1.0
"""The most that is taken from the disk at once."""
LOOK_UP_S: Final = 0.25
"""How long audio is waited for before an empty chunk lets the pipeline see whether something else is wanted of it."""


class Following(Capture):
    """What a spool holds from a position on, and what is still coming. Where nothing comes, an empty chunk does."""

    name = "spool"

    def __init__(self, spool: Spool, position: float, gate: Gate) -> None:
        """`position`: seconds on the timeline."""
        self._spool = spool
        self._position = position
        self._gate = gate

    def open(self, settings: Settings) -> Iterator[AudioChunk]:
        position, rate = round(self._position * self._spool.sample_rate), self._spool.sample_rate
        while True:
            closed = self._spool.is_closed
            samples = self._spool.read(position / rate, CHUNK_S, LOOK_UP_S)
            if closed and not len(samples):
                return
            yield self._gate.let_through(AudioChunk(samples, rate, position / rate))
            position += len(samples)
