"""A live source, and the audio that it gives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from workbench.engines import Capture, Settings
from workbench.errors import EngineError
from workbench.source import SILENT_S, OpenedSource, Silence
from workbench.types import AudioChunk, Samples

RATE = 16_000


def quiet(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


class Plain(Capture):
    """Its chunks are a list: they have neither `close` nor `stop`."""

    name = "plain"

    def __init__(self, rate: int = RATE, label: str = "") -> None:
        self.rate, self.label = rate, label

    def open(self, settings: Settings) -> Iterator[AudioChunk]:
        return iter([AudioChunk(quiet(0.1), self.rate, 0.0)])


def test_a_source_is_called_by_its_label_or_else_by_its_engine() -> None:
    assert OpenedSource.of(lambda: Plain(label="USB Audio"), Settings()).label == "USB Audio"
    assert OpenedSource.of(Plain, Settings()).label == "plain"


def test_audio_at_another_rate_is_refused() -> None:
    assert len(list(OpenedSource.of(Plain, Settings()).checked())) == 1
    with pytest.raises(EngineError, match="'plain' gave audio at 8000 Hz, not at 16000 Hz"):
        next(OpenedSource.of(lambda: Plain(8_000), Settings()).checked())


def test_what_cannot_be_stopped_resumed_or_closed_need_not_be() -> None:
    opened = OpenedSource.of(Plain, Settings())
    opened.stop()
    opened.resume()
    opened.close()
    assert len(list(opened.checked())) == 1


def test_silence_counts_when_it_has_lasted_and_no_chunk_without_samples_ends_it() -> None:
    silence = Silence()
    assert not silence.turns(quiet(SILENT_S - 0.1))
    assert silence.turns(quiet(0.1))
    assert silence.is_silent
    assert not silence.turns(quiet(0))
    assert not silence.turns(quiet(1))
    assert silence.turns(quiet(0.1) + 0.1)
    assert not silence.is_silent
    assert not silence.turns(quiet(SILENT_S - 0.1))
