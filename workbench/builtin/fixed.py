"""Voice activity where no detector works: all of a recording is speech, cut into windows of one length."""

from __future__ import annotations

from workbench.builtin.energy import EnergyDetector, Stream
from workbench.engines import Options as EngineOptions


class FixedDetector(EnergyDetector):
    """Each frame is certain to be speech, so nothing is left out, and segments are as long as `max_speech_s` allows."""

    name = "fixed"

    class Options(EngineOptions):
        """There is nothing to choose."""

    def __init__(self, options: Options) -> None:
        """Needs nothing."""

    def _hear(self, level_db: float, state: Stream) -> float:
        return 1.0
