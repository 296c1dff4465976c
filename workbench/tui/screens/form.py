"""What forms about files have in common: labelled fields, formats to choose, what is wrong, and two buttons."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Label, Static

from workbench.errors import UsageError, WorkbenchError
from workbench.tui.screens.dialog import Answer, Dialog
from workbench.tui.texts import _
from workbench.tui.widgets.flag import Flag


class Form(Dialog[Answer]):
    """Implement `fields`, and `action_accept`, which the first button does."""

    DEFAULT_CSS = """
    Form {
        #box { width: 76; max-width: 96%; height: auto; border: round $primary; background: $surface; padding: 0 1; }
        #formats { height: auto; layout: grid; grid-size: 4; grid-rows: 1; }
        .line { height: 1; }
        .line Label { width: 14; }
        Input, Select { width: 1fr; }
        #said { color: $text-muted; height: auto; }
        #said.-wrong { color: $text-error; }
        #buttons { height: 1; }
        Button { margin-right: 2; }
    }
    """

    def __init__(self, title: str, accept: str, formats: Sequence[str], chosen: Collection[str]) -> None:
        """`accept`: what the first button says. Of `formats`, these are `chosen` at first."""
        super().__init__()
        self._title, self._accept, self._formats, self._first = title, accept, formats, chosen

    def fields(self) -> ComposeResult:
        raise NotImplementedError

    def content(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(self._title)
            yield from self.fields()
            yield Static(id="said", markup=False)
            with Horizontal(id="buttons"):
                yield Button(f"{self._accept} {self.shown_key('accept')}", compact=True, action="screen.accept")
                yield Button(
                    f"{_('Back')} {self.shown_key('dismiss(None)')}", compact=True, action="screen.dismiss(None)"
                )

    def line(self, label: str, field: Widget) -> Widget:
        return Horizontal(Label(label, markup=False), field, classes="line")

    def formats(self) -> Widget:
        flags = [Flag(format, format in self._first, id=f"format-{format}") for format in self._formats]
        return Vertical(*flags, id="formats")

    def chosen_formats(self) -> tuple[str, ...]:
        """At least one. Raises `UsageError`."""
        chosen = tuple(format for format in self._formats if self.query_one(f"#format-{format}", Flag).value)
        if not chosen:
            raise UsageError(_("No format is chosen."), hint=_("Space chooses one."))
        return chosen

    def say(self, said: str | WorkbenchError) -> None:
        """Below the fields: a text, or what is wrong."""
        is_wrong = isinstance(said, WorkbenchError)
        text = f"✗ {_(said.message)}\n{_(said.hint)}".strip() if isinstance(said, WorkbenchError) else said
        line = self.query_one("#said", Static)
        line.set_class(is_wrong, "-wrong")
        line.update(text)
