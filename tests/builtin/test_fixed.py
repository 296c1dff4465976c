"""Everything is speech, so windows are cut by their length alone."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.builtin.fixed import FixedDetector
from workbench.engines import Settings
from workbench.events import SpeechEnded
from workbench.speech.cache import joined
from workbench.speech.segmenter import Segmenter, SegmenterOptions
from workbench.types import Activity, AudioChunk

RATE = 16_000


def heard(seconds: float, level: float, chunk_s: float = 1.0) -> Activity:
    detector = FixedDetector(FixedDetector.Options())
    state = detector.open(Settings())
    samples, size = np.full(round(seconds * RATE), level, np.float32), round(chunk_s * RATE)
    chunks = [AudioChunk(samples[at : at + size], RATE, at / RATE) for at in range(0, len(samples), size)]
    found = joined([*(one for chunk in chunks for one in detector.process(chunk, state)), *detector.flush(state)])
    assert found is not None
    return found


@pytest.mark.parametrize("level", [0.0, 0.5])
@pytest.mark.parametrize("chunk_s", [0.01, 0.7, 10.0])
def test_all_of_a_recording_is_speech_however_it_comes(level: float, chunk_s: float) -> None:
    found = heard(3.01, level, chunk_s)
    assert set(found.probabilities.tolist()) == {1.0}
    assert found.start == 0.0
    assert found.end == pytest.approx(3.01, abs=0.032)


def test_a_recording_without_pauses_is_cut_into_windows_of_one_length() -> None:
    segmenter = Segmenter(SegmenterOptions(max_speech_s=60))
    found = [*segmenter.process(heard(200.0, 0.0)), *segmenter.flush()]
    ends = [event for event in found if isinstance(event, SpeechEnded)]
    assert [round(event.end - event.start) for event in ends[:3]] == [60, 60, 60]
    assert ends[-1].end == pytest.approx(200.0, abs=0.1)


def test_no_audio_has_no_speech() -> None:
    detector = FixedDetector(FixedDetector.Options())
    assert list(detector.flush(detector.open(Settings()))) == []
