from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UsageError
from workbench.subtitles import CueRules, violations
from workbench.subtitles.editing import moved, restyled
from workbench.types import Cue, Word

RULES = CueRules.for_language("en", "netflix")


def letters(cues: list[Cue]) -> str:
    return "".join("".join((cue.text + cue.translation).split()) for cue in cues)


def test_times_are_shifted_and_words_with_them() -> None:
    cues = [Cue(1, 2, "a", words=(Word(1, 1.5, "a", 0.9),))]
    assert moved(cues, 1.5) == [Cue(2.5, 3.5, "a", words=(Word(2.5, 3.0, "a", 0.9),))]
    assert moved(cues, -1.5) == [Cue(0, 0.5, "a", words=(Word(0, 0, "a", 0.9),))]


def test_times_are_stretched_before_they_are_shifted() -> None:
    assert moved([Cue(24, 48, "a")], 1.0, 24 / 25) == [Cue(26, 51, "a")]


def test_no_cue_is_shifted_away() -> None:
    with pytest.raises(UsageError, match="1 of 2 cues") as raised:
        moved([Cue(1, 2, "a"), Cue(5, 6, "b")], -2.0)
    assert "-1.000" in raised.value.hint


def test_text_is_cut_anew_in_the_style() -> None:
    long = "This is a subtitle that somebody has written in a single line, which is far too long for a style."
    cues = restyled([Cue(1, 8, long), Cue(8.2, 10, "And another.")], RULES, "en")
    assert len(cues) > 1
    assert violations(cues, RULES, language="en") == []
    assert letters(cues) == letters([Cue(0, 1, long + "And another.")])


def test_lines_of_two_speakers_stay_as_they_are() -> None:
    dialogue = Cue(4, 5, "- Yes.\n- No.")
    cues = restyled([Cue(1, 3.99, "Are you\nsure?"), dialogue, Cue(5.2, 6, "Oh.")], RULES, "en")
    assert cues[1] == dialogue
    assert cues[0].text == "Are you sure?"
    assert cues[0].end <= 4 - RULES.min_gap_s


def test_speakers_and_translations_are_kept() -> None:
    cues = restyled([Cue(1, 3, "One.", "Eins.", "Ann"), Cue(5, 7, "Two.", "Zwei.", "Bo")], RULES, "en")
    assert [(cue.text, cue.translation, cue.speaker) for cue in cues] == [
        ("One.", "Eins.", "Ann"),
        ("Two.", "Zwei.", "Bo"),
    ]


ANY = st.lists(
    st.builds(
        lambda start, length, text, translation: Cue(start, start + length, text, translation),
        st.floats(0, 100),
        st.floats(0, 9),
        st.text(st.sampled_from("ab c,.-\n字。e\u0301")).filter(str.strip),
        st.sampled_from(["", "x y."]),
    ),
    max_size=6,
)


@given(ANY)
def test_no_text_is_lost_and_no_cue_overlaps(cues: list[Cue]) -> None:
    made = restyled(cues, RULES, None, RULES)
    source = sorted(cues, key=lambda cue: cue.start)
    assert "".join("".join(cue.text.split()) for cue in made) == "".join("".join(cue.text.split()) for cue in source)
    assert sorted(letters(made)) == sorted(letters(source))
    assert all(one.start <= other.start for one, other in pairwise(made))
