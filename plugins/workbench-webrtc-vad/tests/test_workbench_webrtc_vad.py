"""WebRTC's detector against its own library, on real speech where it is present."""

from __future__ import annotations

import os
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webrtcvad
from pydantic import ValidationError

from workbench import Activity, AudioChunk, Samples, Settings
from workbench.audio.decode import decode
from workbench.testing import assert_streams_are_independent, chunks, run
from workbench_webrtc_vad import WebRtcVad

ROOT = Path(__file__).parents[3]
AUDIO = Path(os.environ.get("WORKBENCH_TEST_AUDIO", ROOT.parent / "shared" / "audio"))
RATE = 16_000


@cache
def speech(rate: int = RATE) -> Samples:
    recorded = AUDIO / "meeting" / "dev00.wav"
    path = recorded if recorded.is_file() else ROOT / "samples" / "dialogue.flac"
    return np.concatenate([chunk.samples for chunk in decode(path, sample_rate=rate)])[: 20 * rate]


def detector(**options: Any) -> WebRtcVad:
    return WebRtcVad(WebRtcVad.Options.model_validate(options))


def probabilities(activities: list[Activity]) -> list[float]:
    return [value for activity in activities for value in activity.probabilities.tolist()]


@pytest.mark.parametrize("rate", WebRtcVad.sample_rates)
@pytest.mark.parametrize(("aggressiveness", "frame_ms"), [(0, 10), (2, 30), (3, 20)])
def test_it_says_what_the_library_says(rate: int, aggressiveness: int, frame_ms: int) -> None:
    vad, frame = webrtcvad.Vad(aggressiveness), rate * frame_ms // 1000
    samples = np.clip(speech(rate), -1, 32_767 / 32_768)
    pcm = np.rint(np.pad(samples, (0, -len(samples) % frame)) * 32_768).astype(np.int16)
    expected = [float(vad.is_speech(part.tobytes(), rate)) for part in pcm.reshape(-1, frame)]
    got = run(detector(aggressiveness=aggressiveness, frame_ms=frame_ms), chunks(samples, rate, chunk_s=0.1))
    assert probabilities(got) == expected
    assert {0.0, 1.0} <= set(expected)
    assert all(activity.frame_s == frame_ms / 1000 for activity in got)


def test_chunks_of_any_size_give_the_same() -> None:
    rng = np.random.default_rng(0)
    cuts = np.cumsum(rng.integers(0, 1500, 2 * len(speech()) // 1500 + 8))
    edges = [0, *cuts[cuts < len(speech())].tolist(), len(speech())]
    parts = [AudioChunk(speech()[a:b], RATE, 50.0 + a / RATE) for a, b in pairwise(edges)]
    got = run(detector(), parts)
    assert probabilities(got) == probabilities(run(detector(), [AudioChunk(speech(), RATE, 50.0)]))
    at = 50.0
    for activity in got:
        assert activity.start == pytest.approx(at)
        at = activity.end


def test_silence_is_no_speech() -> None:
    assert not any(probabilities(run(detector(aggressiveness=0), chunks(np.zeros(RATE, np.float32)))))


def test_two_streams_do_not_hear_each_other() -> None:
    half = len(speech()) // 2
    assert_streams_are_independent(detector(), chunks(speech()[:half]), chunks(speech()[half:]))


def test_streams_of_several_rates_in_one_call_get_what_is_theirs() -> None:
    engine, rates = detector(), WebRtcVad.sample_rates
    states = [engine.open(Settings()) for _ in rates]
    made: list[list[Activity]] = [[] for _ in rates]
    for turn in zip(*(chunks(speech(rate), rate) for rate in rates), strict=False):
        for values, result in zip(made, engine.process_batch(list(zip(turn, states, strict=True))), strict=True):
            values.extend(result)
    for rate, state, values in zip(rates, states, made, strict=True):
        values.extend(engine.flush(state))
        assert probabilities(values) == probabilities(run(engine, chunks(speech(rate), rate)))


def test_an_incomplete_last_frame_is_judged_with_silence_after_it() -> None:
    engine = detector()
    state = engine.open(Settings())
    assert list(engine.flush(state)) == []
    assert list(engine.process(AudioChunk(speech()[:100], RATE, 3.0), state)) == []
    (activity,) = engine.flush(state)
    assert (activity.start, len(activity.probabilities)) == (3.0, 1)
    assert list(engine.flush(state)) == []


def test_a_refused_call_leaves_every_stream_as_it_was() -> None:
    engine = detector()
    first, second, *_ = chunks(speech(), chunk_s=1.01)
    state, other = engine.open(Settings()), engine.open(Settings())
    list(engine.process(first, state))
    rest = state.rest
    with pytest.raises(ValueError, match="16000 Hz audio cannot go on at 8000 Hz"):
        engine.process_batch([(second, other), (AudioChunk(np.zeros(80, np.float32), 8_000, 1.0), state)])
    with pytest.raises(ValueError, match="not 44100 Hz"):
        engine.process_batch([(second, state), (AudioChunk(np.zeros(80, np.float32), 44_100, 1.0), other)])
    assert (state.rest, other.rest, other.sample_rate) == (rest, b"", 0)


def test_loud_audio_is_clipped_and_not_wrapped() -> None:
    loud = [AudioChunk(speech() * np.float32(100), RATE, 0.0)]
    clipped = [AudioChunk(np.clip(speech() * np.float32(100), -1, 1), RATE, 0.0)]
    assert probabilities(run(detector(), loud)) == probabilities(run(detector(), clipped))


@pytest.mark.parametrize("wrong", [{"aggressiveness": 4}, {"aggressiveness": -1}, {"frame_ms": 25}])
def test_options_that_the_library_does_not_have_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        detector(**wrong)
