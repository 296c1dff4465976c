from __future__ import annotations

import pytest

from workbench.subtitles.repeats import repeated, same_words, times_looped


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("", 1),
        ("No, no, no, no.", 1),
        ("No, no, no, no, no.", 5),
        ("Thank you for watching. " * 6, 6),
        ("and it goes on and on and on and on and on and on", 5),
        ("谢谢大家" * 6, 6),
        ("谢谢大家，" * 7, 7),
        ("哈哈哈哈哈哈哈哈哈哈", 1),
        ("hahahahahahahaha", 1),
        ("x" * 10_000, 1),
        ("the cat sat on the mat and the dog lay on the rug", 1),
        ("1, 2, 3, 4, 5, 6, 7", 1),
    ],
)
def test_phrases_in_a_row_are_counted(text: str, times: int) -> None:
    assert times_looped(text) == times


def test_texts_that_say_the_same_are_found_whatever_their_marks() -> None:
    texts = ["a", "Yes!", "yes.", "YES", "b", "No.", "No.", "", "", ""]
    assert list(repeated(texts)) == [(1, 3), (2, 3), (3, 3)]
    assert list(repeated(["x"] * 4)) == [(i, 4) for i in range(4)]


def test_words_are_compared_without_case_and_marks() -> None:
    assert same_words(" Thank\nYou, all! ") == "thank you all"
