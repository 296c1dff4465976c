"""Captions broken into the rows of a screen, and what stands in each row."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal, TypeAlias

from workbench.clock import clock
from workbench.tui.captions import Caption
from workbench.tui.widgets.panel import Line, Part, joined
from workbench.tui.wrapping import line_starts, rewrapped

Layout: TypeAlias = Literal["source-first", "translation-first", "translation", "source"]
LAYOUTS: Final[tuple[Layout, ...]] = ("source-first", "translation-first", "translation", "source")
_TIMES_CELLS = 11
_NO_TIMES_CELLS = 3
_LEAST_CELLS = 8
_AWAITED = "~ …"
_SLICE = 100
"""Captions that are laid out while a key waits."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line on the screen: a part of a caption's text or of its translation, or nothing."""

    of: Literal["source", "translation", "nothing"]
    start: int = 0
    end: int = 0
    """In characters."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A caption broken into rows."""

    caption: Caption
    shape: Shape | None
    """The one that it is laid out in; None: nobody saw it yet, and each text is one row, however long."""
    source: tuple[int, ...]
    translation: tuple[int, ...]
    """Where lines begin, in characters."""
    rows: tuple[Row, ...]
    """At least one."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How captions are laid out."""

    width: int = 0
    """In cells, with times and signs."""
    times: bool = True
    """Whether times are shown."""
    order: Layout = "source-first"
    """What is shown of a translated caption."""

    @property
    def text_width(self) -> int:
        return max(_LEAST_CELLS, self.width - (_TIMES_CELLS if self.times else _NO_TIMES_CELLS))

    def place(self, caption: Caption, before: Placed | None = None) -> Placed:
        """Break `caption` into rows. Words of the one `before`, whose place it takes, stay where they are."""
        if before is None or before.shape is not self:
            source, translation = (line_starts(text, self.text_width) for text in (caption.text, caption.translation))
            return self._placed(caption, self, source, translation)
        old = before.caption
        source = rewrapped(caption.text, self.text_width, old.text, before.source)
        translation = rewrapped(caption.translation, self.text_width, old.translation, before.translation)
        return self._placed(caption, self, source, translation, 0 if caption.is_final else len(before.rows))

    def place_unseen(self, caption: Caption) -> Placed:
        """For a tenth of the time."""
        return self._placed(caption, None, [0], [0])

    def _placed(
        self, caption: Caption, shape: Shape | None, source: list[int], translation: list[int], height: int = 0
    ) -> Placed:
        """`height`: the least."""
        rows = self._rows(caption, source, translation)
        rows += [Row("nothing")] * (height - len(rows))
        return Placed(caption, shape, tuple(source), tuple(translation), tuple(rows))

    def _rows(self, caption: Caption, source: list[int], translation: list[int]) -> list[Row]:
        said = [Row("source", a, b) for a, b in zip(source, [*source[1:], len(caption.text)], strict=True)]
        other: list[Row] = []
        if caption.translation or caption.awaits_translation:
            ends = [*translation[1:], len(caption.translation)]
            other = [Row("translation", a, b) for a, b in zip(translation, ends, strict=True)]
        match self.order:
            case "source-first":
                return said + other
            case "translation-first":
                return other + said
            case "translation":
                return other or said
        return said

    def copied(self, caption: Caption) -> str:
        """As text: the time, and in lines of their own the texts that are shown."""
        source, translation = caption.text, caption.translation
        texts = {
            "source-first": (source, translation),
            "translation-first": (translation, source),
            "translation": (translation or source,),
            "source": (source,),
        }[self.order]
        lines = [text for text in texts if text]
        indent = f"{clock(caption.start)} " if self.times else ""
        return "\n".join((" " * len(indent) if number else indent) + line for number, line in enumerate(lines))

    def line(self, placed: Placed, number: int, *, chosen: bool, marked: re.Pattern[str] | None) -> Line:
        """What stands in a row of a caption. `chosen`: with the cursor. `marked`: what was searched for."""
        row = placed.rows[number]
        return joined((*self._margin(placed.caption, row, number == 0, chosen), *_text(placed.caption, row, marked)))

    def _margin(self, caption: Caption, row: Row, is_first: bool, chosen: bool) -> Iterator[Part]:
        changing = {
            "source": not caption.is_final,
            "translation": bool(caption.translation) and not caption.is_translated,
            "nothing": False,
        }[row.of]
        yield (">", "cursor") if chosen else (" ", "")
        if self.times:
            yield f"{clock(caption.start) if is_first else '':>8}", "dim"
        yield "~ " if row.start == 0 and changing else "  ", "dim"


def _text(caption: Caption, row: Row, marked: re.Pattern[str] | None) -> list[Part]:
    if row.of == "nothing":
        return []
    if row.of == "translation" and not caption.translation:
        return [(_AWAITED, "dim")]
    if row.of == "translation":
        text, styles = caption.translation, ["translation" if caption.is_translated else "interim"]
        styles *= len(text)
    else:
        text, rest = caption.text, len(caption.text) - caption.stable
        styles = [""] * len(text) if caption.is_final else ["stable"] * caption.stable + ["interim"] * rest
    for match in marked.finditer(text) if marked else ():
        styles[match.start() : match.end()] = ["match"] * (match.end() - match.start())
    end = row.start + len(text[row.start : row.end].rstrip())
    return list(zip(text[row.start : end], styles[row.start : end], strict=True))


class CaptionRows:
    """All captions, one under the other, and which row belongs to which."""

    def __init__(self, placed: Sequence[Placed] = ()) -> None:
        self.placed: list[Placed] = []
        self._tops = [0]
        """The first row of each caption, and the one after the last."""
        self.replace(0, 0, placed)

    @property
    def height(self) -> int:
        return self._tops[-1]

    def top(self, index: int) -> int:
        """The first row of a caption, or, for the number of captions, the one after the last."""
        return self._tops[index]

    def at(self, y: int) -> int:
        """The caption that has row `y` >= 0; below the last one there is one more."""
        return bisect_right(self._tops, y) - 1

    def replace(self, first: int, removed: int, placed: Sequence[Placed]) -> None:
        """Put `placed` in the place of `removed` captions from `first` on."""
        self.placed[first : first + removed] = placed
        heights = (len(each.rows) for each in self.placed[first:])
        self._tops[first:] = accumulate(heights, initial=self._tops[first])

    def shape(self, shape: Shape, first: int, last: int) -> None:
        """Lay the captions from `first` to before `last` out in `shape`, those that are not yet."""
        first = max(0, first)
        placed = self.placed[first:last]
        if any(each.shape is not shape for each in placed):
            shaped = [each if each.shape is shape else shape.place(each.caption) for each in placed]
            self.replace(first, len(placed), shaped)

    def shape_all(self, shape: Shape) -> Iterator[None]:
        """The same for all captions, in slices: nothing moves before the last one, whatever is replaced meanwhile."""
        rest = [each.caption for each in self.placed if each.shape is not shape]
        shaped = dict[int, Placed]()
        for first in range(0, len(rest), _SLICE):
            shaped |= {id(caption): shape.place(caption) for caption in rest[first : first + _SLICE]}
            yield
        self.replace(0, len(self.placed), [shaped.get(id(each.caption), each) for each in self.placed])
