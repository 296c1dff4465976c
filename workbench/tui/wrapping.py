"""Text broken into lines of a number of terminal cells, so that what is appended moves nothing that was there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from rich.cells import cell_len, chop_cells

from workbench.subtitles.pieces import may_break

_may_break = lru_cache(10_000)(may_break)
_WORD = re.compile(r"\S+\s*|\s+")


def line_starts(text: str, width: int, kept: Sequence[int] = (0,)) -> list[int]:
    """Where in `text` each line begins, the first at 0. Lines that begin at `kept` stay; what follows is broken anew.

    Each line but the last of `kept` is taken to fit. Spaces at the end of a line may stand beyond its end.
    """
    starts, column = list(kept), 0
    if cell_len(text[starts[-1] :].rstrip()) <= width:
        return starts
    for start, end in _units(text, starts[-1]):
        size = cell_len(text[start:end].rstrip())
        if column and column + size > width:
            starts.append(start)
            column = 0
        if size > width:
            for part in chop_cells(text[start:end].rstrip(), width)[:-1]:
                start += len(part)
                starts.append(start)
        column += cell_len(text[start:end])
    return starts


def rewrapped(text: str, width: int, before: str, starts: Sequence[int]) -> list[int]:
    """Break `text`, which takes the place of `before`, whose lines begin at `starts`: lines that are alike stay.

    A word that became shorter does not move up to the line before, so a reader finds it where it was.
    """
    same = next((i for i, (a, b) in enumerate(zip(text, before, strict=False)) if a != b), min(len(text), len(before)))
    return line_starts(text, width, [start for start in starts if start < max(1, min(same + 1, len(text)))])


def _units(text: str, first: int) -> Iterator[tuple[int, int]]:
    """What no line is broken inside of, unless it is wider than one: words, or characters where there are no spaces."""
    for word in _WORD.finditer(text, first):
        start, end = word.span()
        if not text[start:end].isascii():
            for place in range(start + 1, end):
                if _may_break(text[place - 1], text[place]):
                    yield start, place
                    start = place
        yield start, end
