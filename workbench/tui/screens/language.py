"""Which language is spoken, and which one to translate into."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

from textual.app import App

from workbench.engines import same_language
from workbench.errors import UsageError
from workbench.session import translation_pairs
from workbench.tui.screens.choose import Choose
from workbench.tui.screens.prompt import Prompt
from workbench.tui.texts import _

if TYPE_CHECKING:
    from workbench.plugins import Registry
    from workbench.profiles.schema import Profile
    from workbench.tui.app import WorkbenchApp

COMMON: Final = {
    "en": "English", "zh": "中文", "es": "Español", "fr": "Français", "de": "Deutsch", "ja": "日本語", "ko": "한국어",
    "pt": "Português", "ru": "Русский", "it": "Italiano", "ar": "العربية", "hi": "हिन्दी", "nl": "Nederlands",
    "pl": "Polski", "tr": "Türkçe", "uk": "Українська", "vi": "Tiếng Việt", "id": "Bahasa Indonesia",
}  # fmt: skip
"""Their names in themselves, by BCP-47 tag."""
_NONE: Final = ":none"
_OTHER: Final = ":other"
_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def ask(
    app: App[int],
    title: str,
    none: str,
    current: str | None,
    then: Callable[[str | None], None],
    offered: Collection[str] | None = None,
) -> None:
    """Let the user choose a language, and call `then` with it.

    `none`: what it means to choose none. `offered`: all that there is to choose from; None: any.
    """
    tags = list(COMMON) if offered is None else sorted(offered, key=_commonness)
    names = {_NONE: none, **{tag: f"{tag:<5} {COMMON.get(tag, '')}".rstrip() for tag in tags}}
    if current and current not in names:
        names[current] = current
    if offered is None:
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


def ask_target(app: WorkbenchApp, then: Callable[[str | None], None]) -> None:
    """Let the user choose what to translate into, of what can be translated into here."""
    live = app.live
    settings, offered = live.settings, targets(live.registry, live.profile, live.settings.language)
    if offered is not None and not offered:
        spoken = settings.language or _("any language")
        words = _("No installed engine translates from {language}.", language=spoken)
        app.notice(words, _("4 shows all plugins."), "warning")
    if offered != set() or settings.target_language:
        ask(app, _("Translate into"), _("no translation"), settings.target_language, then, offered)


def targets(registry: Registry, profile: Profile, source: str | None) -> set[str] | None:
    """What speech in `source` (None: in any language) can be translated into here; None: that is not known."""
    pairs = translation_pairs(profile, registry)
    if pairs is None:
        return None
    return {target for spoken, target in pairs if source is None or same_language(source, spoken)}


def _commonness(tag: str) -> tuple[int, str]:
    return (list(COMMON).index(tag) if tag in COMMON else len(COMMON), tag)


def _tag(text: str) -> str:
    if not _TAG.fullmatch(text.strip()):
        raise UsageError(_("{tag!r} is no language tag", tag=text))
    return text.strip()
