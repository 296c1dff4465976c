"""The settings of one engine, in a form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from workbench.tui.screens.ask import Ask
from workbench.tui.screens.dialog import Dialog
from workbench.tui.texts import _
from workbench.tui.widgets.options_form import OptionsForm

if TYPE_CHECKING:
    from workbench.hookspecs import EngineClass

_AROUND: Final = 5
"""Rows of the box's borders, of the screen above and below it, and of the keys."""


@dataclass(frozen=True, slots=True)
class Decision:
    options: Mapping[str, Any]
    """Those that are to be set; all others get their defaults."""
    saves: bool
    """They are to hold from the next start on, too."""


class EngineSettings(Dialog[Decision | None]):
    """Gives what was decided; None when nothing is to change."""

    DEFAULT_CSS = """
    EngineSettings {
        #box {
            width: 100; max-width: 96%; height: auto; max-height: 100%;
            border: round $primary; background: $surface;
        }
        #about { padding: 0 1; color: $text-muted; }
        #wrong { padding: 0 1; color: $text-error; }
        #buttons { height: 1; padding: 0 1; }
        Button { margin-right: 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "decide(False)", "Apply", id="settings.apply"),
        Binding("f4", "decide(True)", "Apply and save", id="settings.save"),
        Binding("escape", "back", "Back", id="settings.back"),
    ]

    def __init__(self, engine: EngineClass, options: Mapping[str, Any], about: str = "") -> None:
        super().__init__()
        self._form = OptionsForm(engine, options)
        self._about = about

    def content(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(f"{self._form.engine.kind} / {self._form.engine.name}")
            if self._about:
                yield Static(self._about, id="about", markup=False)
            yield self._form
            yield Static(id="wrong", markup=False)
            with Horizontal(id="buttons"):
                yield self._button("Apply", "decide(False)", "apply")
                yield self._button("Apply and save", "decide(True)", "save")
                yield self._button("Back", "back", "back")

    def _button(self, label: str, action: str, id: str) -> Button:
        return Button(f"{_(label)} {self.shown_key(action)}", id=id, compact=True, action=f"screen.{action}")

    def on_mount(self) -> None:
        self._tell()

    def on_resize(self, event: events.Resize) -> None:
        self._fit()

    def _fit(self) -> None:
        """Give the form what the lines around it leave: of a share of the screen its box would keep empty rows."""
        around = [self.query_one("#buttons"), *(part for part in self.query("#about, #wrong") if part.display)]
        rows = sum(part.size.height for part in around) + _AROUND
        self._form.styles.max_height = max(1, self.size.height - rows)

    @on(OptionsForm.Changed)
    def _tell(self) -> None:
        problems = self._form.problems
        lines = [f"✗ {key}: {text}" for key, text in problems.items() if key not in self._form.keys]
        if problems:
            lines.append(_("Correct what is marked with ✗ first."))
        wrong = self.query_one("#wrong", Static)
        wrong.update("\n".join(lines))
        wrong.display = bool(lines)
        self.call_after_refresh(self._fit)
        for button in ("#apply", "#save"):
            self.query_one(button, Button).disabled = bool(problems)

    def action_decide(self, saves: bool) -> None:
        if not self._form.problems:
            self.dismiss(Decision(self._form.values, saves))

    def action_back(self) -> None:
        if not self._form.is_changed:
            self.dismiss(None)
            return
        question = Ask(_("The settings were changed."), {"d": _("discard the changes")})
        self.app.push_screen(question, self._leave_as_answered)

    def _leave_as_answered(self, answer: str | None) -> None:
        if answer == "d":
            self.dismiss(None)
