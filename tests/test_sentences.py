from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.sentences import plain, sentences


@pytest.mark.parametrize(
    "text",
    [
        "Hello there.| How are you?| Fine!",
        "Dr. Smith met J. K. Rowling at 3 p.m. on Sunday.| They talked.",
        'She said "stop."| He stopped (at last).| Then…| nothing.'.replace("…| n", "… n"),
        "Am 3. Mai beginnt es.| Bis dann.",
        "It costs 3.50 dollars.| Visit example.com today.",
        "これは文です。|次の文です！|終わり",
        "no end at all",
    ],
)
def test_sentences_end_where_a_reader_says(text: str) -> None:
    assert sentences(text.replace("|", ""), 200) == [part.strip() for part in text.split("|")]


def test_a_blank_line_ends_a_sentence_and_a_line_break_does_not() -> None:
    assert sentences("A heading\n\nand text\nthat goes on.", 200) == ["A heading", "and text that goes on."]


def test_a_long_sentence_is_cut_at_its_clauses() -> None:
    text = "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for it."
    assert sentences(text, 75) == [
        "And so, my fellow Americans, ask not what your country can do for you,",
        "ask what you can do for it.",
    ]


def test_text_without_punctuation_is_cut_between_words() -> None:
    pieces = sentences("one two three four five " * 20, 50)
    assert max(map(len, pieces)) <= 50
    assert min(map(len, pieces[:-1])) > 40
    assert " ".join(pieces) == ("one two three four five " * 20).strip()


def test_empty_text_has_no_sentence() -> None:
    assert sentences(" \n\n ", 100) == []


@given(st.text(st.sampled_from("ab Dr.!?,;—…。、「」\"'\n\té1 ") | st.characters()), st.integers(1, 40))
@example("a. B", 1)
def test_nothing_is_lost_and_no_piece_is_empty_or_too_long(text: str, max_chars: int) -> None:
    pieces = sentences(text, max_chars)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(piece.strip() == piece and 0 < len(piece) <= max_chars for piece in pieces)


def test_markup_and_control_codes_do_not_reach_an_engine() -> None:
    assert plain('<i>Slow</i> <break time="3s"/>down\x00\ud800').split() == ["Slow", "down"]
    assert plain("if a < b and 5<6 > 3\n♪ é 😀") == "if a < b and 5<6 > 3\n♪ é 😀"
