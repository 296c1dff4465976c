"""The files of a queue, a line for each. Draws only the lines in view, and of these only what changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from workbench.clock import clock
from workbench.tui.job_rows import left_text, priority_text, progress_text, speed_text, state_part
from workbench.tui.texts import _
from workbench.tui.widgets.panel import Line, Panel, Part, fit

if TYPE_CHECKING:
    from workbench.jobs.queue import Entry

_STATE: Final = 11
_FIGURES_FROM: Final = 72
"""Columns of the list from which on names leave room for its speed and priority."""
_LENGTH_FROM: Final = 100
"""... and for how long a file is."""


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    width: int
    text: Callable[[Entry, float], str]
    from_width: int = 0


_COLUMNS: Final = (
    _Column("Progress", 14, lambda entry, _now: progress_text(entry)),
    _Column("x RT", 5, speed_text, _FIGURES_FROM),
    _Column("ETA", 12, left_text),
    _Column("Length", 8, lambda entry, _now: clock(entry.duration) if entry.duration else "", _LENGTH_FROM),
    _Column("Prio", 4, lambda entry, _now: priority_text(entry), _FIGURES_FROM),
)


class JobTable(Panel, can_focus=True):
    COMPONENT_CLASSES: ClassVar[set[str]] = {"cursor"}
    DEFAULT_CSS = """
    JobTable > .cursor { background: $panel; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "cursor_down", "Down", show=False, id="jobs.down"),
        Binding("up", "cursor_up", "Up", show=False, id="jobs.up"),
        Binding("pagedown", "page_down", "Page down", show=False, id="jobs.page_down"),
        Binding("pageup", "page_up", "Page up", show=False, id="jobs.page_up"),
        Binding("home", "first", "First", show=False, id="jobs.first"),
        Binding("end", "last", "Last", show=False, id="jobs.last"),
    ]

    class Moved(Message):
        """The cursor is on another file."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: Sequence[Entry] = ()
        self._stopping: Collection[int] = ()
        self._now = 0.0
        self._number: int | None = None
        self._top = 0

    @property
    def selected(self) -> Entry | None:
        """The file with the cursor."""
        return next((entry for entry in self.entries if entry.number == self._number), None)

    def show_entries(self, entries: Sequence[Entry], now: float, stopping: Collection[int] = ()) -> None:
        """Show these; the cursor stays on its file, or goes to the one that takes the place of that."""
        place = self._place
        self.entries, self._now, self._stopping = entries, now, stopping
        if self.selected is None:
            self._number = entries[min(place, len(entries) - 1)].number if entries else None
        self._draw()

    def go_to(self, number: int) -> None:
        if number != self._number:
            self._number = number
            self._draw(follow=True)
            self.post_message(self.Moved())

    def find(self, text: str, step: int) -> str:
        """Go to a file with `text` in its name. See `Frame.find`."""
        wanted = text.casefold()
        found = [e.number for e in self.entries if text and wanted in e.request.targets.path.name.casefold()]
        if not found:
            return _("nowhere") if text else ""
        here = self._number or 0
        if step > 0:
            target = next((number for number in found if number > here), found[0])
        else:
            target = next((number for number in reversed(found) if number <= here + step), found[-1])
        self.go_to(target)
        return _("{number} of {count}", number=found.index(target) + 1, count=len(found))

    def on_resize(self) -> None:
        self._draw(follow=True)

    @property
    def _place(self) -> int:
        return next((place for place, entry in enumerate(self.entries) if entry.number == self._number), 0)

    @property
    def _rows(self) -> int:
        return max(1, self.size.height - 1)

    def _draw(self, *, follow: bool = False) -> None:
        """`follow`: have the cursor in sight."""
        rows, count, place = self._rows, len(self.entries), self._place
        if follow:
            self._top = min(max(self._top, place - rows + 1), place)
        self._top = max(0, min(self._top, count - rows))
        columns = [column for column in _COLUMNS if self.size.width >= column.from_width]
        lines = [self._head(columns), *(self._line(e, columns) for e in self.entries[self._top : self._top + rows])]
        if not count:
            lines.append((("  " + _("No files yet: a adds some."), "dim"),))
        self.show(lines)
        last = min(count, self._top + rows)
        subtitle = _("{first}-{last} of {count}", first=self._top + 1, last=last, count=count) if count > rows else ""
        if subtitle != (self.border_subtitle or ""):
            self.border_subtitle = subtitle

    def _name_width(self, columns: Sequence[_Column]) -> int:
        return max(0, self.size.width - 2 - _STATE - 1 - sum(column.width + 1 for column in columns))

    def _head(self, columns: Sequence[_Column]) -> Line:
        names = f"  {fit(_('State'), _STATE)} {fit(_('File'), self._name_width(columns))}"
        return ((names + "".join(" " + _right(_(column.title), column.width) for column in columns), "dim"),)

    def _line(self, entry: Entry, columns: Sequence[_Column]) -> Line:
        state, style = state_part(entry, self._stopping)
        has_cursor = entry.number == self._number
        name = fit(entry.request.targets.path.name, self._name_width(columns))
        figures = "".join(" " + _right(column.text(entry, self._now), column.width) for column in columns)
        parts: tuple[Part, ...] = (("> " if has_cursor else "  ", ""), (fit(state, _STATE), style))
        parts = (*parts, (f" {name}{figures}", ""))
        return tuple((text, "cursor") for text, _style in parts) if has_cursor else parts

    # moving

    def _move(self, place: int) -> None:
        if self.entries:
            self.go_to(self.entries[max(0, min(place, len(self.entries) - 1))].number)

    def action_cursor_down(self) -> None:
        self._move(self._place + 1)

    def action_cursor_up(self) -> None:
        self._move(self._place - 1)

    def action_page_down(self) -> None:
        self._move(self._place + self._rows)

    def action_page_up(self) -> None:
        self._move(self._place - self._rows)

    def action_first(self) -> None:
        self._move(0)

    def action_last(self) -> None:
        self._move(len(self.entries) - 1)

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        if place is not None and 0 < place.y <= len(self.entries) - self._top:
            self._move(self._top + place.y - 1)

    def on_mouse_scroll_down(self) -> None:
        self.action_cursor_down()

    def on_mouse_scroll_up(self) -> None:
        self.action_cursor_up()


def _right(text: str, width: int) -> str:
    return fit(" " * max(0, width - cell_len(text)) + text, width)
