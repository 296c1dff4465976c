"""Where text is best broken: between cues, and between the lines of one.

Both are one search for the cheapest way to cut a row of pieces, as Knuth and Plass do with paragraphs ("Breaking
paragraphs into lines", 1981). A cost of 1 is a matter of taste, one of 10 an eyesore.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence

from workbench.subtitles.function_words import role_of
from workbench.subtitles.marks import ends_clause, ends_sentence
from workbench.subtitles.pieces import Piece
from workbench.subtitles.rules import CueRules, has_no_spaces

_PARTICLES = frozenset("的了着吗呢吧啊嘛嗎著")
"""Chinese ones that end a phrase; where other Chinese words end takes a dictionary to know."""
_CLINGING = _PARTICLES | frozenset("里裡们們")
"""Chinese ones that belong to what stands before them."""
_NUMERALS = frozenset("一二三四五六七八九十百千万萬亿億两兩几幾")
"""What they count follows."""
_LONG_PAUSE_S = 0.5
_STRANDED = 5.0
"""For the first word of a clause that is left behind, even before a pause: people pause after it, but read on."""
_EXTRA_LINE = 100.0
"""More than any choice of breaks can save: never a line more than needed."""


def partition(count: int, costs: Callable[[int], Iterable[tuple[int, float]]]) -> list[tuple[int, int]]:
    """Cut [0, count) into the row of parts with the least sum of costs.

    `costs(first)` gives (end, cost) for each part that may begin at `first`, at least the one of length 1.
    """
    best = [0.0] + [float("inf")] * count
    begin = [0] * (count + 1)
    for first in range(count):
        for end, cost in costs(first):
            if best[first] + cost < best[end]:
                best[end], begin[end] = best[first] + cost, first
    parts = []
    end = count
    while end:
        parts.append((begin[end], end))
        end = begin[end]
    return parts[::-1]


def ends_loosely(line: str, language: str | None) -> bool:
    """Whether `line` ends with an article, a preposition or the like, which belongs to the next line."""
    return bool(role_of((line.split() or [""])[-1], language))


def break_cost(before: Piece, after: Piece) -> float:
    """What a break between two pieces costs, for a line or a cue: less at phrase ends and in pauses."""
    if ends_sentence(before.text):
        return 0.0
    pause = min(_LONG_PAUSE_S, max(0.0, after.start - before.end))
    cost = max(0.0, _cost_of_texts(before, after) - 8 * pause)
    return cost + _STRANDED if after.space and before.begins_clause and not ends_clause(before.text) else cost


def _cost_of_texts(before: Piece, after: Piece) -> float:
    if ends_clause(before.text) or unicodedata.category(after.text[0]) in ("Ps", "Pi"):
        # "No," alone at the end of a line belongs to what it begins.
        return 7.0 if before.begins_sentence else 2.5
    if after.space:
        return _cost_of_space(before, after)
    last, first = before.text[-1], after.text[0]
    if not (has_no_spaces(last) or has_no_spaces(first)):
        return 14.0
    if after.inside_word or (_is_katakana(last) and _is_katakana(first)):
        return 10.0
    if first in _CLINGING or last in _NUMERALS:
        return 9.0
    if last in _PARTICLES:
        return 4.5
    if after.role == "conjunction":
        return 3.5
    if _is_hiragana(first):  # mostly the end of a word that began before
        return 9.0
    # A Japanese phrase ends in hiragana, and the next one mostly begins with another script.
    return 5.0 if _is_hiragana(last) else 6.5


def _cost_of_space(before: Piece, after: Piece) -> float:
    if before.role is None:
        # A short word at a line's end is mostly an article or a preposition, which belongs to the next word;
        # not in Korean, where syllables are counted.
        return 8.0 if len(before.text) <= 3 and before.text[0] < "\u1100" else 6.0
    if before.role:
        return 11.0
    return {"conjunction": 3.5, "preposition": 4.5}.get(after.role or "", 6.0)


def _is_hiragana(char: str) -> bool:
    return "\u3041" <= char <= "\u309f"


def _is_katakana(char: str) -> bool:
    return "\u30a1" <= char <= "\u30ff"


class Filler:
    """Counts the lines that pieces take, each put where it still fits."""

    def __init__(self, rules: CueRules) -> None:
        self._rules = rules
        self._space = rules.measure(" ")
        self._column = 0.0
        self.width = 0.0
        self.lines = 0

    def add(self, piece: Piece) -> None:
        room = piece.width + (self._space if piece.space and self.lines else 0.0)
        if self.lines and self._column + room <= self._rules.max_line_chars:
            self._column += room
        else:
            self.lines += 1
            self._column = room = piece.width
        self.width += room

    @property
    def fits(self) -> bool:
        return self.lines <= self._rules.max_lines


def wrap(pieces: Sequence[Piece], rules: CueRules) -> str:
    """Set pieces into as few lines as hold them, broken at phrase ends, alike in length, the longer ones below."""
    space = rules.measure(" ")

    def costs(first: int) -> Iterable[tuple[int, float]]:
        width = 0.0
        for end in range(first + 1, len(pieces) + 1):
            piece = pieces[end - 1]
            width += piece.width + (space if piece.space and end > first + 1 else 0.0)
            if width > rules.max_line_chars and end > first + 1:
                return
            fullness = width / rules.max_line_chars
            cost = _EXTRA_LINE + 10 * fullness**2
            if end < len(pieces):
                cost += break_cost(piece, pieces[end]) + 0.5 * fullness
            yield end, cost

    lines = partition(len(pieces), costs)
    return "\n".join("".join(" " * (p.space and i > 0) + p.text for i, p in enumerate(pieces[a:b])) for a, b in lines)
