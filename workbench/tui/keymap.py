"""Which keys do what: the usual ones, and what the user's interface.toml says instead.

    [keys]
    "live.stop" = "s,f5"

Each binding has an id, "screen.action", that the help names.
"""

from __future__ import annotations

import pkgutil
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from textual.binding import Binding
from textual.keys import Keys, _character_to_key

from workbench import paths
from workbench.errors import did_you_mean
from workbench.profiles.toml_lines import key_lines, line_of
from workbench.tui.texts import _
from workbench.tui.widgets.top_bar import TABS

RESERVED: Final = frozenset(f"ctrl+{letter}" for letter in "abszqjmhio")
"""Keys that tmux, screen and terminals keep for themselves, or send for another. None is the only way to anything."""
EVERYWHERE: Final = frozenset({"app", "frame", "list"})
"""Beginnings of the ids of bindings that hold on every screen."""
LISTS: Final = (
    Binding("j", "app.go('cursor_down', 'scroll_down')", "Down", show=False, id="list.down"),
    Binding("k", "app.go('cursor_up', 'scroll_up')", "Up", show=False, id="list.up"),
    Binding("h", "app.go('cursor_left', 'scroll_left')", "Left", show=False, id="list.left"),
    Binding("l", "app.go('cursor_right', 'scroll_right')", "Right", show=False, id="list.right"),
    Binding("g", "app.go('first', 'scroll_top', 'scroll_home')", "First", show=False, id="list.first"),
    Binding("G", "app.go('last', 'scroll_bottom', 'scroll_end')", "Last", show=False, id="list.last"),
    Binding("ctrl+d", "app.go('page_down', 'scroll_page_down')", "Page down", show=False, id="list.page_down"),
    Binding("ctrl+u", "app.go('page_up', 'scroll_page_up')", "Page up", show=False, id="list.page_up"),
)
"""What moves in every list, table and text besides the arrows. A modal screen names them too: it hides the app's."""
_PACKAGES: Final = ("workbench.tui.screens", "workbench.tui.widgets")
_NAMES: Final = frozenset(key.value for key in Keys)


def keys_file() -> Path:
    return paths.config_dir() / "interface.toml"


def load() -> tuple[dict[str, str], list[str]]:
    """(keys by the id of their binding, what is wrong with the file: "FILE:LINE: what")."""
    path = keys_file()
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError) as error:
        return {}, [f"{path}: {error}"]
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return {}, [_located(path, error, text)]
    lines = key_lines(text)
    keys: dict[str, str] = {}
    problems = [
        f"{path}:{line_of(lines, [table])}: {_('no such table')}{did_you_mean(table, ['keys'])}"
        for table in data
        if table != "keys"
    ]
    for id, value in _flat(data.get("keys", {})):
        wrong = _wrong(value)
        if wrong:
            problems.append(f"{path}:{line_of(lines, ['keys', *_written(lines, id)])}: {id}: {wrong}")
        else:
            keys[id] = value
    return keys, problems


def bindings() -> dict[str, Binding]:
    """All bindings by their ids, with all their keys. Imports every screen: call it in a thread."""
    found: dict[str, Binding] = {}
    for owner in _owners():
        for binding in vars(owner).get("BINDINGS", ()):
            if isinstance(binding, Binding) and binding.id is not None:
                found.setdefault(binding.id, binding)
    return found


def conflicts(keys: Mapping[str, str], known: Mapping[str, Binding]) -> list[str]:
    """What is wrong with `keys`: ids that no binding has, and keys that would do two things at once, and which wins."""
    problems = [
        _("{file}: no action is called {id!r}{meant}", file=keys_file(), id=id, meant=did_you_mean(id, known))
        for id in keys
        if id not in known
    ]
    all_keys = {id: _normal(keys.get(id, binding.key)) for id, binding in known.items()}
    order = list(known)
    for id in keys.keys() & known.keys():
        for other, others_keys in all_keys.items():
            if other == id or (other in keys and other < id) or not _together(id, other):
                continue
            if _normal(known[id].key) & _normal(known[other].key):
                continue  # never in force at the same time, such as record and stop
            wins = min(id, other, key=lambda one: (_distance(one), one not in keys, order.index(one)))
            problems += [
                _(
                    "{file}: {key!r} does both {id} and {other}; {wins} wins",
                    file=keys_file(),
                    key=key,
                    id=id,
                    other=other,
                    wins=wins,
                )
                for key in sorted(all_keys[id] & others_keys)
            ]
    return problems


