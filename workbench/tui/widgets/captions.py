"""The captions: what was said, growing at the end, and all of it to scroll, search, select and copy."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, Literal, TypeAlias

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Size
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from workbench import events
from workbench.clock import clock
from workbench.threads import to_thread
from workbench.tui.captions import Caption, Captions, Change
from workbench.tui.texts import _
from workbench.tui.widgets.panel import Line, Part, changed, joined
from workbench.tui.wrapping import line_starts, rewrapped

Layout: TypeAlias = Literal["source-first", "translation-first", "translation", "source"]
LAYOUTS: tuple[Layout, ...] = ("source-first", "translation-first", "translation", "source")
_TIMES_CELLS = 11
_NO_TIMES_CELLS = 3
_LEAST_CELLS = 8
_AWAITED = "~ …"


@dataclass(frozen=True, slots=True)
class _Row:
    """One line on the screen: a part of a caption's text or of its translation, or nothing."""

    of: Literal["source", "translation", "nothing"]
    start: int = 0
    end: int = 0
    """In characters."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A caption broken into rows."""

    caption: Caption
    source: tuple[int, ...]
    translation: tuple[int, ...]
    """Where lines begin, in characters."""
    rows: tuple[_Row, ...]


class CaptionView(ScrollView, can_focus=True, inherit_bindings=False):
    """Renders only the lines that are seen; what it keeps is text and where its lines break."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"dim", "stable", "interim", "translation", "cursor", "match"}
    DEFAULT_CSS = """
    CaptionView {
        height: 1fr; width: 1fr; overflow-x: hidden; overflow-y: scroll;
        scrollbar-size-vertical: 1; scrollbar-background: $background;
        & > .dim { color: $text-muted; }
        & > .stable { text-style: italic; }
        & > .interim { text-style: italic dim; }
        & > .translation { color: $accent; }
        & > .cursor { background: $panel; text-style: bold; }
        & > .match { text-style: reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor_up", _("Line up"), id="live.up", show=False),
        Binding("down", "cursor_down", _("Line down"), id="live.down", show=False),
        Binding("shift+up,K", "extend(-1)", _("Select upwards"), id="live.select_up", show=False),
        Binding("shift+down,J", "extend(1)", _("Select downwards"), id="live.select_down", show=False),
        Binding("pageup", "page_up", _("Page up"), id="live.page_up", show=False),
        Binding("pagedown", "page_down", _("Page down"), id="live.page_down", show=False),
        Binding("home", "first", _("First line"), id="live.first", show=False),
        Binding("end", "last", _("Last line"), id="live.last", show=False),
        Binding("escape", "leave", _("Select nothing"), id="live.leave", show=False),
    ]

    follow = var(True)
    """Whether the last line is kept in sight."""
    unseen = var(0)
    """Captions that came since it does not follow."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.times = True
        self.order: Layout = "source-first"
        self._captions = Captions()
        self._placed: list[_Placed] = []
        self._tops = [0]  # where each caption begins, in rows, and where the last one ends
        self._cursor: int | None = None
        self._anchor: int | None = None
        self._pattern: re.Pattern[str] | None = None
        self._placed_width = _LEAST_CELLS
        self._seen = 0
        self._styles_of: dict[str, Style] = {}

    # what it shows

    @property
    def captions(self) -> list[Caption]:
        return self._captions.items

    def take(self, event: events.Event, target_language: str | None = None) -> None:
        """Show what an event tells. See `Captions.take`."""
        if change := self._captions.take(event, target_language):
            self._show(change)

    def restore(self, told: Iterable[events.Event], target_language: str | None = None) -> None:
        """Show what these events told in place of everything, at the end."""
        self._captions = Captions()
        for event in told:
            self._captions.take(event, target_language)
        self._cursor = self._anchor = None
        self._place_all()
        self.action_last()

    async def show(self, captions: Sequence[Caption], wanted: str = "") -> None:
        """Show these in place of everything, from the first on, with `wanted` marked.

        A thread breaks them into lines, so hours of captions keep no key waiting.
        """
        width = self._placed_width = self._width
        placed = await to_thread(lambda: [self._place(caption, None) for caption in captions])
        self._captions = Captions()
        self._captions.items.extend(captions)
        self._cursor = self._anchor = None
        self.mark(wanted)
        if width == self._placed_width:
            self._keep(placed)
        else:
            self._place_all()
        self.scroll_to(y=0, animate=False, immediate=True)
        self.follow = False

    def lay_out(self, *, times: bool, order: Layout) -> None:
        """Choose whether times are shown, and what of a translated caption."""
        self.times, self.order = times, order
        self._place_all()

    def copied(self) -> str:
        """The selected captions as text, or all where none is selected."""
        first, last = self.selected or (0, len(self.captions) - 1)
        return "\n".join(self._as_text(caption) for caption in self.captions[first : last + 1])

    def mark(self, text: str) -> None:
        self._pattern = re.compile(re.escape(text), re.IGNORECASE) if text else None
        self.refresh()

    def find(self, text: str, step: int) -> str:
        """Mark `text`, and go to a caption that holds it. See `Frame.find`."""
        self.mark(text)
        found = list(self._matching())
        if not found:
            return _("nowhere") if text else ""
        at = len(self.captions) if self._cursor is None else self._cursor
        if step > 0:
            target = next((index for index in found if index > at), found[0])
        else:
            target = next((index for index in reversed(found) if index <= at + step), found[-1])
        self.go_to(target)
        return _("{number} of {count}", number=found.index(target) + 1, count=len(found))

    def _as_text(self, caption: Caption) -> str:
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

    # keys

    def action_cursor_up(self) -> None:
        self._anchor = None
        self._move(-1)

    def action_cursor_down(self) -> None:
        self._anchor = None
        if self._cursor is not None or not self.follow:
            self._move(1)

    def on_click(self, event: Click) -> None:
        """Select a caption, unless the mouse has just marked a part of the text."""
        place = event.get_content_offset(self)
        index = -1 if place is None else self._index(self.scroll_offset.y + place.y)
        if self.text_selection is None and 0 <= index < len(self.captions):
            self.go_to(index)

    def action_extend(self, step: int) -> None:
        if self._anchor is None:
            self._anchor = self._cursor
        self._move(step)

    def action_page_up(self) -> None:
        self._page(-1)

    def action_page_down(self) -> None:
        self._page(1)

    def action_first(self) -> None:
        if self.captions:
            self.go_to(0)

    def action_last(self) -> None:
        """Follow what comes, from now on."""
        self._cursor = self._anchor = None
        self.follow, self.unseen = True, 0
        self.scroll_to(y=self.max_scroll_y, animate=False)
        self.refresh()

    def action_leave(self) -> None:
        self._cursor = self._anchor = None
        self.refresh()

    def _move(self, step: int) -> None:
        """The first move selects the last caption that is seen."""
        if self.captions:
            seen = self._index(self.scroll_offset.y + self.size.height - 1)
            target = seen if self._cursor is None else self._cursor + step
            self._go_to(min(max(target, 0), len(self.captions) - 1))

    def _page(self, step: int) -> None:
        self._cursor = self._anchor = None
        if step < 0:
            self._stop_following()
        self.scroll_to(y=self.scroll_offset.y + step * max(1, self.size.height - 1), animate=False)
        self.refresh()

    def go_to(self, index: int) -> None:
        """Select this caption alone, and have it in sight."""
        self._anchor = None
        self._go_to(index)

    def _go_to(self, index: int) -> None:
        self._stop_following()
        self._cursor = index
        top, bottom = self._tops[index], self._tops[index + 1]
        if top < self.scroll_offset.y:
            self.scroll_to(y=top, animate=False)
        elif bottom > self.scroll_offset.y + self.size.height:
            self.scroll_to(y=bottom - self.size.height, animate=False)
        self.refresh()

    def _stop_following(self) -> None:
        if self.follow:
            self.follow, self._seen = False, len(self.captions)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < self.max_scroll_y:
            self._stop_following()
        elif self._cursor is None:
            self.follow, self.unseen = True, 0

    def _matching(self) -> Iterable[int]:
        if (pattern := self._pattern) is None:
            return ()
        return (i for i, c in enumerate(self.captions) if pattern.search(c.text) or pattern.search(c.translation))

    @property
    def selected(self) -> tuple[int, int] | None:
        """The first and the last caption that are selected."""
        if self._cursor is None:
            return None
        anchor = self._cursor if self._anchor is None else self._anchor
        return min(anchor, self._cursor), max(anchor, self._cursor)

    # where it stands

    def on_resize(self, event: Resize) -> None:
        if self._width != self._placed_width:
            self._place_all()
        if self.follow:
            self.scroll_to(y=self.max_scroll_y, animate=False)

    @property
    def _width(self) -> int:
        """Cells for text."""
        return max(
            _LEAST_CELLS, self.scrollable_content_region.width - (_TIMES_CELLS if self.times else _NO_TIMES_CELLS)
        )

    def _place_all(self) -> None:
        self._placed_width = self._width
        self._keep([self._place(caption, None) for caption in self.captions])

    def _keep(self, placed: list[_Placed]) -> None:
        self._placed = placed
        self._tops = [0, *accumulate(len(placed.rows) for placed in self._placed)]
        self._grow()
        self.refresh()

    def _show(self, change: Change) -> None:
        first, last = change.first, change.first + change.removed
        top = self._tops[first]
        painted = self._seen_from(top)
        before = self._placed[first:last]
        self._placed[first:last] = [
            self._place(caption, before[number] if number < len(before) else None)
            for number, caption in enumerate(self.captions[first : first + change.added])
        ]
        heights = (len(placed.rows) for placed in self._placed[first:])
        self._tops[first:] = accumulate(heights, initial=top)
        for y, (old, new) in enumerate(zip(painted, self._seen_from(top), strict=True), self._seen_row(top)):
            if old != new and (region := changed(old, new, y)):
                self.refresh(region)
        self._grow()
        if not self.follow:
            self.unseen = max(0, len(self.captions) - self._seen)

    def _seen_row(self, y: int) -> int:
        """Where on the screen row `y` or, where that is scrolled away, the first one after it is."""
        return min(max(0, y - self.scroll_offset.y), self.size.height)

    def _seen_from(self, y: int) -> list[Line]:
        top = self.scroll_offset.y
        return [self._line(top + row) for row in range(self._seen_row(y), self.size.height)]

    def _grow(self) -> None:
        if (size := Size(self.size.width, self._tops[-1])) != self.virtual_size:
            self.virtual_size = size
            if self.follow:
                self.scroll_to(y=self.max_scroll_y, animate=False)

    def _place(self, caption: Caption, before: _Placed | None) -> _Placed:
        if before is None:
            source, translation = (
                line_starts(caption.text, self._placed_width),
                line_starts(caption.translation, self._placed_width),
            )
        else:
            source = rewrapped(caption.text, self._placed_width, before.caption.text, before.source)
            old = before.caption.translation
            translation = rewrapped(caption.translation, self._placed_width, old, before.translation)
        rows = self._rows(caption, source, translation)
        if before is not None and not caption.is_final:
            rows += [_Row("nothing")] * (len(before.rows) - len(rows))
        return _Placed(caption, tuple(source), tuple(translation), tuple(rows))

    def _rows(self, caption: Caption, source: list[int], translation: list[int]) -> list[_Row]:
        said = [_Row("source", a, b) for a, b in zip(source, [*source[1:], len(caption.text)], strict=True)]
        other: list[_Row] = []
        if caption.translation or caption.awaits_translation:
            ends = [*translation[1:], len(caption.translation)]
            other = [_Row("translation", a, b) for a, b in zip(translation, ends, strict=True)]
        match self.order:
            case "source-first":
                return said + other
            case "translation-first":
                return other + said
            case "translation":
                return other or said
        return said

    # what is painted

    def _index(self, y: int) -> int:
        """The caption that has row `y`."""
        return bisect_right(self._tops, y, hi=len(self._placed)) - 1

    def _line(self, y: int) -> Line:
        if y >= self._tops[-1]:
            return ()
        index = self._index(y)
        placed, number = self._placed[index], y - self._tops[index]
        selected = self.selected
        chosen = selected is not None and selected[0] <= index <= selected[1]
        return joined((*self._margin(placed, number, chosen), *self._text(placed, placed.rows[number])))

    def _margin(self, placed: _Placed, number: int, chosen: bool) -> list[Part]:
        caption, row = placed.caption, placed.rows[number]
        time = f"{clock(caption.start) if number == 0 else '':>8}" if self.times else ""
        changing = (
            not caption.is_final if row.of == "source" else bool(caption.translation and not caption.is_translated)
        )
        begins = row.start == 0 and row.of != "nothing"
        return [
            (">" if chosen else " ", "cursor" if chosen else ""),
            (time, "dim"),
            ("~ " if begins and changing else "  ", "dim"),
        ]

    def _text(self, placed: _Placed, row: _Row) -> list[Part]:
        caption = placed.caption
        if row.of == "nothing":
            return []
        if row.of == "translation" and not caption.translation:
            return [(_AWAITED, "dim")]
        if row.of == "translation":
            text, style = caption.translation, "translation" if caption.is_translated else "interim"
            styles = [style] * len(text)
        else:
            text, rest = caption.text, len(caption.text) - caption.stable
            styles = [""] * len(text) if caption.is_final else ["stable"] * caption.stable + ["interim"] * rest
        if self._pattern is not None:
            for match in self._pattern.finditer(text):
                styles[match.start() : match.end()] = ["match"] * (match.end() - match.start())
        end = row.start + len(text[row.start : row.end].rstrip())
        return list(zip(text[row.start : end], styles[row.start : end], strict=True))

    def render_line(self, y: int) -> Strip:
        y += self.scroll_offset.y
        segments = [Segment(text, self._style(name)) for text, name in self._line(y)]
        strip = Strip(segments).adjust_cell_length(self.size.width, self._style(""))
        if (selection := self.text_selection) is not None and (span := selection.get_span(y)) is not None:
            strip = _selected_part(strip, span, self.screen.get_component_rich_style("screen--selection"))
        return strip.apply_offsets(0, y)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        lines = ("".join(text for text, _ in self._line(y)) for y in range(self._tops[-1]))
        return selection.extract("\n".join(lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def notify_style_update(self) -> None:
        self._styles_of.clear()
        super().notify_style_update()

    def _style(self, name: str) -> Style:
        if name not in self._styles_of:
            self._styles_of[name] = self.get_component_rich_style(name) if name else self.rich_style
        return self._styles_of[name]


def _selected_part(strip: Strip, span: tuple[int, int], style: Style) -> Strip:
    """`strip` with a span of its characters in the style of a selection; an end of -1 is the end of the line."""
    text = strip.text
    start, end = span[0], len(text) if span[1] == -1 else span[1]
    cells = [Strip([Segment(text[:place])]).cell_length for place in (start, end)]
    before, chosen, after = strip.divide([*cells, strip.cell_length])
    return Strip.join([before, chosen.apply_style(style), after])
