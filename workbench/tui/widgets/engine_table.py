"""All engines, a line for each: which are on, what of them is loaded, how they do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from rich.text import Text
from textual.widgets import DataTable

from workbench.tui.plugin_rows import PluginRow
from workbench.tui.texts import _

_WIDTHS: Final = {
    "state": 6, "name": 15, "kind": 11, "model": 0, "calls": 5, "p95": 6, "failed": 4, "version": 8, "source": 24
}  # fmt: skip
"""In characters; the model takes what is left."""
_WIDE: Final = {"version": 100, "source": 120}
"""Columns that a screen must have for these to be shown."""


class EngineTable(DataTable[Text]):
    """Draws only the cells that changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row")
        self.shown: dict[str, PluginRow] = {}
        self._columns: tuple[str, ...] = ()

    @property
    def current(self) -> PluginRow | None:
        """The row with the cursor."""
        if not self.row_count:
            return None
        return self.shown[str(self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value)]

    def lay_out(self, width: int) -> None:
        """Columns for a screen of `width`; `show` fills them."""
        columns = tuple(name for name in _WIDTHS if width >= _WIDE.get(name, 0))
        left = width - 4 - sum(_WIDTHS[name] + 2 for name in columns)
        titles = {
            "state": _("State"),
            "name": _("Name"),
            "kind": _("Stage"),
            "model": _("Model"),
            "calls": _("Calls"),
            "p95": _("p95"),
            "failed": _("Err"),
            "version": _("Version"),
            "source": _("Source"),
        }
        self._columns = columns
        self.clear(columns=True)
        for name in columns:
            self.add_column(Text(titles[name], justify=_justify(name)), key=name, width=_WIDTHS[name] or left)

    def show(self, rows: Iterable[PluginRow]) -> None:
        """Show these, where they differ from what is shown; nothing before `lay_out`."""
        if not self._columns:
            return
        before, self.shown = self.shown, {row.key: row for row in rows}
        if list(before) != list(self.shown) or self.row_count != len(self.shown):
            self._fill()
            return
        for key, row in self.shown.items():
            cells, old = row.cells(), before[key].cells()
            for name in self._columns:
                if cells[name] != old[name]:
                    self.update_cell(key, name, _cell(name, cells[name], row))

    def _fill(self) -> None:
        place = self.cursor_row
        self.clear()
        for key, row in self.shown.items():
            cells = row.cells()
            self.add_row(*(_cell(name, cells[name], row) for name in self._columns), key=key)
        self.move_cursor(row=min(place, max(0, len(self.shown) - 1)))


def _cell(name: str, text: str, row: PluginRow) -> Text:
    """Dim what is not in use."""
    return Text(text, style="dim" if row.error else "", justify=_justify(name), no_wrap=True)


def _justify(name: str) -> Literal["left", "right"]:
    """Numbers to the right."""
    return "right" if name in ("calls", "p95", "failed") else "left"
