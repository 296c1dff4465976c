"""A screen in front of another one, which stays in sight: the keys on the last line are its own."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from workbench.tui.widgets.key_line import KeyLine

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer]):
    """Implement `content`."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        KeyLine { dock: bottom; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark,f1", "app.help", "Help", id="app.help")]

    def content(self) -> ComposeResult:
        """What is in front of the other screen."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield from self.content()
        yield KeyLine()

    def shown_key(self, action: str) -> str:
        """The key of one of this screen's own actions, as the user's keymap has it."""
        own = next(bindings for node, bindings in self._modal_binding_chain if node is self)
        return next((self.app.get_key_display(binding) for _key, binding in own if binding.action == action), "")
