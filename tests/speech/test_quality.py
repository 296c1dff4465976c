"""How well speech was cut, told by one number."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import Settings
from workbench.audio.decode import decode
from workbench.builtin.energy import EnergyDetector
from workbench.events import SpeechEnded
from workbench.speech.cache import joined
from workbench.speech.quality import Quality, quality
from workbench.speech.segmenter import Segmenter, SegmenterOptions
from workbench.types import Activity

MEETING = (
    Path(os.environ.get("WORKBENCH_TEST_AUDIO") or Path(__file__).parents[3] / "shared" / "audio") / "meeting/dev00.wav"
)
SILENT = Quality(segments=0, cuts=0, cuts_in_speech=0.0, covered=1.0, mean_s=0.0, spread=0.0, mean_silence_s=0.0)


def heard(pattern: str, frame_s: float = 1.0) -> Activity:
    """A frame for each character: speech is an x."""
    return Activity(0.0, frame_s, np.array([0.9 if sign == "x" else 0.1 for sign in pattern], np.float32))


def segment(start: float, end: float) -> SpeechEnded:
    return SpeechEnded(segment_id=0, start=start, end=end)


def test_segments_that_are_the_speech_are_perfect() -> None:
    found = quality([segment(1.0, 3.0), segment(5.0, 7.0)], heard(".xx..xx."))
    assert found == Quality(
        segments=2, cuts=4, cuts_in_speech=0.0, covered=1.0, mean_s=2.0, spread=0.0, mean_silence_s=0.0
    )
    assert found.score == pytest.approx(1.0)


def test_cuts_in_speech_are_counted_and_touching_edges_are_one() -> None:
    found = quality([segment(1.0, 3.0), segment(3.0, 6.0)], heard(".xxxxx.."))
    assert found.cuts == 3
    assert found.cuts_in_speech == pytest.approx(1 / 3)
    assert found.score < 0.81


def test_the_ends_of_a_recording_are_no_cuts() -> None:
    found = quality([segment(0.0, 4.0)], heard("xxxx"))
    assert (found.cuts, found.cuts_in_speech) == (0, 0.0)
    assert found.score == pytest.approx(1.0)


def test_speech_that_is_left_out_weighs_on_everything() -> None:
    assert quality([segment(0.0, 2.0)], heard("xx..xxxxxx")).covered == 0.25
    assert quality([segment(0.0, 2.0)], heard("xx..xxxxxx")).score <= 0.25
    assert quality([], heard("xxxx")).score == 0.0


def test_silence_in_segments_is_told_in_seconds() -> None:
    found = quality([segment(0.0, 4.0), segment(6.0, 8.0)], heard("x..x..xx"))
    assert found.mean_silence_s == 1.0
    assert found.silence == pytest.approx(1 / 3)


def test_lengths_that_differ_are_told_as_a_share_of_their_mean() -> None:
    assert quality([segment(0.0, 1.0), segment(2.0, 5.0)], heard("xxxxxxx")).spread == pytest.approx(0.5)


def test_where_nobody_speaks_nothing_is_wrong() -> None:
    assert quality([], heard("....")) == SILENT
    assert quality([], heard("")).score == SILENT.score == pytest.approx(1.0)


@given(
    st.lists(st.floats(0, 100), max_size=20, unique=True),
    st.lists(st.floats(0, 1), max_size=200),
    st.floats(0.01, 1.0),
    st.floats(0.0, 50.0),
    st.floats(0.01, 0.99),
)
def test_every_share_is_a_share(
    edges: list[float], probabilities: list[float], frame_s: float, start: float, threshold: float
) -> None:
    activity = Activity(start, frame_s, np.array(probabilities, np.float32))
    edges = sorted(edges)
    segments = [segment(start, end) for start, end in zip(edges[::2], edges[1::2], strict=False)]
    found = quality(segments, activity, threshold)
    for share in (found.cuts_in_speech, found.covered, found.silence, found.score):
        assert 0.0 <= share <= 1.0
    assert found.spread >= 0.0
    assert 0.0 <= found.mean_silence_s <= found.mean_s


@pytest.mark.skipif(not MEETING.exists(), reason="needs real speech: set WORKBENCH_TEST_AUDIO")
def test_real_speech_cut_in_its_pauses_scores_higher_than_in_fixed_windows() -> None:
    engine = EnergyDetector(EnergyDetector.Options())
    state = engine.open(Settings())
    activities = [found for chunk in decode(MEETING) for found in engine.process(chunk, state)]
    activity = joined([*activities, *engine.flush(state)])
    assert activity is not None
    segmenter = Segmenter(SegmenterOptions())
    ended = [e for e in [*segmenter.process(activity), *segmenter.flush()] if isinstance(e, SpeechEnded)]
    cut = quality(ended, activity)
    blind = quality([segment(start, start + 5.0) for start in np.arange(0.0, activity.end, 5.0)], activity)
    assert cut.score > blind.score + 0.1
    assert cut.cuts_in_speech < blind.cuts_in_speech
