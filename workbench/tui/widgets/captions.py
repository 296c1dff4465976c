"""The captions: what was said, growing at the end, and all of it to scroll, search, select and copy."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Size
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from workbench import events
from workbench.tui.caption_rows import CaptionRows, Layout, Shape
from workbench.tui.captions import Caption, Captions, Change
from workbench.tui.texts import _
from workbench.tui.widgets.panel import Line, Styled, changed


class CaptionView(Styled, ScrollView, can_focus=True, inherit_bindings=False):
    """Renders the lines that are seen; what it keeps is text and where its lines break."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"plain", "dim", "stable", "interim", "translation", "cursor", "match"}
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
        Binding("up", "cursor_up", "Line up", id="live.up", show=False),
        Binding("down", "cursor_down", "Line down", id="live.down", show=False),
        Binding("shift+up,K", "extend(-1)", "Select upwards", id="live.select_up", show=False),
        Binding("shift+down,J", "extend(1)", "Select downwards", id="live.select_down", show=False),
        Binding("pageup", "page_up", "Page up", id="live.page_up", show=False),
        Binding("pagedown", "page_down", "Page down", id="live.page_down", show=False),
        Binding("home", "first", "First line", id="live.first", show=False),
        Binding("end", "last", "Last line", id="live.last", show=False),
        Binding("escape", "leave", "Select nothing", id="live.leave", show=False),
    ]

    follow = var(True)
    """Whether the last line is kept in sight."""
    unseen = var(0)
    """Captions that came since it does not follow."""

    def __init__(self, empty: str = "", *, id: str | None = None) -> None:
        """`empty` is shown while there is no caption."""
        super().__init__(id=id)
        self._empty = empty
        self.shape = Shape()
        self._captions = Captions()
        self._rows = CaptionRows()
        self._cursor: int | None = None
        self._anchor: int | None = None
        self._marked: re.Pattern[str] | None = None
        self._known = 0
        """Captions that there were when it ceased to follow."""

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
        self._begin(captions, follow=True)

    def show(self, captions: Sequence[Caption], wanted: str = "") -> None:
        """Show these in place of everything, from the first on, with `wanted` marked."""
        self.mark(wanted)
        self._begin(Captions(captions), follow=False)

    def lay_out(self, *, times: bool, order: Layout) -> None:
        """Choose whether times are shown, and what of a translated caption."""
        self._reshape(times=times, order=order)

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
        at = len(self.captions) if self._cursor is None else self._cursor
        found = self._captions.find(self._marked, at, step) if self._marked else None
        if found is None:
            return _("nowhere") if text else ""
        index, number, count = found
        self.go_to(index)
        return _("{number} of {count}", number=number, count=count)

    # keys

    def action_cursor_up(self) -> None:
        self._move(-1)

    def action_cursor_down(self) -> None:
        self._move(1)

    def action_extend(self, step: int) -> None:
        self._move(step, extends=True)

    def action_page_up(self) -> None:
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

    def on_click(self, event: Click) -> None:
        """Select a caption, unless the mouse has just marked a part of the text."""
        place = event.get_content_offset(self)
        if place is not None and self.text_selection is None:
            index = self._rows.at(self.scroll_offset.y + place.y)
            if index < len(self.captions):
                self.go_to(index)

    def _page(self, step: int) -> None:
        self.action_leave()
        self.scroll_to(y=self.scroll_offset.y + step * max(1, self.size.height - 1), animate=False)

    def _move(self, step: int, *, extends: bool = False) -> None:
        """The first move selects the last caption that is seen."""
        index = self._cursor
        if index is None:
            if step > 0 and self.follow:
                return
            index, step = self._rows.at(self.scroll_offset.y + self.size.height - 1), 0
        if self.captions:
            self.go_to(min(max(index + step, 0), len(self.captions) - 1), extends=extends)

    def go_to(self, index: int, *, extends: bool = False) -> None:
        """Select this caption, and have it in sight. It `extends` what is selected, or else is selected alone."""
        self._stop_following()
        self._cursor = index
        if not extends or self._anchor is None:
            self._anchor = index
        height = self.size.height
        self._rows.shape(self.shape, index - height, index + height)
        self._fit()
        top, bottom = self._rows.top(index), self._rows.top(index + 1)
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
        if self._cursor is None or self._anchor is None:
            return None
        return min(self._anchor, self._cursor), max(self._anchor, self._cursor)

    # where it stands

    def on_resize(self, event: Resize) -> None:
        self._reshape(width=self.scrollable_content_region.width)

    def _reshape(self, **changed: Any) -> None:
        """The row on top stays there."""
        top = self._top()
        if (shape := replace(self.shape, **changed)) != self.shape:
            self.shape = shape
        self._lay_out(*top)

    def _begin(self, captions: Captions, *, follow: bool) -> None:
        self._captions = captions
        self._rows = CaptionRows([self.shape.place_unseen(caption) for caption in captions.items])
        self._cursor = self._anchor = None
        self.follow, self.unseen = follow, 0
        self._lay_out(0)
        self.follow = follow  # however few there are

    def _lay_out(self, index: int, row: int = 0) -> None:
        """At once what is seen, with this row of a caption on top; the rest while no key waits."""
        self._see(index, row)
        if any(placed.shape is not self.shape for placed in self._rows.placed):
            self.run_worker(self._lay_out_rest(), group="rest", exclusive=True)

    async def _lay_out_rest(self) -> None:
        rows, top = self._rows, self._top()
        for _slice in rows.shape_all(self.shape):
            await asyncio.sleep(0)  # a key goes first
            top = self._top()
        self._see(*top)

    def _top(self) -> tuple[int, int]:
        """The caption that is on top, and which of its rows."""
        index = min(self._rows.at(self.scroll_offset.y), max(0, len(self.captions) - 1))
        return index, self.scroll_offset.y - self._rows.top(index)

    def _see(self, index: int, row: int = 0) -> None:
        """Have this row of a caption on top; while it follows, the last one at the bottom."""
        height, count = self.size.height, len(self.captions)
        last = count if self.follow else min(count, index + height)
        self._rows.shape(self.shape, last - height if self.follow else min(index, last - height), last)
        self._fit()
        if index < count and not self.follow:
            self.scroll_to(y=min(self._rows.top(index) + row, self._rows.top(index + 1) - 1), animate=False)
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
            return ((self._empty, "dim"),) if self._empty and y == 0 else ()
        first, last = self.selected or (0, -1)
        number = y - self._rows.top(index)
        return self.shape.line(self._rows.placed[index], number, chosen=first <= index <= last, marked=self._marked)

    def render_line(self, y: int) -> Strip:
        y += self.scroll_offset.y
        line = Text.assemble(*((text, self._style(name)) for text, name in self._line(y)), end="")
        if (selection := self.text_selection) is not None and (span := selection.get_span(y)) is not None:
            start, end = span
            style = self.screen.get_component_rich_style("screen--selection")
            line.stylize(style, start, len(line) if end == -1 else end)
        strip = Strip(line.render(self.app.console))
        return strip.adjust_cell_length(self.size.width, self._style("")).apply_offsets(0, y)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        lines = ("".join(text for text, _ in self._line(y)) for y in range(self._rows.height))
        return selection.extract("\n".join(lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()
