from __future__ import annotations

import pytest

from benchmarks.wer import normalise, word_errors


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("In 1813, Mr. Dash-wood's!", "in eighteen thirteen mister dash wood's"),
        ("He’s 21", "he's twenty one"),
        ("105 of 30", "one hundred five of thirty"),
        ("1900, 2000 and 2005", "nineteen hundred two thousand and two thousand five"),
        ("12,000", "twelve thousand"),
        ("0", "zero"),
        ("désolé, l'été", "désolé l'été"),
        ("... --- !", ""),
    ],
)
def test_spelling_is_not_an_error(written: str, said: str) -> None:
    assert normalise(written) == said
    assert normalise(said) == said


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors"),
    [
        ("one two three", "One, two, three.", (0, 3)),
        ("one two three", "one three", (1, 3)),
        ("one two three", "one two and three", (1, 3)),
        ("one two three", "one too three", (1, 3)),
        ("one two", "", (2, 2)),
        ("", "you", (1, 0)),
        ("", "", (0, 0)),
    ],
)
def test_wrong_lost_and_added_words_count(reference: str, hypothesis: str, errors: tuple[int, int]) -> None:
    assert word_errors(reference, hypothesis) == errors
