"""Voice activity by loudness: no model, and no idea what a voice is. For clean recordings and as a fallback."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import exp
from typing import Final

import numpy as np
from pydantic import Field

from workbench.engines import Detector, Settings
from workbench.engines import Options as EngineOptions
from workbench.types import Activity, AudioChunk, Samples

RATE: Final = 16_000
FRAME: Final = 512

_START_DB: Final = -50.0
"""Where the noise floor is thought to be, at most, before anything is heard: speech may begin at once."""
_FALL: Final = 0.3
"""Share of the way down to a quieter frame that the noise floor goes."""
_RISE_DB: Final = 0.08
"""How much the noise floor goes up in a louder frame: 2.5 dB a second, slow enough to outlast a long vowel."""
_SLOPE_DB: Final = 2.0
"""Steepness of the logistic around `speech_snr_db`."""


@dataclass(slots=True)
class Stream:
    """What the detector remembers of one stream."""

    rest: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    """What has come of the next frame."""
    start: float = 0.0
    """Of the first sample in `rest`; seconds on the timeline."""
    floor_db: float | None = None
    """Level of the noise; None: nothing was heard."""


class EnergyDetector(Detector[Stream]):
    """How far each 32 ms of 16 kHz audio rise above the noise, as a probability."""

    name = "energy"

    class Options(EngineOptions):
        speech_snr_db: float = Field(10.0, ge=3.0, le=40.0)
        """Decibels above the noise at which speech is as likely as not."""
        min_level_dbfs: float = Field(-55.0, ge=-90.0, le=-10.0)
        """Anything quieter is not speech, whatever the noise."""

    def __init__(self, options: Options) -> None:
        self._snr_db = options.speech_snr_db
        self._min_db = options.min_level_dbfs

    def open(self, settings: Settings) -> Stream:
        return Stream()

    def process(self, item: AudioChunk, state: Stream) -> Iterable[Activity]:
        if item.sample_rate != RATE:
            raise ValueError(f"energy takes {RATE} Hz audio, not {item.sample_rate} Hz")
        pending = len(state.rest)
        start = state.start if pending else item.start
        samples = np.concatenate((state.rest, item.samples))
        used = len(samples) // FRAME * FRAME
        state.start = item.start + (used - pending) / RATE if used else start
        state.rest = samples[used:].copy()
        if not used:
            return ()
        levels = _levels(samples[:used].reshape(-1, FRAME)).tolist()
        return (Activity(start, FRAME / RATE, np.array([self._hear(x, state) for x in levels], np.float32)),)

    def flush(self, state: Stream) -> Iterable[Activity]:
        """The probability of an incomplete last frame."""
        rest, state.rest = state.rest, state.rest[:0]
        if not len(rest):
            return ()
        (level,) = _levels(rest[None]).tolist()
        return (Activity(state.start, FRAME / RATE, np.array([self._hear(level, state)], np.float32)),)

    def _hear(self, level_db: float, state: Stream) -> float:
        """Speech probability of a frame, from the noise floor before it."""
        floor = min(level_db, _START_DB) if state.floor_db is None else state.floor_db
        floor = max(floor, self._min_db - self._snr_db)  # after digital silence, noise is not speech for long
        if level_db < floor:
            state.floor_db = floor + _FALL * (level_db - floor)
        else:
            state.floor_db = min(floor + _RISE_DB, level_db)
        if level_db < self._min_db:
            return 0.0
        return 1.0 / (1.0 + exp((self._snr_db - (level_db - floor)) / _SLOPE_DB))


def _levels(frames: Samples) -> Samples:
    """Level of each row in dBFS, its mean (a DC offset) taken out; -120 for silence."""
    power = np.var(frames, axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, np.float32(1e-12))), np.float32)
