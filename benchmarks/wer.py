"""Word error rate, as this project counts it: what a transcript's spelling conventions decide is not an error."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import jiwer

_ONES: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS: Final = "zero ten twenty thirty forty fifty sixty seventy eighty ninety"
_TITLES: Final = {"mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint"}


def normalise(text: str) -> str:
    """Lower case, no punctuation, hyphens as spaces, English numbers and titles spelled out."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"\d+", lambda match: f" {_spelled(int(match[0]))} ", text)
    words = re.sub(r"[^\w']|_", " ", text).split()
    return " ".join(_TITLES.get(word, word) for word in (word.strip("'") for word in words) if word)


def word_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Words that are wrong, lost or added in `hypothesis`, and the number of words in `reference`."""
    said, heard = normalise(reference), normalise(hypothesis)
    if not said:
        return len(heard.split()), 0
    result = jiwer.process_words(said, heard)
    return result.substitutions + result.deletions + result.insertions, len(said.split())


def _spelled(number: int) -> str:
    """As it is read: 1100 to 1999 like years."""
    if number < 20:
        return _ONES.split()[number]
    if number < 100:
        return _TENS.split()[number // 10] + (f" {_ONES.split()[number % 10]}" if number % 10 else "")
    if number < 1000 or (1100 <= number < 2000 and number % 1000):
        return _with_rest(_spelled(number // 100), "" if number > 1000 else "hundred", number % 100)
    if number < 1_000_000:
        return _with_rest(_spelled(number // 1000), "thousand", number % 1000)
    return " ".join(_spelled(int(digit)) for digit in str(number))


def _with_rest(head: str, unit: str, rest: int) -> str:
    return " ".join(
        part for part in (head, unit or ("hundred" if not rest else ""), _spelled(rest) if rest else "") if part
    )
