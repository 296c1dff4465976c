"""The footer: the keys of what has the focus, then of the screen, then of the workbench."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import ActiveBinding
from textual.screen import Screen
from textual.widget import Widget

from workbench.tui.texts import _

ALWAYS = ("command_palette", "help", "app.help")
"""Actions that are at the end of the line, whatever else has room."""


@dataclass(frozen=True, slots=True)
class _Item:
    key: str
    shown: str
    description: str
    enabled: bool

    @property
    def width(self) -> int:
        return cell_len(self.shown) + 1 + cell_len(self.description)


class KeyLine(Widget):
    """One line, drawn when the keys have changed. A click on a key presses it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-line--key"}
    DEFAULT_CSS = """
    KeyLine {
        height: 1;
        padding: 0 1;
        background: $panel;
        color: $foreground;
        .key-line--key { color: $footer-key-foreground; text-style: bold; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._items: list[_Item] = []
        self._places: list[tuple[int, int, str]] = []
        """(from, to, key) of each key that is shown, in cells."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._look)

    def _look(self, screen: Screen[object]) -> None:
        items: dict[str, _Item] = {}
        for active in sorted(screen.active_bindings.values(), key=_place):
            binding = active.binding
            if not binding.show or binding.action in items:
                continue
            shown = self.app.get_key_display(binding)
            if not _is_typed(screen, binding.key, shown):
                items[binding.action] = _Item(binding.key, shown, _(binding.description), active.enabled)
        last = [items.pop(action) for action in ALWAYS if action in items]
        fitting = self._fitting([*items.values()], last)
        if fitting != self._items:
            self._items = fitting
            self.refresh()

    def _fitting(self, items: list[_Item], last: list[_Item]) -> list[_Item]:
        """As many of `items` as there is room for beside `last`."""
        room = self.content_size.width - sum(item.width + 2 for item in last)
        found = []
        for item in items:
            room -= item.width + 2
            if room < 0:
                break
            found.append(item)
        return found + last

    def on_resize(self) -> None:
        self._look(self.screen)

    def render(self) -> Text:
        key_style = self.get_component_rich_style("key-line--key")
        line = Text(no_wrap=True, end="")
        self._places = []
        for item in self._items:
            start = line.cell_len
            line.append(item.shown, key_style).append(f" {item.description}", Style(dim=not item.enabled))
            self._places.append((start, line.cell_len, item.key))
            line.append("  ")
        return line

    def on_click(self, event: events.Click) -> None:
        for start, end, key in self._places:
            if start <= event.x - self.styles.padding.left < end:
                self.app.simulate_key(key)


def _is_typed(screen: Screen[object], key: str, shown: str) -> bool:
    """Whether the key is text to what has the focus. Textual knows that of letters, but not of "plus"."""
    return len(shown) == 1 and screen.focused is not None and screen.focused.check_consume_key(key, shown)


def _place(active: ActiveBinding) -> tuple[int, bool, int]:
    """The nearest to the focus first, as they are written down, and of a screen those that all screens have last.

    Textual puts keys of the user's last.
    """
    written = [binding.id for _key, binding in active.node._bindings]
    is_of_all = (active.binding.id or "").startswith("frame.")
    return -len(active.node.ancestors_with_self), is_of_all, written.index(active.binding.id)
