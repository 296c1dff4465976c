"""What all screens have: tabs and state above, the last notice and the keys below, search, copying, and a size."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from workbench.tui.texts import _
from workbench.tui.widgets.find_line import FindLine
from workbench.tui.widgets.key_line import KeyLine
from workbench.tui.widgets.notice_line import NoticeLine
from workbench.tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from workbench.live import Live
    from workbench.tui.app import WorkbenchApp
    from workbench.tui.shell import Shell

SMALLEST: Final = (60, 15)
"""Columns and rows that a screen needs."""


class Frame(Screen[None]):
    """A numbered screen. Implement `content`, and `find` and `copied` where there is something to find or copy.

    Extend `why_not` where `check_action` disables actions.
    """

    DEFAULT_CSS = """
    Frame {
        layout: vertical;
        #content { height: 1fr; }
        #too-small { display: none; height: 1fr; content-align: center middle; text-align: center; }
        &.-too-small { #content, NoticeLine { display: none; } #too-small { display: block; } }
        &.-finding NoticeLine { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "Find", id="frame.find"),
        Binding("n", "find_again(1)", "Next match", show=False, id="frame.next"),
        Binding("N", "find_again(-1)", "Previous match", show=False, id="frame.previous"),
        Binding("y", "copy", "Copy", id="frame.copy"),
    ]
    finds: ClassVar[bool] = False
    """Whether the screen implements `find`."""
    copies: ClassVar[bool] = False
    """Whether the screen implements `copied`."""
    lists_notices: ClassVar[bool] = False
    """Whether the line below need not repeat the newest notice."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted = ""

    @property
    def shell(self) -> Shell:
        return cast("Shell", self.app)

    @property
    def workbench(self) -> WorkbenchApp:
        return cast("WorkbenchApp", self.app)

    @property
    def live(self) -> Live:
        return self.workbench.live

    def content(self) -> ComposeResult:
        """What is between the lines that all screens have."""
        raise NotImplementedError

    def top(self) -> Widget:
        """The first line."""
        return TopBar()

    def find(self, text: str, step: int) -> str:
        """Mark what has `text` in it, and go to it: 0: the nearest, 1: the next, -1: the one before.

        An empty text takes the marks away. Gives what is told beside the text, such as "3 of 12".
        """
        raise NotImplementedError

    def copied(self) -> str:
        """What `y` puts on the clipboard; empty when there is nothing."""
        raise NotImplementedError

    def why_not(self, action: str) -> str:
        """Why the disabled `action` cannot be done now; empty: there is nothing to say."""
        if action in ("find", "find_again"):
            return _("Nothing can be searched for here.")
        return _("There is nothing to copy here.") if action == "copy" else ""

    def compose(self) -> ComposeResult:
        yield self.top()
        with Container(id="content"):
            yield from self.content()
        yield Static(id="too-small")
        yield FindLine()
        yield NoticeLine(repeats=not self.lists_notices)
        yield KeyLine()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        event.refresh_styles = False  # half the cost of showing a screen again; a new theme updates them by itself
        self.query_one(NoticeLine).look()

    def on_resize(self, event: events.Resize) -> None:
        columns, rows = SMALLEST
        too_small = event.size.width < columns or event.size.height < rows
        self.set_class(too_small, "-too-small")
        if too_small:
            has = f"{event.size.width}x{event.size.height}"
            needed = f"{columns}x{rows}"
            self.query_one("#too-small", Static).update(
                _("Too small: {has}. Needed: {needed}.", has=has, needed=needed)
            )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("find", "find_again"):
            return self.finds
        if action == "copy":
            return self.copies
        return super().check_action(action, parameters)

    def on_key(self, event: events.Key) -> None:
        """Say why nothing happens, if that is so: the bindings of the key are looked at after this."""
        active = self.active_bindings.get(event.key)
        if active is not None and active.enabled:
            return
        reasons = (self.why_not(action) for action in self._actions_of(event.key))
        if why := next(filter(None, reasons), ""):
            self.query_one(NoticeLine).tell(why)

    def _actions_of(self, key: str) -> list[str]:
        """The actions of this screen that have that key, disabled or not."""
        for node, bindings in self._modal_binding_chain:  # as the user's keymap has it
            if node is self:
                return [binding.action.partition("(")[0] for binding in bindings.key_to_bindings.get(key, ())]
        return []

    def action_find(self) -> None:
        self.add_class("-finding")
        self.query_one(FindLine).open()

    @on(FindLine.Changed)
    def _find_other(self, event: FindLine.Changed) -> None:
        self._wanted = event.text
        self._find(0)

    def action_find_again(self, step: int) -> None:
        if self._wanted:
            self._find(step)
        else:
            self.query_one(NoticeLine).tell(_("Nothing is searched for: / does."))

    def _find(self, step: int) -> None:
        found = self.find(self._wanted, step)
        line = self.query_one(FindLine)
        line.tell(found)
        if not line.has_class("-open"):
            self.remove_class("-finding")
            self.query_one(NoticeLine).tell(f"/{self._wanted}  {found}" if self._wanted else "")

    @on(FindLine.Closed)
    def _found(self) -> None:
        self.remove_class("-finding")

    def action_copy(self) -> None:
        if text := self.copied():
            self.shell.copy(text)
        else:
            self.shell.notice(_("There is nothing to copy here."))