def completed(keys: Mapping[str, str], known: Mapping[str, Binding]) -> dict[str, str]:
    """`keys`, and those of actions that share one with an action in `keys`: Textual takes it away from both."""
    shared = {
        other: binding.key
        for other, binding in known.items()
        for id in keys.keys() & known.keys()
        if other not in keys and _together(id, other) and _normal(binding.key) & _normal(known[id].key)
    }
    return {**shared, **keys}


def only_reserved(binding: Binding) -> bool:
    """Whether `binding` has no key that works in every terminal."""
    return _normal(binding.key) <= RESERVED


def _owners() -> Iterator[type]:
    """Everything that has bindings of ours."""
    from workbench.tui import app, frame

    modules = [app, frame]
    for name in _PACKAGES:
        package = import_module(name)
        modules += [import_module(f"{name}.{info.name}") for info in pkgutil.iter_modules(package.__path__)]
    for module in modules:
        yield from (
            item for item in vars(module).values() if isinstance(item, type) and item.__module__ == module.__name__
        )


def _together(id: str, other: str) -> bool:
    """Whether the two can be in force at the same time."""
    screen, others = id.partition(".")[0], other.partition(".")[0]
    return screen == others or screen in EVERYWHERE or others in EVERYWHERE


def _distance(id: str) -> int:
    """How far from what has the focus the action is looked for: the nearest one with a key does it."""
    place = id.partition(".")[0]
    if place in ("app", "list"):
        return 2
    return 1 if place in ("frame", *(tab.mode for tab in TABS)) else 0


def _normal(keys: str) -> frozenset[str]:
    return frozenset(_character_to_key(key) if len(key) == 1 else key for key in map(str.strip, keys.split(",")))


def _flat(table: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(id, keys) of a table that may have been written as `live.stop = "s"` without quotes."""
    if not isinstance(table, dict):
        yield prefix.rstrip("."), table
        return
    for name, value in table.items():
        yield from _flat(value, f"{prefix}{name}.")


def _written(lines: Mapping[tuple[str, ...], int], id: str) -> list[str]:
    return [id] if ("keys", id) in lines else id.split(".")


def _wrong(value: Any) -> str:
    """Why `value` names no keys; empty when it does."""
    if not isinstance(value, str) or not value.strip():
        return _('write keys as text, such as "s,f5"')
    unknown = [key for key in map(str.strip, value.split(",")) if not _is_key(key)]
    if unknown:
        return _("{key!r} is no key{meant}", key=unknown[0], meant=did_you_mean(unknown[0], _NAMES))
    return ""


def _is_key(key: str) -> bool:
    *modifiers, name = key.split("+") if len(key) > 1 else [key]
    if not set(modifiers) <= {"ctrl", "alt", "shift", "super", "meta", "hyper"}:
        return False
    try:
        return len(name) == 1 or name in _NAMES or bool(unicodedata.lookup(name.replace("_", " ")))
    except KeyError:
        return False


def _located(path: Path, error: tomllib.TOMLDecodeError, text: str) -> str:
    """`error`, which ends with "(at line 3, column 5)" or "(at end of document)", as "FILE:3: what"."""
    what, _at, place = str(error).rpartition(" (at ")
    words = place.replace(",", " ").split()
    line = int(words[1]) if words[:1] == ["line"] else text.count("\n") + 1
    return f"{path}:{line}: {what or error}"
