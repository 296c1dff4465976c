"""The captions: what was said, growing at the end, and all of it to scroll, search, select and copy."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import ClassVar, Final

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Size
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from workbench import events
from workbench.tui.caption_rows import CaptionRows, Layout, Placed, Shape
from workbench.tui.captions import Caption, Captions, Change
from workbench.tui.texts import _
from workbench.tui.widgets.panel import Line, changed

_SLICE: Final = 100
"""Captions that are laid out while a key waits."""


class CaptionView(ScrollView, can_focus=True, inherit_bindings=False):
    """Renders the lines that are seen; what it keeps is text and where its lines break."""

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
        self.shape = Shape()
        self._captions = Captions()
        self._rows = CaptionRows()
        self._cursor: int | None = None
        self._anchor: int | None = None
        self._marked: re.Pattern[str] | None = None
        self._known = 0
        """Captions that there were when it ceased to follow."""
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
        captions = Captions()
        for event in told:
            captions.take(event, target_language)
        self.follow, self.unseen = True, 0
        self._begin(captions)

    def show(self, captions: Sequence[Caption], wanted: str = "") -> None:
        """Show these in place of everything, from the first on, with `wanted` marked."""
        self.mark(wanted)
        self.follow = False
        shown = Captions()
        shown.items.extend(captions)
        self._begin(shown)
        self.follow = False  # however few there are

    def lay_out(self, *, times: bool, order: Layout) -> None:
        """Choose whether times are shown, and what of a translated caption."""
        self._reshape(replace(self.shape, times=times, order=order))

    def copied(self) -> str:
        """The selected captions as text, or all where none is selected."""
        first, last = self.selected or (0, len(self.captions) - 1)
        return "\n".join(self.shape.copied(caption) for caption in self.captions[first : last + 1])

    def mark(self, text: str) -> None:
        self._marked = re.compile(re.escape(text), re.IGNORECASE) if text else None
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

    def _matching(self) -> Iterable[int]:
        if (marked := self._marked) is None:
            return ()
        return (i for i, c in enumerate(self.captions) if marked.search(c.text) or marked.search(c.translation))

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
        if place is not None and self.text_selection is None:
            index = self._rows.at(self.scroll_offset.y + place.y)
            if index < len(self.captions):
                self.go_to(index)

    def action_extend(self, step: int) -> None:
        if self._anchor is None:
            self._anchor = self._cursor
        self._move(step)

    def action_page_up(self) -> None:
        self._stop_following()
        self._page(-1)

    def action_page_down(self) -> None:
        self._page(1)

    def action_first(self) -> None:
        if self.captions:
            self.go_to(0)

    def action_last(self) -> None:
        """Follow what comes, from now on."""
        self.follow, self.unseen = True, 0
        self._see(0)
        self.action_leave()

    def action_leave(self) -> None:
        self._cursor = self._anchor = None
        self.refresh()

    def _move(self, step: int) -> None:
        """The first move selects the last caption that is seen."""
        if self.captions:
            seen = self._rows.at(self.scroll_offset.y + self.size.height - 1)
            target = seen if self._cursor is None else self._cursor + step
            self._go_to(min(max(target, 0), len(self.captions) - 1))

    def _page(self, step: int) -> None:
        self.action_leave()
        self.scroll_to(y=self.scroll_offset.y + step * max(1, self.size.height - 1), animate=False)

    def go_to(self, index: int) -> None:
        """Select this caption alone, and have it in sight."""
        self._anchor = None
        self._go_to(index)

    def _go_to(self, index: int) -> None:
        self._stop_following()
        self._cursor = index
        height = self.size.height
        self._rows.shape(self.shape, index - height, index + height)
        self._fit()
        top, bottom = self._rows.span(index)
        self.scroll_to(y=min(top, max(self.scroll_offset.y, bottom - height)), animate=False)
        self.refresh()

    def _stop_following(self) -> None:
        if self.follow:
            self.follow, self._known = False, len(self.captions)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        index = self._rows.at(self.scroll_offset.y)
        self._rows.shape(self.shape, index, index + self.size.height)
        if new_value < self.max_scroll_y:
            self._stop_following()
        elif self._cursor is None:
            self.follow, self.unseen = True, 0

    @property
    def selected(self) -> tuple[int, int] | None:
        """The first and the last caption that are selected."""
        if self._cursor is None:
            return None
        anchor = self._cursor if self._anchor is None else self._anchor
        return min(anchor, self._cursor), max(anchor, self._cursor)

    # where it stands

    def on_resize(self, event: Resize) -> None:
        self._reshape(replace(self.shape, width=self.scrollable_content_region.width))

    def _reshape(self, shape: Shape) -> None:
        top = self._top()
        if shape != self.shape:
            self.shape = shape
        self._lay_out(*top)

    def _begin(self, captions: Captions) -> None:
        self._captions, self._rows = captions, CaptionRows()
        self._rows.replace(0, 0, [self.shape.place_unseen(caption) for caption in captions.items])
        self._cursor = self._anchor = None
        self._lay_out(0)

    def _lay_out(self, index: int, row: int = 0) -> None:
        """At once what is seen, with this row of a caption on top; the rest while no key waits."""
        self._see(index, row)
        if any(placed.shape is not self.shape for placed in self._rows.placed):
            self.run_worker(self._lay_out_rest(), group="rest", exclusive=True)

    async def _lay_out_rest(self) -> None:
        """Shown all at once: the same row stays on top."""
        shape, shaped = self.shape, dict[int, Placed]()
        for first in range(0, len(self.captions), _SLICE):
            captions = self.captions[first : first + _SLICE]
            shaped |= {id(caption): shape.place(caption) for caption in captions}
            await asyncio.sleep(0)  # a key goes first
        top = self._top()
        placed = [shaped.get(id(each.caption), each) for each in self._rows.placed]
        self._rows.replace(
            0, len(placed), [b if a.shape is not shape else a for a, b in zip(self._rows.placed, placed, strict=True)]
        )
        self._see(*top)

    def _top(self) -> tuple[int, int]:
        """The caption that is on top, and which of its rows."""
        y = self.scroll_offset.y
        index = min(self._rows.at(y), max(0, len(self.captions) - 1))
        return index, y - self._rows.span(index)[0] if self.captions else 0

    def _see(self, index: int, row: int = 0) -> None:
        """Have this row of a caption on top; while it follows, the last one at the bottom."""
        height, count = self.size.height, len(self.captions)
        last = count if self.follow else min(count, index + height)
        self._rows.shape(self.shape, min(index, last - height) if not self.follow else last - height, last)
        self._fit()
        if index < count and not self.follow:
            top, bottom = self._rows.span(index)
            self.scroll_to(y=min(top + row, bottom - 1), animate=False)
        self.refresh()

    def _show(self, change: Change) -> None:
        captions = self.captions[change.first : change.first + change.added]
        before = self._rows.placed[change.first : change.first + min(change.removed, change.added)]
        y = self._rows.top(change.first)
        painted = self._painted(y)
        placed = [self.shape.place(caption, old) for caption, old in zip_longest(captions, before)]
        self._rows.replace(change.first, change.removed, placed)
        for row, line in self._painted(y).items():
            if region := changed(painted[row], line, row):
                self.refresh(region)
        self._fit()
        if not self.follow:
            self.unseen = max(0, len(self.captions) - self._known)

    def _fit(self) -> None:
        """Never lower than what is seen of it: the whole of it would be painted whenever a row comes or goes."""
        size = Size(self.size.width, max(self.size.height, self._rows.height))
        if size != self.virtual_size:
            self.virtual_size = size
        if self.follow:
            self.scroll_to(y=self.max_scroll_y, animate=False)

    # what is painted

    def _painted(self, y: int) -> dict[int, Line]:
        """What is seen from row `y` on, by where it is on the screen."""
        top = self.scroll_offset.y
        return {row: self._line(top + row) for row in range(max(0, y - top), self.size.height)}

    def _line(self, y: int) -> Line:
        index = self._rows.at(y)
        if index >= len(self._rows.placed):
            return ()
        first, last = self.selected or (0, -1)
        number = y - self._rows.span(index)[0]
        return self.shape.line(self._rows.placed[index], number, chosen=first <= index <= last, marked=self._marked)

    def render_line(self, y: int) -> Strip:
        y += self.scroll_offset.y
        line = Text.assemble(*((text, self._style(name)) for text, name in self._line(y)), end="")
        if (selection := self.text_selection) is not None and (span := selection.get_span(y)) is not None:
            start, end = span
            style = self.screen.get_component_rich_style("screen--selection")
            line.stylize(style, start, len(line) if end == -1 else end)
        strip = Strip(line.render(self.app.console))
        return strip.adjust_cell_length(self.size.width, self.rich_style).apply_offsets(0, y)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        lines = ("".join(text for text, _ in self._line(y)) for y in range(self._rows.height))
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
