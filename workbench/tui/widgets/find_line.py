"""The line to search with: `/` opens it in the place of the notices."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label


class FindLine(Horizontal):
    """Hidden until `open`. Enter keeps what is found, Esc takes it back."""

    DEFAULT_CSS = """
    FindLine {
        height: 1;
        display: none;
        &.-open { display: block; }
        Label { width: auto; padding: 0 1; color: $text-muted; }
        Input { width: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Stop searching", id="find.close")]

    class Changed(Message):
        """Another text is searched for; empty: none."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        """The line is hidden again."""

    def __init__(self) -> None:
        super().__init__(disabled=True)
        self._before: Widget | None = None
        """What has the focus again afterwards."""

    def compose(self) -> ComposeResult:
        yield Label("/")
        yield Input(compact=True)
        yield Label("", id="found")

    def open(self) -> None:
        self._before = self.screen.focused
        self.add_class("-open")
        self.disabled = False  # until now, Input would take the focus of a screen that has nothing else for it
        field = self.query_one(Input)
        field.value = ""
        field.focus()

    def tell(self, found: str) -> None:
        """Show how much was found."""
        self.query_one("#found", Label).update(found)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._hide()

    def action_close(self) -> None:
        self.query_one(Input).value = ""
        self._hide()

    def _hide(self) -> None:
        self.remove_class("-open")
        self.disabled = True
        self.screen.set_focus(self._before)
        self.post_message(self.Closed())
