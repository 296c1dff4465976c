from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UsageError
from workbench.speech.stability import Stabilizer, stabilizer
from workbench.types import Transcript, Word

POLICIES = ("agreement", "engine", "none")


def interim(text: str, *, id: int = 0, stable: str = "", words: tuple[Word, ...] = ()) -> Transcript:
    return Transcript(
        segment_id=id, text=text, language="en", start=0.0, end=1.0, stable=stable, words=words, is_final=False
    )


def show(policy: str, *texts: str) -> list[tuple[str, str]]:
    """What is stable, and the rest of what is shown."""
    chosen = stabilizer(policy)
    return [_split(chosen.update(interim(text))) for text in texts]


def _split(transcript: Transcript) -> tuple[str, str]:
    assert transcript.text.startswith(transcript.stable)
    return transcript.stable, transcript.text.removeprefix(transcript.stable)


def test_what_two_texts_in_a_row_begin_with_is_stable() -> None:
    assert show("agreement", "ask not", "ask not what you", "ask not what your country") == [
        ("", "ask not"),
        ("ask not", " what you"),
        ("ask not what", " your country"),
    ]


def test_the_last_word_waits_for_the_next() -> None:
    assert show("agreement", "He was not.", "He was not.", "He was not an ill man.")[1:] == [
        ("He was", " not."),
        ("He was not", " an ill man."),
    ]


def test_stable_words_keep_their_first_spelling_and_others_take_the_newest() -> None:
    shown = show("agreement", "and so, my", "and so my fellow", "And so, my fellow Americans.")
    assert shown[1:] == [("and so my", " fellow"), ("and so my fellow", " Americans.")]


def test_what_was_stable_stays_when_a_text_contradicts_it() -> None:
    shown = show("agreement", "I saw the see today", "I saw the see today and", "I saw the sea today and swam")
    assert shown[-1] == ("I saw the see today and", " swam")


def test_words_that_a_text_lost_or_found_do_not_come_twice() -> None:
    lost = show("agreement", "one two three four", "one two three four", "one three four five")
    assert lost[-1] == ("one two three four", " five")
    found = show("agreement", "one three four", "one three four five", "one two three four five six")
    assert found[-1] == ("one three four five", " six")


def test_a_text_that_got_shorter_takes_nothing_back() -> None:
    assert show("agreement", "one two three", "one two three", "one", "")[2:] == [("one two", ""), ("one two", "")]


def test_chinese_is_stable_by_the_character() -> None:
    assert show("agreement", "今天天", "今天天气很", "今天天气很好。")[1:] == [
        ("今天天", "气很"),
        ("今天天气很", "好。"),
    ]


def test_a_wide_comma_belongs_to_the_character_before_it() -> None:
    assert show("agreement", "你好，世", "你好,世界")[-1] == ("你好,世", "界")


def test_the_next_segment_starts_anew() -> None:
    chosen = stabilizer("agreement")
    for id in (0, 1):
        assert [chosen.update(interim(text, id=id)).stable for text in ("a b", "a b c")] == ["", "a b"]


def test_an_engine_that_knows_what_stays_is_believed_and_cannot_take_it_back() -> None:
    chosen = stabilizer("engine")
    texts = [("one two three", "one two"), ("one two four", "one"), ("won too four five", "won too four")]
    assert [_split(chosen.update(interim(text, stable=stable))) for text, stable in texts] == [
        ("one two", " three"),
        ("one two", " four"),
        ("one two", " four five"),
    ]


def test_half_a_word_is_not_stable() -> None:
    assert stabilizer("engine").update(interim("hello there", stable="hello the")).stable == "hello"


def test_without_a_policy_nothing_is_stable_and_no_text_changes() -> None:
    assert show("none", "a b", "a b", "c") == [("", "a b"), ("", "a b"), ("", "c")]


def test_words_stay_with_a_text_that_stays() -> None:
    words = (Word(0.0, 0.5, "see", 0.9), Word(0.5, 1.0, " you", 0.9))
    chosen = stabilizer("agreement")
    assert chosen.update(interim("see you", words=words)).words == words
    assert chosen.update(interim("see you", words=words)).words == words
    contradicted = chosen.update(interim("sea you", words=words))
    assert (contradicted.text, contradicted.words) == ("see you", ())


def test_an_unknown_policy_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"'agrement' \(did you mean 'agreement'\?\)") as caught:
        stabilizer("agrement")
    assert caught.value.hint == "It is one of: agreement, engine, none."


texts = st.lists(st.sampled_from(["one", "One,", "two", "two.", "three", "-", "好", "气", "。"]), max_size=8).map(
    " ".join
)
hypotheses = st.tuples(texts, texts).map(lambda both: interim(both[0], stable=both[1]))


@given(st.sampled_from(POLICIES), st.lists(hypotheses, max_size=12))
def test_what_is_stable_begins_the_text_and_never_shrinks(policy: str, given: list[Transcript]) -> None:
    chosen = stabilizer(policy)
    shown = [chosen.update(transcript) for transcript in given]
    assert all(transcript.text.startswith(transcript.stable) for transcript in shown)
    assert all(after.stable.startswith(before.stable) for before, after in pairwise(shown))
    for transcript, made in zip(given, shown, strict=True):
        assert replace(made, text="", stable="") == replace(transcript, text="", stable="")


@given(st.lists(st.sampled_from(["one", "two", "three"]), min_size=1, max_size=8))
def test_equal_texts_make_all_but_the_last_word_stable(words: list[str]) -> None:
    *before, last = words
    assert show("agreement", " ".join(words), " ".join(words))[-1] == (
        " ".join(before),
        f" {last}" if before else last,
    )


@given(st.lists(st.sampled_from(["one", "two", "three"]), max_size=8), st.data())
def test_a_text_that_only_grows_is_shown_as_it_is(words: list[str], data: st.DataObject) -> None:
    chosen: Stabilizer = stabilizer("agreement")
    counts = sorted(data.draw(st.lists(st.integers(0, len(words)), max_size=6)))
    for count in counts:
        assert chosen.update(interim(" ".join(words[:count]))).text == " ".join(words[:count])
