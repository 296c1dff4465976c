"""What the command palette offers: every action of the screen by name, the screens, themes and languages."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.screen import Screen

from workbench.tui.texts import LANGUAGES, _

if TYPE_CHECKING:
    from workbench.tui.shell import Shell


def commands(app: Shell, screen: Screen[object]) -> Iterator[SystemCommand]:
    for tab in app.tabs:
        yield SystemCommand(_(tab.label), _("Show this screen"), partial(app.run_action, f"show('{tab.mode}')"))
    told = set()
    for node, binding, enabled, _tooltip in screen.active_bindings.values():
        moves = binding.id is None or binding.id.startswith(("list.", "app."))
        if enabled and binding.description and not moves and binding.action not in told:
            told.add(binding.action)
            run = partial(app.run_action, binding.action, node)
            yield SystemCommand(_(binding.description), _("Key: {key}", key=app.get_key_display(binding)), run)
    for name in app.available_themes:
        yield SystemCommand(_("Theme: {name}", name=name), _("Other colours"), partial(app.use_theme, name))
    for language, name in LANGUAGES.items():
        words = _("Language: {name}", name=name)
        yield SystemCommand(words, _("Other words"), partial(app.use_language, language))
    yield SystemCommand(_("Help"), _("What every key does here"), app.action_help)
    if app.tabs:
        yield SystemCommand(_("Reset layout"), _("Show all panels as at first"), app.reset_layout)
    yield SystemCommand(_("Quit"), _("Leave the workbench"), app.action_quit)
