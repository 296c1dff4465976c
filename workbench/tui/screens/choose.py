"""A choice of one out of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from workbench.tui.keymap import LISTS
from workbench.tui.screens.dialog import Dialog
from workbench.tui.texts import _


class Choose(Dialog[str]):
    """Gives the name of what was chosen; Esc gives ""."""

    DEFAULT_CSS = """
    Choose {
        Vertical {
            width: auto; min-width: 40; max-width: 90%; height: auto; max-height: 90%;
            border: round $primary; background: $surface; padding: 0 1;
        }
        OptionList, OptionList:focus { width: auto; height: auto; border: none; padding: 0; background: $surface; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", "Back", id="choose.back"), *LISTS]

    def __init__(self, title: str, choices: Mapping[str, str], current: str = "") -> None:
        """`choices`: what to show for each name. `current` is where the list begins."""
        super().__init__()
        self._title = title
        self._choices = dict(choices)
        self._current = current

    def content(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content(_("Enter takes it"))
            yield OptionList(*(Option(Content(shown), id=name) for name, shown in self._choices.items()))

    def on_mount(self) -> None:
        names = list(self._choices)
        self.query_one(OptionList).highlighted = names.index(self._current) if self._current in names else 0

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        if self.is_current:  # a second Enter that was waiting comes after the choice, too
            self.dismiss(event.option_id or "")
