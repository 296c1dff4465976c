"""What is shown until the engines, the hardware and the profile are known."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from workbench.tui.frame import Frame
from workbench.tui.texts import _


class StartingScreen(Frame):
    DEFAULT_CSS = """
    StartingScreen #starting { height: 1fr; content-align: center middle; color: $text-muted; }
    """

    def content(self) -> ComposeResult:
        yield Static(_("Looking for engines and hardware ..."), id="starting")
