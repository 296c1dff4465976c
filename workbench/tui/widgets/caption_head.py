"""The line above the captions: their languages, how they are laid out, and whether the newest is in view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.tui.texts import _
from workbench.tui.widgets.panel import Line, Panel, spread

if TYPE_CHECKING:
    from workbench.engines import Settings
    from workbench.tui.caption_rows import Layout
    from workbench.tui.widgets.captions import CaptionView


class CaptionHead(Panel):
    def show_head(self, view: CaptionView, settings: Settings, *, translated: bool, spoken: bool) -> None:
        """`translated`: an engine makes translations. `spoken`: captions are read out."""
        follow: Line = ((_("following"), "dim"),)
        if not view.follow:
            new = _("↓ {count} new, f follows", count=view.unseen)
            follow = ((new if view.unseen else _("f follows"), "mark"),)
        words = [settings.language or _("any language")]
        if target := settings.target_language:
            words[0] += f" → {target}"
            words.append(layout_name(view.shape.order) if translated else _("not translated"))
        if spoken:
            words.append(_("spoken"))
        self.show([spread(((_("Captions") + "  ", "head"), ("  ".join(words), "")), follow, self.size.width)])


def layout_name(order: Layout) -> str:
    return {
        "source-first": _("source first"),
        "translation-first": _("translation first"),
        "translation": _("translation only"),
        "source": _("source only"),
    }[order]
