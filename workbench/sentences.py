"""Cuts text into what a translator or a synthesizer takes at once: sentences, and clauses of long ones."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_PARAGRAPH: Final = re.compile(r"\n\s*\n")
_END: Final = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+(?=\S)|[。！？]+[」』”’）]*\s*(?=\S)")
_CLAUSE_END: Final = re.compile(r"(?<=[,;:—–])(?= )|(?<= -)(?= )|(?<=[、，；：])")
_WORD_END: Final = re.compile(r"(?= )")
_NOT_AN_END: Final = re.compile(
    r"(?:^|[\s(\"'“‘])(?:[^\W\d_]|\d{1,2}|e\.g|i\.e|z\.B|p\.ex|(?i:mrs?|ms|mx|dr|dra|prof|st|ste|sra?|srta|jr|messrs|mme|mlle"
    r"|rev|hon|gen|col|maj|lt|capt|sgt|vs|hr|fr|bzw|ca|dott|sig))\.\s+$"
)
"""What stands before a full stop that ends no sentence: an initial, an ordinal ("3. Mai"), a title."""


def sentences(text: str, max_chars: int) -> list[str]:
    """Cut `text` at the ends of sentences, and what is longer than `max_chars` at clause ends, else between words.

    White space inside becomes single spaces. Nothing else is lost or added: joined with spaces the pieces give the
    text again, but where a script without spaces, or a word longer than `max_chars`, had to be cut.
    """
    return [
        piece
        for paragraph in _PARAGRAPH.split(text)
        for sentence in _sentences(" ".join(paragraph.split()))
        for piece in _pieces(sentence, max_chars)
    ]


def plain(text: str) -> str:
    """`text` without what engines take for commands or cannot take at all: markup, control codes, lone surrogates."""
    return "".join(
        " " if unicodedata.category(character) in ("Cc", "Cs") and not character.isspace() else character
        for character in _TAG.sub(" ", text)
    )


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for match in _END.finditer(text):
        if text[match.end()].islower() or _NOT_AN_END.search(text, start, match.end()):
            continue
        yield text[start : match.end()].strip()
        start = match.end()
    if start < len(text):
        yield text[start:]


def _pieces(sentence: str, max_chars: int) -> Iterator[str]:
    while len(sentence) > max_chars:
        cut = _cut(sentence, max_chars)
        yield sentence[:cut].rstrip()
        sentence = sentence[cut:].lstrip()
    yield sentence


def _cut(sentence: str, max_chars: int) -> int:
    """The last clause end that fits, unless it leaves a crumb; else the last word's; else wherever it is full."""
    for border, least in ((_CLAUSE_END, max_chars // 3), (_WORD_END, 1)):
        ends = [match.start() for match in border.finditer(sentence, least, max_chars + 1)]
        if ends:
            return ends[-1]
    return max_chars
