"""Text that says the same over and over, as recognizers do where there is nothing to recognize."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from workbench.subtitles.rules import has_no_spaces

MOST_IN_A_ROW = 2
"""Cues: people do say "Yes." twice."""
MOST_IN_A_TEXT = 4
"""Times that a phrase comes again and again in one text: people do say "no, no, no, no"."""
_LOOP = re.compile(rf"(?<!\w)(\w[\w ]{{0,60}}?)(?: \1){{{MOST_IN_A_TEXT},}}(?!\w)")
_LOOP_WITHOUT_SPACES = re.compile(rf"(\w{{2,20}}?)(?:\1){{{MOST_IN_A_TEXT},}}")


def same_words(text: str) -> str:
    """`text` without case, marks and breaks: what two texts that say the same have in common."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def times_looped(text: str) -> int:
    """How often a phrase of `text` comes in a row; 1 where none comes more than `MOST_IN_A_TEXT` times."""
    words = same_words(text)
    loops = [(loop[0], loop[1]) for loop in _LOOP.finditer(words)]
    loops += [
        (loop[0], loop[1])
        for loop in _LOOP_WITHOUT_SPACES.finditer(words)
        if has_no_spaces(loop[1][0]) and len(set(loop[1])) > 1  # laughter is one syllable
    ]
    return max((len(whole.replace(" ", "")) // len(phrase.replace(" ", "")) for whole, phrase in loops), default=1)


def repeated(texts: Iterable[str]) -> Iterator[tuple[int, int]]:
    """(index, times in a row) of each text that more than `MOST_IN_A_ROW` neighbours share."""
    run: list[int] = []
    before = ""
    for index, words in enumerate(map(same_words, texts)):
        if not words or words != before:
            yield from _long(run)
            run = []
        before = words
        run.append(index)
    yield from _long(run)


def _long(run: list[int]) -> Iterator[tuple[int, int]]:
    if len(run) > MOST_IN_A_ROW:
        yield from ((index, len(run)) for index in run)
