"""A widget of a fixed number of lines that paints only those that changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import ClassVar, Final, TypeAlias
from unicodedata import category

from rich.cells import cell_len, set_cell_size, split_graphemes
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

Part: TypeAlias = tuple[str, str]
"""A text, and the name of its style: one of `Panel.COMPONENT_CLASSES`, or empty."""
Line: TypeAlias = tuple[Part, ...]
_OBEYED: Final = {"Cc", "Cs", "Zl", "Zp"}
"""Categories of control characters, halves of characters, and separators of lines and paragraphs."""


class Styled(Widget):
    """Has styles by their names in `COMPONENT_CLASSES`.

    Textual works a style out anew after every refresh; here each one stays until the styles change.
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._styles_by_name: dict[str, Style] = {}

    def notify_style_update(self) -> None:
        self._styles_by_name.clear()
        super().notify_style_update()

    def _style(self, name: str) -> Style:
        """`name` may be empty: text without a style of its own is "plain"."""
        if name not in self._styles_by_name:
            self._styles_by_name[name] = self.get_component_rich_style(name or "plain")
        return self._styles_by_name[name]


class Panel(Styled):
    """Shows lines that are given to it. What does not fit is cut off."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"plain", "head", "dim", "good", "warn", "bad", "mark", "wave"}
    DEFAULT_CSS = """
    Panel { height: 1; width: 1fr; }
    Panel > .head { text-style: bold; color: $primary; }
    Panel > .dim { color: $text-muted; }
    Panel > .good { color: $success; }
    Panel > .warn { color: $warning; }
    Panel > .bad { color: $error; text-style: bold; }
    Panel > .mark { color: $accent; }
    Panel > .wave { color: $primary; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()

    @property
    def plain(self) -> list[str]:
        """What is shown, without styles."""
        return ["".join(text for text, _ in line) for line in self._lines]

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines in place of the ones before."""
        before, self._lines = self._lines, tuple(tuple((harmless(text), name) for text, name in line) for line in lines)
        for y in range(max(len(before), len(self._lines))):
            old, new = (shown[y] if y < len(shown) else () for shown in (before, self._lines))
            if old != new and (region := changed(old, new, y)):
                self.refresh(region)

    def render_line(self, y: int) -> Strip:
        line = self._lines[y] if y < len(self._lines) else ()
        segments = [Segment(text, self._style(name)) for text, name in line]
        return Strip(segments).adjust_cell_length(self.size.width, self._style("")).simplify()


def joined(cells: Iterable[Part]) -> Line:
    """Neighbours of one style as one part."""
    groups = groupby(cells, key=itemgetter(1))
    return tuple(("".join(text for text, _ in parts), style) for style, parts in groups)


def spread(left: Line, right: Line, width: int) -> Line:
    """One part of a line at its start and one at its end. Of the left one is shown what fits."""
    room = max(0, width - sum(cell_len(text) for text, _ in right))
    parts: list[Part] = []
    for text, style in left:
        text = fit(text, min(cell_len(text), room))
        room -= cell_len(text)
        parts.append((text, style))
    return (*parts, (" " * room, ""), *right)


def harmless(text: str) -> str:
    """`text` with a mark in place of what a terminal would obey, such as a line feed in the name of a file."""
    if text.isprintable():
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if category(c) in _OBEYED else c for c in text)


def fit(text: str, width: int) -> str:
    """`text` in exactly `width` cells: filled up, or cut off with an ellipsis."""
    text = harmless(text)
    if cell_len(text) <= width:
        return text + " " * (width - cell_len(text))
    return set_cell_size(text, width - 1) + "…" if width > 0 else ""


def changed(old: Line, new: Line, y: int) -> Region:
    """The cells of row `y` in which two lines differ; empty when none does."""
    a, b = _cells(old), _cells(new)
    size = max(len(a), len(b))
    a, b = a + [("", "")] * (size - len(a)), b + [("", "")] * (size - len(b))
    differing = [x for x in range(size) if a[x] != b[x]]
    return Region(differing[0], y, differing[-1] + 1 - differing[0], 1) if differing else Region()


def _cells(line: Line) -> list[Part]:
    """What is in each cell, with the accents and joiners that belong to it.

    The second cell of a wide character names it too: what differs is never half of one.
    """
    cells: list[Part] = []
    for text, style in line:
        if text.isascii():
            cells += ((char, style) for char in text)
        else:
            spans = split_graphemes(text)[0]
            cells += ((text[start:end] * (cell + 1), style) for start, end, width in spans for cell in range(width))
    return cells
