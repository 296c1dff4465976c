"""All sessions, a line for each; the title takes the width that is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.text import Text
from textual.widgets import DataTable

from workbench.tui.session_rows import Found, cells
from workbench.tui.texts import _

_WIDTHS: Final = {"state": 13, "started": 16, "length": 8, "language": 9}
_WITH_LANGUAGE: Final = 100
"""Columns from which on the language has room beside a title."""
_AROUND: Final = 4
"""Columns of the borders and the scroll bar."""


class SessionTable(DataTable[Text]):
    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row")
        self.shown: dict[str, Found] = {}
        self._columns: tuple[str, ...] = ()

    @property
    def selected(self) -> Found | None:
        """The session with the cursor."""
        if not self.row_count:
            return None
        return self.shown.get(str(self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value))

    def lay_out(self, width: int) -> None:
        """Lay the columns out for a table of that `width`."""
        titles = dict(zip(_WIDTHS, (_("State"), _("Started"), _("Length"), _("Language")), strict=True))
        names = [name for name in _WIDTHS if name != "language" or width >= _WITH_LANGUAGE]
        self.clear(columns=True)
        for name in names:
            self.add_column(titles[name], key=name, width=_WIDTHS[name])
        left = width - _AROUND - sum(_WIDTHS[name] + 2 for name in names) - 2
        self.add_column(_("Title or text"), key="text", width=max(16, left))
        self._columns = (*names, "text")
        self._fill()

    def show(self, found: Mapping[str, Found], go_to: str = "") -> None:
        """Show these, if they are others; the cursor goes to `go_to`, else it stays."""
        is_same = found == self.shown and self.row_count == len(found)
        self.shown = dict(found)
        if not is_same:
            self._fill(go_to)

    def _fill(self, go_to: str = "") -> None:
        place = self.cursor_row
        self.clear()
        for name, found in self.shown.items():
            values = cells(found)
            row = (Text(values[column], no_wrap=True, overflow="ellipsis") for column in self._columns)
            self.add_row(*row, key=name)
        names = list(self.shown)
        self.move_cursor(row=names.index(go_to) if go_to in names else min(place, max(0, len(names) - 1)))
