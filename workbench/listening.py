"""Where speech is likely in one stream: asked of the detector, or known from before, or of a simpler one if it fails.

Each way asks less of a recording than the one before, and cuts it worse: the profile's detector, loudness, windows of
one length.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, Self

import numpy as np

from workbench import events
from workbench.engines import Detector, Settings, StageKind
from workbench.errors import WorkbenchError
from workbench.pool import Pool, Stage
from workbench.stage_errors import named
from workbench.threads import to_thread
from workbench.types import Activity, AudioChunk

_ROUNDING: Final = 1e-3
"""How far beyond 0 or 1 a probability may be for it to be one all the same."""
_log = logging.getLogger(__name__)


class Listener:
    """An async context manager. `process` takes the chunks of one stream, `flush` gives what comes after the last."""

    def __init__(
        self,
        pool: Pool[AudioChunk, Activity],
        settings: Settings,
        emit: Callable[[events.Event], None],
        *,
        known: Activity | None = None,
        has_spares: bool = False,
    ) -> None:
        """`known` is what the detector found in the same audio before: it is not asked again.

        `has_spares` says to go on with simpler detectors where this one fails, which `emit` is told.
        """
        self._pool = pool
        self._settings = settings
        self._emit = emit
        self._known = known
        self._given = 0  # frames of `known`
        self._spares = [spare for spare in _spares() if spare.name != pool.engine.name] if has_spares else []
        self._spare: Detector[Any] | None = None
        self._state: Any = None
        self._end = 0.0  # seconds on the timeline: of the audio so far
        self._told: float | None = None  # seconds on the timeline: what was told ends there
        self._is_odd = False
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        if self._known is None:
            self._stage: Stage[AudioChunk, Activity] = await self._stack.enter_async_context(
                self._pool.open(self._settings)
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def name(self) -> str:
        """Of the detector that is at work."""
        return self._spare.name if self._spare else self._pool.engine.name

    @property
    def is_spare(self) -> bool:
        """Whether the detector failed, and a simpler one is at work."""
        return self._spare is not None

    async def process(self, chunk: AudioChunk) -> Sequence[Activity]:
        """Raises `StageError` when no detector is left."""
        self._end = chunk.end
        if self._told is None:
            self._told = chunk.start
        if self._known is not None:
            return self._known_until(self._known, chunk.end)
        while True:
            try:
                with named(StageKind.VAD, self.name, chunk.start):
                    if self._spare is None:
                        return self._mended(await self._stage.process(chunk))
                    return self._mended(await to_thread(_all, self._spare.process, chunk, self._state))
            except WorkbenchError as error:
                self._take_spare(error)

    async def flush(self) -> Sequence[Activity]:
        """Raises as `process` does."""
        if self._known is not None:
            return self._known_until(self._known, math.inf)
        while True:
            try:
                with named(StageKind.VAD, self.name, self._end):
                    if self._spare is None:
                        return self._mended(await self._stage.flush())
                    return self._mended(await to_thread(_all, self._spare.flush, self._state))
            except WorkbenchError as error:
                self._take_spare(error)

    def _mended(self, found: Sequence[Any]) -> Sequence[Activity]:
        """Each moment once, in order, and none of audio that was not heard: the other frames are left out.

        Raises `TypeError` or `ValueError` for what cannot be mended.
        """
        mended = []
        for activity in [_checked(one) for one in found]:
            told = activity.start if self._told is None else self._told
            first = max(0, round((told - activity.start) / activity.frame_s))
            last = max(first, math.ceil((self._end - activity.start) / activity.frame_s - 1e-6))
            within = activity.probabilities[first:last]
            if len(within) < len(activity.probabilities) and not self._is_odd:
                self._is_odd = True
                said = "detector %s tells of audio a second time, or of what was not heard yet: that is left out"
                _log.warning(said, self.name)
            if len(within):
                mended.append(Activity(activity.start + first * activity.frame_s, activity.frame_s, within))
                self._told = mended[-1].end
        return mended

    def _known_until(self, known: Activity, end: float) -> Sequence[Activity]:
        """What a detector gives once it has heard the audio before `end`."""
        count = len(known.probabilities)
        last = count if end == math.inf else min(count, math.floor((end - known.start) / known.frame_s + 1e-6))
        if last <= self._given:
            return ()
        first, self._given = self._given, last
        start = known.start + first * known.frame_s
        return (Activity(start, known.frame_s, known.probabilities[first:last]),)

    def _take_spare(self, error: WorkbenchError) -> None:
        if not self._spares:
            raise error
        self._spare = self._spares.pop(0)
        self._state = self._spare.open(self._settings)
        _log.warning("%s takes over from a detector that failed", self._spare.name, exc_info=error)
        hint = f"From there on speech is found by the detector {self._spare.name!r}. {error.hint}".rstrip()
        self._emit(events.Error(code=error.code, message=error.message, hint=hint, stage=StageKind.VAD))


def _spares() -> list[Detector[Any]]:
    from workbench.builtin.energy import EnergyDetector
    from workbench.builtin.fixed import FixedDetector

    return [EnergyDetector(EnergyDetector.Options()), FixedDetector(FixedDetector.Options())]


def _checked(activity: Any) -> Activity:
    """In 32 bits, as it is kept on disk. Raises `TypeError` or `ValueError` for what is no probability of speech."""
    if not isinstance(activity, Activity):
        raise TypeError(f"it gave a {type(activity).__name__}, not an Activity")
    if not (math.isfinite(activity.start) and 0 < activity.frame_s < math.inf):
        raise ValueError(f"it gave frames of {activity.frame_s} s from {activity.start} s")
    probabilities = np.asarray(activity.probabilities, np.float32)
    if probabilities.ndim != 1:
        raise ValueError(f"it gave probabilities of shape {probabilities.shape}, not (n,)")
    if not ((probabilities >= -_ROUNDING) & (probabilities <= 1 + _ROUNDING)).all():
        raise ValueError("it gave a probability that is not a number from 0 to 1")
    return Activity(activity.start, activity.frame_s, probabilities)


def _all(function: Callable[..., Any], *args: Any) -> Sequence[Activity]:
    return list(function(*args))
