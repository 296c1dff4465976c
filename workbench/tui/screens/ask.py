"""A question before anything that cannot be taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from workbench.tui.texts import _


class Ask(ModalScreen[str]):
    """Gives the key of the answer; Esc gives "", and nothing happens."""

    DEFAULT_CSS = """
    Ask {
        align: center middle;
        Vertical {
            width: auto; max-width: 90%; height: auto;
            border: round $primary; background: $surface; padding: 1 2;
        }
        Static { width: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", "Back", id="ask.back")]

    def __init__(self, question: str, answers: Mapping[str, str]) -> None:
        """`answers`: what each key means."""
        super().__init__()
        self._question = question
        self._answers = dict(answers)

    def compose(self) -> ComposeResult:
        answers = [*self._answers.items(), ("Esc", _("Back"))]
        with Vertical():
            yield Static(self._question + "\n", markup=False)
            yield Static("\n".join(f"{key:>4}  {meaning}" for key, meaning in answers), markup=False)

    def on_key(self, event: events.Key) -> None:
        if event.character in self._answers and self.is_current:  # keys that were waiting come after the answer, too
            event.stop()
            self.dismiss(event.character)
