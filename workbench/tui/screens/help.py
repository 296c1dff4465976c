"""What every key does here: for the focused panel, the screen, and everywhere, with the ids to change them by."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

from workbench.tui import keymap
from workbench.tui.texts import _


class HelpScreen(ModalScreen[None]):
    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        VerticalScroll {
            width: 76; max-width: 95%; height: auto; max-height: 90%;
            border: round $primary; background: $surface; padding: 0 1;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "dismiss", _("Back"), id="help.close"),
        *keymap.LISTS,
    ]

    def __init__(self, about: Screen[object]) -> None:
        """`about`: the screen whose keys are told, with the focus as it is."""
        super().__init__()
        self._words = Content("\n").join(_lines(about))

    def compose(self) -> ComposeResult:
        with VerticalScroll() as keys:
            keys.border_title = _("Keys")
            keys.border_subtitle = _("change them in {file}", file=keymap.keys_file().name)
            yield Static(self._words)


def _lines(screen: Screen[object]) -> list[Content]:
    groups = _groups(screen)
    rows = [row for group in groups.values() for row in group]
    wide = max((cell_len(keys) for keys, _description, _id in rows), default=0)
    described = max((cell_len(description) for _keys, description, _id in rows), default=0)
    lines: list[Content] = []
    for title, group in groups.items():
        lines += [Content(""), Content.styled(title, "bold")]
        for keys, description, id in group:
            padded = f"  {keys}{' ' * (wide - cell_len(keys))}  {description}"
            rest = " " * (described - cell_len(description) + 2)
            lines.append(Content(padded) + Content.styled(f"{rest}{id}", "$text-muted"))
    return lines[1:]


def _groups(screen: Screen[object]) -> dict[str, list[tuple[str, str, str]]]:
    """(keys, description, id) of all bindings that are described, by where they hold."""
    groups: dict[str, list[tuple[str, str, str]]] = {}
    told: set[tuple[DOMNode, str]] = set()
    active = list(screen.active_bindings.values())
    for node, binding, *_rest in active:
        if (node, binding.action) in told or not binding.description:
            continue
        told.add((node, binding.action))
        same = [b for n, b, *_rest in active if (n, b.action) == (node, binding.action)]
        groups.setdefault(_place(node), []).append(_row(screen, same))
    ids = {row[2] for group in groups.values() for row in group}
    for widget in screen.query(Widget):
        elsewhere: dict[str, list[Binding]] = {}
        for _key, binding in widget._bindings:
            if binding.id and binding.id not in ids and binding.description:
                elsewhere.setdefault(binding.id, []).append(binding)
        ids |= elsewhere.keys()
        for same in elsewhere.values():
            groups.setdefault(_("Elsewhere on this screen"), []).append(_row(screen, same))
    return groups


def _row(screen: Screen[object], same: list[Binding]) -> tuple[str, str, str]:
    keys = " ".join(dict.fromkeys(screen.app.get_key_display(binding) for binding in same))
    return keys, _(same[0].description), next((binding.id for binding in same if binding.id), "")


def _place(node: DOMNode) -> str:
    if isinstance(node, Screen):
        return _("On this screen")
    if isinstance(node, Widget):
        return _("Here: {panel}", panel=node.border_title) if node.border_title else _("Here")
    return _("Everywhere")
