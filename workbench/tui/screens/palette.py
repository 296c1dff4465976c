"""All commands by name."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.command import CommandPalette

from workbench.tui.texts import _
from workbench.tui.widgets.key_line import KeyLine


class Palette(CommandPalette):
    """Textual's, with its own key on the last line."""

    DEFAULT_CSS = "Palette KeyLine { dock: bottom; }"

    def __init__(self) -> None:
        super().__init__(placeholder=_("Search for commands…"))

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield KeyLine()
