from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.speech.drift import EACH_S, MOST, WINDOWS, Drift, chosen_positions, compare


@pytest.mark.parametrize(
    ("together", "alone", "found"),
    [
        ("And so, my fellow Americans", "And so my fellow Americans.", (5, 0)),
        ("ask what you can", "Ask not what you can", (5, 1)),
        ("thank you thank you", "thank you", (2, 2)),
        ("a blue house", "a red house", (3, 1)),
        ("", "one two", (2, 2)),
        ("one two", "", (0, 2)),
        ("今天天气好", "今天天氣很好。", (6, 2)),
        ("", "", (0, 0)),
    ],
)
def test_words_are_compared_whatever_their_case_and_punctuation(
    together: str, alone: str, found: tuple[int, int]
) -> None:
    assert compare(together, alone) == found


@given(st.text(), st.text())
def test_a_text_does_not_differ_from_itself_and_no_more_differs_than_there_is(one: str, other: str) -> None:
    words, _ = compare(one, one)
    assert compare(one, one)[1] == 0
    assert compare(other, one)[0] == words
    assert compare(other, one)[1] <= words + compare(one, other)[0]


def test_the_share_is_that_of_all_windows() -> None:
    drift = Drift().with_window("one two three", "one two four").with_window("five six", "five six")
    assert (drift.windows, drift.words, drift.differing, drift.share) == (2, 5, 1, 0.2)
    assert drift.is_too_much
    assert str(drift) == "1 of 5 words differ in 2 windows that were recognized alone too"
    assert drift.to_dict() == {"windows": 2, "words": 5, "differing": 1, "share": 0.2}


def test_two_words_in_a_hundred_may_differ() -> None:
    assert MOST == 0.02
    assert not Drift(3, 100, 2).is_too_much
    assert Drift(3, 100, 3).is_too_much
    assert not Drift().is_too_much


def test_the_windows_are_spread_over_the_file() -> None:
    assert chosen_positions(1200.0) == [200.0, 600.0, 1000.0]
    assert chosen_positions(None) == [60.0, 180.0, 300.0]


@given(st.floats(0, 1e6))
def test_what_is_recognized_twice_is_a_small_part_of_the_file(duration: float) -> None:
    positions = chosen_positions(duration)
    assert len(positions) <= min(WINDOWS, duration / EACH_S)
    assert all(0 < position < duration for position in positions)
