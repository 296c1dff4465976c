"""The streams of a server, a line for each. Draws only the lines in view, and of these only what changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from textual.binding import Binding, BindingType

from workbench.clock import clock
from workbench.engines import StageKind
from workbench.tui.texts import _
from workbench.tui.widgets.panel import Line, Panel, Part, fit
from workbench.tui.widgets.stages import kind_name

if TYPE_CHECKING:
    from workbench.server.facts import StreamFacts

WIDE: Final = 96
"""Columns of the list from which on there is room between its own."""
SLOW_S: Final = 1.0
"""Median latency from which on it is marked."""


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    width: int
    text: Callable[[StreamFacts], str]
    from_width: int = 0
    """Columns of the list from which on there is room for it."""
    left: bool = False


_COLUMNS: Final = (
    _Column("Client", 21, lambda one: one.client, left=True),
    _Column("up to", 11, lambda one: _last_stage(one.stages), left=True),
    _Column("Language", 8, lambda one: one.language or "-", WIDE, left=True),
    _Column("heard", 7, lambda one: clock(one.received_s)),
    _Column("x RT", 5, lambda one: f"{one.pace:.1f}"),
    _Column("frames", 11, lambda one: _frames(one)),
    _Column("p50/p95", 9, lambda one: _latencies(one)),
    _Column("wait", 4, lambda one: str(one.waiting_events)),
    _Column("coalesced", 9, lambda one: str(one.coalesced), 106),
)


class StreamList(Panel, can_focus=True):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "cursor_down", "Down", show=False, id="server.down"),
        Binding("up", "cursor_up", "Up", show=False, id="server.up"),
        Binding("pagedown", "page_down", "Page down", show=False, id="server.page_down"),
        Binding("pageup", "page_up", "Page up", show=False, id="server.page_up"),
        Binding("home", "first", "First", show=False, id="server.first"),
        Binding("end", "last", "Last", show=False, id="server.last"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._streams: Sequence[StreamFacts] = ()
        self._top = 0

    def show_streams(self, streams: Sequence[StreamFacts]) -> None:
        self._streams = streams
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        rows, count = max(0, self.size.height - 1), len(self._streams)
        self._top = max(0, min(self._top, count - rows))
        shown = self._streams[self._top : self._top + rows]
        columns = [column for column in _COLUMNS if self.size.width >= column.from_width]
        gap = "  " if self.size.width >= WIDE else " "
        head = gap.join(_cell(_(column.title), column) for column in columns)
        lines: list[Line] = [((head, "dim"),), *(_line(stream, columns, gap) for stream in shown)]
        if not count:
            lines.append(((_("Nobody streams. Clients connect to {path}.", path="/v1/listen"), "dim"),))
        self.show(lines)
        last = min(count, self._top + rows)
        subtitle = _("{first}-{last} of {count}", first=self._top + 1, last=last, count=count) if count > rows else ""
        if subtitle != (self.border_subtitle or ""):
            self.border_subtitle = subtitle

    def _go(self, top: int) -> None:
        self._top = top
        self._draw()

    def action_cursor_down(self) -> None:
        self._go(self._top + 1)

    def action_cursor_up(self) -> None:
        self._go(self._top - 1)

    def action_page_down(self) -> None:
        self._go(self._top + max(1, self.size.height - 2))

    def action_page_up(self) -> None:
        self._go(self._top - max(1, self.size.height - 2))

    def action_first(self) -> None:
        self._go(0)

    def action_last(self) -> None:
        self._go(len(self._streams))


def _line(stream: StreamFacts, columns: Sequence[_Column], gap: str) -> Line:
    parts: list[Part] = []
    for column in columns:
        parts += [(_cell(column.text(stream), column), _style(stream, column)), (gap, "")]
    return tuple(parts)


def _cell(text: str, column: _Column) -> str:
    text = text if column.left else " " * (column.width - cell_len(text)) + text
    return fit(text, column.width)


def _style(stream: StreamFacts, column: _Column) -> str:
    if column.title == "wait" and stream.waiting_events:
        return "warn"
    return "warn" if column.title == "p50/p95" and stream.latency_p50_s >= SLOW_S else ""


def _last_stage(stages: str) -> str:
    """What the client wants in the end, in a word."""
    last = stages.rpartition(",")[2]
    return kind_name(StageKind(last)) if last else "-"


def _frames(one: StreamFacts) -> str:
    """Judged of received."""
    return f"{_short(one.frames_judged)}/{_short(one.frames_received)}" if one.frames_received else "-"


def _short(count: int) -> str:
    return str(count) if count < 100_000 else f"{count // 1000}k" if count < 10_000_000 else f"{count // 1_000_000}M"


def _latencies(one: StreamFacts) -> str:
    return f"{1000 * one.latency_p50_s:.0f}/{1000 * one.latency_p95_s:.0f}" if one.latency_p50_s else "-"
