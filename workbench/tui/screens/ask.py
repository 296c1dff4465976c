"""A question before anything that cannot be taken back."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from time import monotonic
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from workbench.tui.screens.dialog import Dialog
from workbench.tui.texts import _

_GLANCE_S: Final = 0.4
"""Nobody has read a question sooner after it was drawn."""


class Ask(Dialog[str]):
    """Gives the key of the answer; Esc gives "", and nothing happens."""

    DEFAULT_CSS = """
    Ask {
        Vertical {
            width: auto; max-width: 90%; height: auto;
            border: round $primary; background: $surface; padding: 1 2;
        }
        Static { width: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", "Back", id="ask.back")]

    def __init__(self, question: str, answers: Mapping[str, str], *, asked_for: bool = True) -> None:
        """`answers`: what each key means.

        `asked_for`: it comes of a key, and keys may be typed ahead; else those that come too soon are not meant for it.
        """
        super().__init__()
        self._seen_at = 0.0 if asked_for else inf
        self._question = question
        self._answers = dict(answers)

    def content(self) -> ComposeResult:
        answers = [*self._answers.items(), (self.shown_key("dismiss('')"), _("Back"))]
        with Vertical():
            yield Static(self._question + "\n", markup=False)
            yield Static("\n".join(f"{key:>4}  {meaning}" for key, meaning in answers), markup=False)

    def on_mount(self) -> None:
        if self._seen_at:
            self.call_after_refresh(self._drawn)

    def _drawn(self) -> None:
        self._seen_at = monotonic() + _GLANCE_S

    @property
    def is_seen(self) -> bool:
        """Keys that are pressed now answer it."""
        return monotonic() >= self._seen_at

    def on_key(self, event: events.Key) -> None:
        if event.time < self._seen_at:
            event.stop()
            event.prevent_default()
        elif event.character in self._answers and self.is_current:  # keys that were waiting come after the answer, too
            event.stop()
            self.dismiss(event.character)
