"""Text in pieces that stay together on a line, each with the time in which it was said."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from workbench.subtitles.function_words import CHINESE_WORDS, Role, role_of
from workbench.subtitles.marks import ends_clause, ends_sentence
from workbench.subtitles.rules import CueRules, has_no_spaces
from workbench.types import Transcript, Translation, Word

_SPACES = re.compile(r"[^\S\u00a0\u2007\u202f]+")
"""All white space but that which asks not to be broken."""
_TRAILING = frozenset(".,;:!?%…。、，！？；：·—–")
_NEVER_FIRST = frozenset(
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿー々〻ゝゞヽヾ゛゜～〜ｧｨｩｪｫｬｭｮｯｰﾞﾟ℃°ะาำๅๆฯ"
)
"""Small kana, sound and repetition marks, Thai vowels: they belong to the character before."""
_NEVER_LAST = frozenset("เแโใไເແໂໃໄ")
"""Thai and Lao vowels that are written before their consonant."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What no line is broken inside of: a word, or in scripts without spaces a character."""

    text: str
    start: float
    end: float
    width: float
    space: bool
    """Whether a space parts it from the piece before, when both are in one line."""
    position: float
    """[0, 1]: where in its text it ends, counted in letters."""
    role: Role | None = None
    """What the word is to the next; None in a language whose small words are not known."""
    begins_sentence: bool = False
    """Whether the piece before ends a sentence, or there is none."""
    begins_clause: bool = False
    """Whether the piece before ends a sentence or a part of one, or there is none."""
    inside_word: bool = False
    """Whether it goes on with the word of the piece before."""
    words: tuple[Word, ...] = ()
    """The timed words that begin in it."""


@dataclass(frozen=True, slots=True)
class _Letter:
    """The time of one character, and the number of its word."""

    start: float
    end: float
    word: int


def pieces_of(transcript: Transcript, rules: CueRules, translation: Translation | None = None) -> list[Piece]:
    """Cut a transcript's text, or `translation` in its place, which is spread over the time of the same speech.

    A word that is wider than a line is cut to the width of a line.
    """
    shown = translation or transcript
    units = list(_units(shown.text, rules))
    count = sum(letters for _, _, letters in units)
    clock = _clock(transcript, count)
    words = () if translation is not None else transcript.words
    begins = _first_letters(words, count)
    pieces: list[Piece] = []
    first = 0
    for text, space, letters in units:
        start, end = _time(clock, first, first + letters, count)
        pieces.append(
            Piece(
                text=text,
                start=start,
                end=max(start, end),
                width=rules.measure(text),
                space=space,
                position=(first + letters) / count,
                role=role_of(text, shown.language),
                begins_sentence=not pieces or ends_sentence(pieces[-1].text),
                begins_clause=not pieces or ends_sentence(pieces[-1].text) or ends_clause(pieces[-1].text),
                inside_word=bool(begins) and bool(pieces) and first not in begins,
                words=tuple(word for letter in range(first, first + letters) for word in begins.get(letter, ())),
            )
        )
        first += letters
    return pieces


def _units(text: str, rules: CueRules) -> Iterable[tuple[str, bool, int]]:
    """What is not to be broken: (text, a space before, letters without white space)."""
    for token in _tokens(text):
        space = True
        for unit in _unbroken(token):
            for part in _cut(unit, rules):
                yield part, space, sum(not char.isspace() for char in part)
                space = False


def _tokens(text: str) -> list[str]:
    """Words as spaces part them, with marks that stand alone put to the word that they belong to."""
    tokens: list[str] = []
    opening = ""
    for token in _SPACES.split(text):
        if not token or token.isspace():
            continue
        if all(unicodedata.category(char) in ("Ps", "Pi") for char in token):
            opening += token + " "
        elif tokens and not opening and all(_closes(char) for char in token):
            tokens[-1] += " " + token
        else:
            tokens.append(opening + token)
            opening = ""
    return [*tokens, opening.strip()] if opening else tokens


def _closes(char: str) -> bool:
    return char in _TRAILING or unicodedata.category(char) in ("Pe", "Pf")


