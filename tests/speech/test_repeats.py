from __future__ import annotations

import numpy as np
import pytest

from workbench.speech.repeats import RepeatFilter, loudness_db
from workbench.types import AudioChunk, Samples, SpeechSegment, Transcript, Window

RATE = 16_000
RANDOM = np.random.default_rng(0)


def noise(level_db: float, seconds: float) -> Samples:
    return (RANDOM.standard_normal(round(seconds * RATE)) * 10 ** (level_db / 20)).astype(np.float32)


def window(*levels_db: float) -> Window:
    """Two seconds of each level."""
    samples = np.concatenate([noise(level, 2.0) for level in levels_db])
    return Window((SpeechSegment(id=0, audio=AudioChunk(samples, RATE, 10.0)),))


def drops(levels: list[float], texts: list[str]) -> list[bool]:
    """Whether each text is dropped, said for two seconds each."""
    heard, repeats = window(*levels), RepeatFilter()
    return [
        repeats.drops(heard, heard.transcript(text, language="en", start=2 * i + 0.2, end=2 * i + 1.8))
        for i, text in enumerate(texts)
    ]


def test_a_line_that_comes_again_over_silence_is_dropped() -> None:
    assert drops([-20, -90, -90], ["Thank you.", "Thank you.", "thank you"]) == [False, True, True]


def test_a_line_that_comes_again_over_the_noise_of_the_room_is_dropped() -> None:
    assert drops([-20, -52, -52], ["Thank you.", "Thank you.", "Thank you."]) == [False, True, True]


def test_a_line_that_somebody_says_again_is_kept() -> None:
    assert drops([-20, -25, -40], ["Yes.", "Yes.", "Yes."]) == [False, False, False]


def test_a_line_that_is_new_is_kept_however_soft() -> None:
    assert drops([-20, -90, -20], ["Yes.", "I whisper.", "Yes."]) == [False, False, False]


def test_a_loop_over_silence_is_dropped_and_one_over_speech_is_not() -> None:
    assert drops([-90, -20], ["no " * 9, "no " * 9]) == [True, False]


def test_soft_speech_alone_is_not_taken_for_silence() -> None:
    assert drops([-50, -50], ["Yes.", "Yes."]) == [False, False]


def test_a_click_is_no_speech() -> None:
    samples = noise(-80, 2.0)
    samples[RATE : RATE + 800] = 0.9
    repeats = RepeatFilter()
    spoken = Window((SpeechSegment(id=0, audio=AudioChunk(noise(-20, 2.0), RATE, 0.0)),))
    clicked = Window((SpeechSegment(id=1, audio=AudioChunk(samples, RATE, 2.0)),))
    assert not repeats.drops(spoken, spoken.transcript("Bye.", language="en", start=0, end=2))
    assert repeats.drops(clicked, clicked.transcript("Bye.", language="en", start=0, end=2))


def test_only_the_audio_under_the_transcript_counts() -> None:
    segments = tuple(
        SpeechSegment(id=i, audio=AudioChunk(noise(level, 2.0), RATE, start))
        for i, (level, start) in enumerate([(-20.0, 0.0), (-90.0, 100.0)])
    )
    heard = Window(segments, pause_s=0.5)
    repeats = RepeatFilter()
    assert not repeats.drops(heard, heard.transcript("Bye.", language="en", start=0, end=2))
    assert repeats.drops(heard, heard.transcript("Bye.", language="en", start=2.5, end=4.5))


def test_a_transcript_without_length_or_text_does_no_harm() -> None:
    heard, repeats = window(-20), RepeatFilter()
    for text in ("", "...", "Yes.", "Yes."):
        repeats.drops(heard, Transcript(segment_id=0, text=text, language="en", start=10.5, end=10.5))


@pytest.mark.parametrize("level", [-10.0, -40.0, -70.0])
def test_loudness_is_in_decibels_below_full_scale(level: float) -> None:
    assert loudness_db(noise(level, 2.0), RATE) == pytest.approx(level, abs=1.0)
    assert loudness_db(np.zeros(RATE, np.float32), RATE) == -np.inf
    assert loudness_db(np.zeros(0, np.float32), RATE) == -np.inf
