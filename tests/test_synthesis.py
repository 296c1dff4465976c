from __future__ import annotations

import numpy as np
import pytest

from workbench.engines import Settings
from workbench.errors import UnsupportedLanguage, WorkbenchError
from workbench.synthesis import LEAD_S, PAUSE_S, speak, voice_for
from workbench.types import Samples, Speech, Transcript

RATE = 1_000
VOICES = {"anna": "de-DE", "lisa": "en-US", "emma": "en-GB", "jane": "en-US"}


def said(text: str, language: str = "en") -> Transcript:
    return Transcript(segment_id=3, text=text, language=language, start=10.0, end=12.0)


def beep(text: str) -> Samples:
    """A second of silence, a tone of a tenth of a second a word, a second of silence."""
    tone = np.full(100 * len(text.split()), 2.0)
    return np.concatenate([np.zeros(RATE), tone, np.zeros(RATE)]).astype(np.float32)


def spoken(text: str, max_chars: int = 100) -> list[Speech]:
    return list(speak(said(text), beep, sample_rate=RATE, max_chars=max_chars))


def test_each_sentence_follows_the_one_before() -> None:
    first, second = spoken("Hello there. How are you?")
    assert first.segment_id == second.segment_id == 3
    assert first.audio.start == 10.0
    assert first.audio.duration == pytest.approx(LEAD_S + 0.2 + PAUSE_S)
    assert second.audio.start == first.audio.end
    assert second.audio.duration == pytest.approx(LEAD_S + 0.3 + PAUSE_S)


def test_the_first_sentence_leaves_before_the_second_is_made() -> None:
    made: list[str] = []

    def synthesize(text: str) -> Samples:
        made.append(text)
        return beep(text)

    next(speak(said("One. Two."), synthesize, sample_rate=RATE, max_chars=100))
    assert made == ["One."]


def test_a_piece_that_ends_abruptly_is_followed_by_a_pause() -> None:
    [speech] = speak(said("Hi."), lambda text: np.ones(100, np.float32), sample_rate=RATE, max_chars=100)
    assert speech.audio.duration == pytest.approx(0.1 + PAUSE_S)
    assert speech.audio.samples[100:].max() == 0.0


def test_samples_are_float32_within_one() -> None:
    [speech] = spoken("loud")
    assert speech.audio.samples.dtype == np.float32
    assert speech.audio.samples.max() == 1.0


@pytest.mark.parametrize("text", ["", " \n", "...", "?! -", "♪ 😀"])
def test_text_without_letter_or_digit_gives_nothing(text: str) -> None:
    assert spoken(text) == []


def test_text_that_cannot_be_spoken_is_an_error_of_the_item() -> None:
    with pytest.raises(WorkbenchError, match="no word of '日本語' can be spoken"):
        list(speak(said("日本語"), lambda text: np.zeros(10, np.float32), sample_rate=RATE, max_chars=100))


def test_a_sentence_that_cannot_be_spoken_does_not_silence_the_others() -> None:
    def synthesize(text: str) -> Samples:
        return beep(text) if text.isascii() else np.zeros(0, np.float32)

    [speech] = speak(said("日本語。 Hello."), synthesize, sample_rate=RATE, max_chars=100)
    assert speech.audio.start == 10.0


@pytest.mark.parametrize(
    ("settings", "language", "voice"),
    [
        (Settings(voice="emma"), "en-US", "emma"),
        (Settings(), "en", "lisa"),
        (Settings(), "en-GB", "emma"),
        (Settings(language="de"), "en", "anna"),
        (Settings(language="de", target_language="en"), "en", "lisa"),
    ],
)
def test_the_voice_is_the_chosen_one_or_the_first_of_the_language(
    settings: Settings, language: str, voice: str
) -> None:
    assert voice_for(VOICES, said("x", language), settings) == voice


@pytest.mark.parametrize(("settings", "language"), [(Settings(voice="bob"), "en"), (Settings(), "fr")])
def test_no_such_voice_is_an_error_that_names_those_there_are(settings: Settings, language: str) -> None:
    with pytest.raises(UnsupportedLanguage) as error:
        voice_for(VOICES, said("x", language), settings)
    assert error.value.hint == "There are: anna, lisa, emma, jane."
