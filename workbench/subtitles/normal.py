"""The normal form of cues: what every file format can hold, so that reading gives back what was written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Literal, TypeAlias

from workbench.subtitles.marks import ends_sentence
from workbench.subtitles.rules import has_no_spaces
from workbench.types import Cue, Word

Order: TypeAlias = Literal["source-first", "translation-first"]

_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_NEW_PARAGRAPH_S = 2.0


def printable(text: str) -> str:
    """Replace with U+FFFD what UTF-8 or XML cannot hold and no screen shows; byte order marks vanish."""
    return _UNPRINTABLE.sub("\ufffd", text).replace("\ufeff", "").replace("\t", " ")


def clean(text: str) -> str:
    """Printable lines without space around them, and no empty ones: a blank line ends a cue in SRT and VTT."""
    lines = (line.strip() for line in printable(text).splitlines())
    return "\n".join(line for line in lines if line)


def one_line(text: str) -> str:
    """Take line breaks out again; scripts without spaces get none in their place."""
    lines = clean(text).split("\n")
    for before, after in pairwise(range(len(lines))):
        if lines[after] and not (has_no_spaces(lines[before][-1]) or has_no_spaces(lines[after][0])):
            lines[after] = " " + lines[after]
    return "".join(lines)


def shown(cue: Cue, order: Order) -> str:
    """Both texts of a cue, one below the other."""
    texts = (cue.text, cue.translation) if order == "source-first" else (cue.translation, cue.text)
    return "\n".join(text for text in texts if text)


def normal(cues: Iterable[Cue], step_ms: int) -> Iterator[Cue]:
    """Cues with something to show, by start, their texts clean, their times multiples of `step_ms` from 0.

    Rounding makes no two cues overlap, and leaves none without duration, which players do not show.
    """
    before: Cue | None = None
    start = end = 0
    for cue in sorted(cues, key=lambda cue: cue.start):
        text, translation = clean(cue.text), clean(cue.translation)
        if not text and not translation:
            continue
        start = max(start, round(cue.start * 1000 / step_ms))
        if before is not None and cue.start >= before.end:
            start = max(start, end)
        end = max(start + 1, round(cue.end * 1000 / step_ms))
        before = cue
        yield Cue(
            start * step_ms / 1000,
            end * step_ms / 1000,
            text,
            translation,
            one_line(cue.speaker or "") or None,
            tuple(_normal_word(word) for word in cue.words),
        )


def _normal_word(word: Word) -> Word:
    """Engines give numbers of NumPy, too, which JSON does not take."""
    start, end = round(float(word.start), 3), round(float(word.end), 3)
    return Word(start, end, printable(word.text), float(word.probability))


def paragraphs(cues: Iterable[Cue], order: Order) -> Iterator[str]:
    """A line for each sentence, its translation below it, without times."""
    group: list[Cue] = []
    for cue in cues:
        if group and _begins_paragraph(group[-1], cue):
            yield from _paragraph(group, order)
            group = []
        group.append(cue)
    if group:
        yield from _paragraph(group, order)


def _begins_paragraph(before: Cue, cue: Cue) -> bool:
    pause = cue.start - before.end
    return (
        cue.speaker != before.speaker or pause >= _NEW_PARAGRAPH_S or ends_sentence(before.text or before.translation)
    )


def _paragraph(cues: list[Cue], order: Order) -> Iterator[str]:
    text = one_line("\n".join(cue.text for cue in cues))
    translation = one_line("\n".join(cue.translation for cue in cues))
    lines = [text, translation] if order == "source-first" else [translation, text]
    speaker = f"{cues[0].speaker}: " if cues[0].speaker else ""
    yield from (speaker + line for line in lines if line)
