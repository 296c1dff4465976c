"""Recognizes some windows of a file alone too, where windows are recognized together, and compares the texts."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Self

from workbench.engines import Settings
from workbench.pool import Stage
from workbench.pool.results import Values
from workbench.speech.drift import Drift, chosen_positions
from workbench.types import Transcript, Window

_log = logging.getLogger(__name__)


class DriftCheck:
    """For one file. On the loop."""

    def __init__(self, duration: float | None) -> None:
        """`duration`: seconds of audio; None: not known."""
        self.drift = Drift()
        self._positions = chosen_positions(duration)

    def beside(
        self, stage: Stage[Window, Transcript], window: Window, settings: Settings, values: Values[Transcript]
    ) -> Values[Transcript]:
        """`values`, which are those of `window`; if it is one of those chosen, they come when they are compared.

        Called in the order of the windows.
        """
        end = window.segments[-1].audio.end
        if not self._positions or end <= self._positions[0]:
            return values
        self._positions = [position for position in self._positions if position >= end]

        async def compare(together: Sequence[Transcript]) -> None:
            try:
                alone = await stage.call(lambda engine: list(engine.process(window, settings)))
            except Exception:  # what is wanted is there
                _log.warning("the window at %.1f s could not be recognized alone", window.start, exc_info=True)
                return
            self.drift = self.drift.with_window(_text(together), _text(alone))

        return _Compared(values, compare)


class _Compared:
    """The values of a window: an async iterator that begins when all of them are there and compared."""

    def __init__(self, values: Values[Transcript], compare: Callable[[Sequence[Transcript]], Awaitable[None]]) -> None:
        self._given = values
        self._compare = compare
        self._values: deque[Transcript] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Transcript:
        if self._values is None:
            values: deque[Transcript] = deque()
            while True:
                try:
                    values.append(await anext(self._given))
                except StopAsyncIteration:
                    break
            await self._compare(values)
            self._values = values
        if not self._values:
            raise StopAsyncIteration
        return self._values.popleft()

    async def aclose(self) -> None:
        await self._given.aclose()


def _text(transcripts: Iterable[Transcript]) -> str:
    return " ".join(transcript.text for transcript in transcripts)
