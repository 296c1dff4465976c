"""Which language is spoken, and which one to translate into."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from textual.app import App

from workbench.errors import UsageError
from workbench.tui.screens.choose import Choose
from workbench.tui.screens.prompt import Prompt
from workbench.tui.texts import _

COMMON: Final = {
    "en": "English", "zh": "中文", "es": "Español", "fr": "Français", "de": "Deutsch", "ja": "日本語", "ko": "한국어",
    "pt": "Português", "ru": "Русский", "it": "Italiano", "ar": "العربية", "hi": "हिन्दी", "nl": "Nederlands",
    "pl": "Polski", "tr": "Türkçe", "uk": "Українська", "vi": "Tiếng Việt", "id": "Bahasa Indonesia",
}  # fmt: skip
"""Their names in themselves, by BCP-47 tag."""
_NONE: Final = ":none"
_OTHER: Final = ":other"
_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def ask(app: App[int], title: str, none: str, current: str | None, then: Callable[[str | None], None]) -> None:
    """Let the user choose a language, and call `then` with it. `none`: what it means to choose none."""
    names = {_NONE: none, **{tag: f"{tag:<5}{name}" for tag, name in COMMON.items()}}
    if current and current not in names:
        names[current] = current
    names[_OTHER] = _("another ...")

    def chosen(name: str | None) -> None:
        if name == _OTHER:
            app.push_screen(Prompt(_("Language, as a tag such as sv or pt-BR"), current or "", _tag), typed)
        elif name:
            then(None if name == _NONE else name)

    def typed(tag: str | None) -> None:
        if tag:
            then(_tag(tag))

    app.push_screen(Choose(title, names, current or _NONE), chosen)


def _tag(text: str) -> str:
    if not _TAG.fullmatch(text.strip()):
        raise UsageError(_("{tag!r} is no language tag", tag=text))
    return text.strip()
