"""What every key does here: for the focused panel, the screen, and everywhere, with the ids to change them by."""

from __future__ import annotations

from typing import ClassVar, Final, TypeAlias

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingsMap, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from workbench.tui import keymap
from workbench.tui.screens.dialog import Dialog
from workbench.tui.texts import _

_EXAMPLE: Final = ("    [keys]", '    "app.quit" = "f10,q"')


class HelpScreen(Dialog[None], inherit_bindings=False):
    DEFAULT_CSS = """
    HelpScreen {
        VerticalScroll {
            width: 76; max-width: 95%; height: auto; max-height: 90%;
            border: round $primary; background: $surface; padding: 0 1;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "dismiss", "Back", id="help.close"),
        *keymap.LISTS,
    ]

    def __init__(self, about: Screen[object]) -> None:
        """`about`: the screen whose keys are told, with the focus as it is."""
        super().__init__()
        self._words = Content("\n").join(_lines(about))

    def content(self) -> ComposeResult:
        with VerticalScroll() as keys:
            keys.border_title = _("Keys")
            yield Static(self._words)


Rows: TypeAlias = dict[str, tuple[str, str, str]]
"""(keys, description, id) by the id, or by the action of what has none."""


def _lines(screen: Screen[object]) -> list[Content]:
    groups = _groups(screen)
    rows = [row for group in groups.values() for row in group.values()]
    wide = max((cell_len(keys) for keys, _description, _id in rows), default=0)
    described = max((cell_len(description) for _keys, description, _id in rows), default=0)
    lines: list[Content] = []
    for title, group in groups.items():
        lines += [Content.styled(title, "bold")]
        for keys, description, id in group.values():
            padded = f"  {keys}{' ' * (wide - cell_len(keys))}  {description}"
            rest = " " * (described - cell_len(description) + 2)
            lines.append(Content(padded) + Content.styled(f"{rest}{id}", "$text-muted"))
        lines.append(Content(""))
    words = _("Other keys, by the names to the right, from the next start on: write them into")
    return [*lines, Content.styled(words, "bold"), *map(Content, (f"  {keymap.keys_file()}", *_EXAMPLE))]


def _groups(screen: Screen[object]) -> dict[str, Rows]:
    """All bindings that are described, by where they hold: the nearest first, then what moves about.

    Of those that cannot be used now, too; without the keys that something nearer takes.
    """
    found: dict[str, Rows] = {}
    taken: set[str] = set()
    chain = screen._modal_binding_chain
    for node, bindings in chain:
        for name, same in _described(bindings).items():
            free = [binding for binding in same if binding.key not in taken]
            if free or same[0].id:
                found.setdefault(_place(node, same[0]), {}).setdefault(name, _row(screen, free, same[0]))
        taken |= bindings.key_to_bindings.keys()
    told = {name for rows in found.values() for name in rows}
    for widget in screen.query(Widget):
        bindings = widget._bindings.copy()
        bindings.apply_keymap(screen.app._keymap)
        for name, same in _described(bindings).items():
            if same[0].id and name not in told:
                found.setdefault(_("Elsewhere on this screen"), {}).setdefault(name, _row(screen, same, same[0]))
    last = [_("Elsewhere on this screen"), _("Everywhere"), _("To move about")]
    return {title: found[title] for title in [*(t for t in found if t not in last), *last] if title in found}


def _described(bindings: BindingsMap) -> dict[str, list[Binding]]:
    """What has a description, a binding for each key, by id or action."""
    found: dict[str, list[Binding]] = {}
    for _key, binding in bindings:
        if binding.description:
            found.setdefault(binding.id or binding.action, []).append(binding)
    return found


def _row(screen: Screen[object], free: list[Binding], first: Binding) -> tuple[str, str, str]:
    keys = " ".join(dict.fromkeys(screen.app.get_key_display(binding) for binding in free))
    return keys or "-", _(first.description), first.id or ""


def _place(node: DOMNode, binding: Binding) -> str:
    if binding.id is None or binding.id.startswith("list."):
        return _("To move about")
    if isinstance(node, Screen):
        return _("On this screen")
    if isinstance(node, Widget):
        return _("Here: {panel}", panel=node.border_title) if node.border_title else _("Here")
    return _("Everywhere")
