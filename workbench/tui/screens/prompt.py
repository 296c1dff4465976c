"""Asks for one line of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from workbench.errors import WorkbenchError
from workbench.tui.screens.dialog import Dialog
from workbench.tui.texts import _


class Prompt(Dialog[str]):
    """Gives the text; Esc gives "". A text that `check` raises `WorkbenchError` for is not taken."""

    DEFAULT_CSS = """
    Prompt {
        Vertical {
            width: 64; max-width: 90%; height: auto;
            border: round $primary; background: $surface; padding: 1 2;
        }
        #wrong { color: $text-error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", "Back", id="prompt.back")]

    def __init__(self, question: str, text: str = "", check: Callable[[str], object] = bool) -> None:
        super().__init__()
        self._question, self._text, self._check = question, text, check

    def content(self) -> ComposeResult:
        with Vertical():
            yield Static(self._question, markup=False)
            yield Input(self._text, compact=True)
            yield Static(id="wrong", markup=False)
            yield Static(_("Enter: go on"), markup=False)

    @on(Input.Changed)
    def _changed(self) -> None:
        self.query_one("#wrong", Static).update(self._wrong())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if event.value and not self._wrong():
            self.dismiss(event.value)

    def _wrong(self) -> str:
        text = self.query_one(Input).value
        try:
            if text:
                self._check(text)
        except WorkbenchError as error:
            return f"{_(error.message)}\n{_(error.hint)}".strip()
        return ""
