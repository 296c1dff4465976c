from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import workbench_nanotts
from workbench import EngineError, Samples, Settings, Speech, Transcript, UnsupportedLanguage, WorkbenchError
from workbench.models import present
from workbench.testing import run
from workbench_nanotts import NanoTts

SENTENCES = {
    "en-US": "The meeting starts on Thursday morning.",
    "en-GB": "The meeting starts on Thursday morning.",
    "de-DE": "Die Sitzung beginnt am Donnerstagmorgen.",
    "es-ES": "La reunión empieza el jueves por la mañana.",
    "fr-FR": "La réunion commence jeudi matin.",
    "it-IT": "La riunione inizia giovedì mattina.",
}


@pytest.fixture(scope="module")
def engine() -> NanoTts:
    return NanoTts(NanoTts.Options())


def said(text: str, language: str = "en-US", start: float = 2.0) -> Transcript:
    return Transcript(segment_id=5, text=text, language=language, start=start, end=start + 3.0)


def speak(engine: NanoTts, text: str, language: str = "en-US", voice: str | None = None) -> list[Speech]:
    return run(engine, [said(text, language)], Settings(voice=voice))


def duration(pieces: list[Speech]) -> float:
    return sum(piece.audio.duration for piece in pieces)


@pytest.mark.parametrize("voice", NanoTts.voices)
def test_each_voice_speaks_its_language_in_plausible_time(engine: NanoTts, voice: str) -> None:
    [speech] = speak(engine, SENTENCES[voice], NanoTts.voices[voice], voice)
    assert 1.5 < speech.audio.duration < 4
    assert speech.audio.sample_rate == 16_000
    assert speech.audio.samples.dtype == np.float32
    assert 0.3 < np.abs(speech.audio.samples).max() < 1.0, "too quiet, or clipped"


def test_the_language_chooses_the_voice(engine: NanoTts) -> None:
    text = "Restaurant international"
    assert duration(speak(engine, text, "fr")) == duration(speak(engine, text, "fr", "fr-FR"))
    assert duration(speak(engine, text, "fr")) != duration(speak(engine, text, "de"))


def test_sentences_follow_one_another_from_where_the_text_begins(engine: NanoTts) -> None:
    pieces = speak(engine, "First one. Then two! Is it three?")
    assert len(pieces) == 3
    assert pieces[0].audio.start == 2.0
    assert [piece.audio.start for piece in pieces[1:]] == [piece.audio.end for piece in pieces[:-1]]


@pytest.mark.parametrize(
    "text",
    [
        'Hello <break time="3s"/> there',
        '<speed level="20">Hello</speed> there',
        "Hello\x00 there",
        "<ignore>Hello</ignore> there",
    ],
)
def test_markup_in_a_text_is_no_command(engine: NanoTts, text: str) -> None:
    plain = duration(speak(engine, "Hello there"))
    assert duration(speak(engine, text)) == pytest.approx(plain, rel=0.25)


def test_a_command_with_a_space_in_it_is_read_aloud(engine: NanoTts) -> None:
    said_aloud = duration(speak(engine, 'The speed level="20" is slow.'))
    assert duration(speak(engine, 'The < speed level="20"> is slow.')) == pytest.approx(said_aloud, rel=0.05)


def test_nothing_after_a_nul_is_lost(engine: NanoTts) -> None:
    assert duration(speak(engine, "One two\x00 three four five six")) > 1.5 * duration(speak(engine, "One two"))


@pytest.mark.parametrize("text", ["", "  ", "...", "?!", "😀", "♪ ♪"])
def test_text_without_words_gives_nothing(engine: NanoTts, text: str) -> None:
    assert speak(engine, text) == []


@pytest.mark.parametrize("text", ["12345", "$5.99 & 50% off @ 3:30pm", "Great 😀 work", "Hello 日本 world", "a\ud800b"])
def test_digits_symbols_and_foreign_characters_are_no_obstacle(engine: NanoTts, text: str) -> None:
    assert 0.3 < duration(speak(engine, text)) < 8


def test_text_that_cannot_be_spoken_is_an_error_that_shows_it(engine: NanoTts) -> None:
    with pytest.raises(WorkbenchError, match="no word of '日本語' can be spoken"):
        speak(engine, "日本語")


def test_speed_and_pitch_change_the_voice() -> None:
    usual, fast, high = (
        speak(NanoTts(options), SENTENCES["en-US"])[0].audio
        for options in (NanoTts.Options(), NanoTts.Options(speed=2.0), NanoTts.Options(pitch=2.0))
    )
    assert 1.4 < usual.duration / fast.duration < 2.6
    assert 1.8 < _pitch(high.samples) / _pitch(usual.samples) < 2.2


def _pitch(samples: Samples) -> float:
    """The voice's usual pitch in Hz, from 60 to 400: the lag at which the sound is most like itself."""
    power = np.abs(np.fft.rfft(samples, 2 * len(samples))) ** 2
    return 16_000 / (40 + int(np.argmax(np.fft.irfft(power)[40:266])))


@pytest.mark.parametrize(
    "settings", [Settings(voice="heart"), Settings(language="pt"), Settings(language="en", target_language="ja")]
)
def test_a_voice_or_language_that_does_not_exist_is_refused_before_loading(settings: Settings) -> None:
    with pytest.raises(UnsupportedLanguage, match="nanotts"):
        NanoTts.resolve(NanoTts.Options(), settings)


@pytest.mark.parametrize("settings", [Settings(), Settings("en"), Settings("ja", "de", "de-DE")])
def test_its_own_languages_are_accepted(settings: Settings) -> None:
    assert NanoTts.resolve(NanoTts.Options(), settings) == NanoTts.Options()


def test_a_voice_of_another_language_is_refused_before_loading() -> None:
    with pytest.raises(UnsupportedLanguage, match="voice 'en-GB' of nanotts does not speak 'de'"):
        NanoTts.resolve(NanoTts.Options(), Settings(language="de", voice="en-GB"))


def test_calls_at_once_say_what_calls_in_turn_say(engine: NanoTts) -> None:
    """The library's samples and pauses differ a little from call to call: lengths and loudness are compared."""
    work = [(f"Number {n}.", voice) for n in (7, 12, 30) for voice in NanoTts.voices]

    def measure(job: tuple[str, str]) -> tuple[float, float]:
        [speech] = speak(engine, *job)
        return speech.audio.duration, float(np.sqrt(np.mean(speech.audio.samples**2)))

    in_turn = [measure(job) for job in work]
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(measure, work)) == [pytest.approx(expected, rel=0.15) for expected in in_turn]


def test_voices_that_are_not_the_known_ones_are_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [(name, size, "0" * 64) for name, size, _ in workbench_nanotts._FILES]
    monkeypatch.setattr(workbench_nanotts, "_FILES", files)
    with pytest.raises(EngineError, match="SHA-256 is wrong"):
        NanoTts(NanoTts.Options())


def test_its_voices_lie_in_their_package() -> None:
    assert [present(model) for model in NanoTts.models()] == ["package py-nanotts"]