def _unbroken(token: str) -> list[str]:
    """Cut a token where scripts without spaces may be broken (a small part of UAX 14 and of JIS X 4051)."""
    units: list[str] = []
    clusters = _clusters(token)
    for before, cluster in pairwise(["", *clusters]):
        if units and (not may_break(before[0], cluster[0]) or units[-1] + cluster in CHINESE_WORDS):
            units[-1] += cluster
        else:
            units.append(cluster)
    return units


def may_break(before: str, after: str) -> bool:
    """Whether a line may end between two characters of a word, as it may in scripts without spaces."""
    if before in _NEVER_LAST or unicodedata.category(before) in ("Ps", "Pi", "Sc"):
        return False
    if after in _NEVER_FIRST or after.isspace() or unicodedata.category(after) in ("Pe", "Pf", "Po", "Pd"):
        return False
    if before.isdigit() and not unicodedata.category(after).startswith("P"):  # a number and its unit
        return False
    return not before.isspace() and (has_no_spaces(before) or has_no_spaces(after))


def _clusters(text: str) -> list[str]:
    """What a reader takes for one character (in essence UAX 29)."""
    clusters: list[str] = []
    for char in text:
        if clusters and _extends(clusters[-1], char):
            clusters[-1] += char
        else:
            clusters.append(char)
    return clusters


def _extends(cluster: str, char: str) -> bool:
    category = unicodedata.category(char)
    if category in ("Mn", "Me", "Mc", "Cf") or "\u1160" <= char <= "\u11ff" or "\U0001f3fb" <= char <= "\U0001f3ff":
        return True
    if cluster[-1] == "\u200d":
        return category == "So"
    return len(cluster) == 1 and all("\U0001f1e6" <= flag <= "\U0001f1ff" for flag in (cluster, char))


def _cut(unit: str, rules: CueRules) -> list[str]:
    """Cut what is wider than a line into lines."""
    if rules.measure(unit) <= rules.max_line_chars:
        return [unit]
    parts: list[str] = []
    room = 0.0
    for cluster in _clusters(unit):
        width = rules.measure(cluster)
        if not parts or (width > room and cluster.strip()):
            parts.append("")
            room = rules.max_line_chars
        parts[-1] += cluster
        room -= width
    return [part.strip(" ") for part in parts]


def _clock(transcript: Transcript, count: int) -> list[_Letter]:
    """The time of each letter: of the words, or else spread evenly over the transcript's time."""
    start, end = transcript.start, max(transcript.start, transcript.end)
    words = transcript.words or (Word(start, end, "x" * max(1, count), 0.0),)
    clock: list[_Letter] = []
    latest = words[0].start
    for number, word in enumerate(words):
        letters = sum(not char.isspace() for char in word.text)
        begin, length = max(latest, word.start), max(0.0, word.end - max(latest, word.start))
        edges = [begin + length * letter / letters for letter in range(letters + 1)] if letters else []
        clock += [_Letter(a, b, number) for a, b in pairwise(edges)]
        latest = begin
    return clock or [_Letter(start, end, 0)]


def _time(clock: Sequence[_Letter], first: int, last: int, count: int) -> tuple[float, float]:
    """When the letters `first` to `last` of `count` are said, where `clock` may count other letters."""
    a, b = first * len(clock) / count, last * len(clock) / count
    at_start, at_end = clock[int(a)], clock[max(0, math.ceil(b) - 1)]
    start = at_start.start + (at_start.end - at_start.start) * (a - int(a))
    return start, at_end.start + (at_end.end - at_end.start) * (b - (math.ceil(b) - 1))


def _first_letters(words: Sequence[Word], count: int) -> dict[int, list[Word]]:
    """The words that begin at each of the text's letters."""
    sizes = [sum(not char.isspace() for char in word.text) for word in words]
    begins: dict[int, list[Word]] = {}
    before = 0
    for word, size in zip(words, sizes, strict=True):
        if size:
            begins.setdefault(before * count // sum(sizes), []).append(word)
        before += size
    return begins
