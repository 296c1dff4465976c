"""What is chosen on the Live screen: it holds at once, most of it in the next run, too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.tui.caption_rows import LAYOUTS, Layout
from workbench.tui.failures import noticed
from workbench.tui.texts import _

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp
    from workbench.tui.widgets.captions import CaptionView


class LiveChoices:
    def __init__(self, app: WorkbenchApp, captions: CaptionView) -> None:
        self._app = app
        self._captions = captions

    def restore(self) -> None:
        """Make hold what was kept; what makes no sense is passed over."""
        kept = self._kept
        languages = {name: kept[name] for name in ("target_language", "language") if name in kept}
        if languages and all(tag is None or isinstance(tag, str) for tag in languages.values()):
            self._app.live.change(settings=replace(self._app.live.settings, **languages))
        order = next((order for order in LAYOUTS if order == kept.get("order")), LAYOUTS[0])
        self._captions.lay_out(times=bool(kept.get("times", True)), order=order)

    def lay_out(self, *, times: bool, order: Layout) -> None:
        self._captions.lay_out(times=times, order=order)
        self._keep(times=times, order=order)

    def use_languages(self, **tags: Any) -> None:
        """`language`: what is spoken; None: found out. `target_language`: what it is translated into; None: nothing."""
        live = self._app.live
        live.change(settings=replace(live.settings, **tags))
        self._keep(language=live.settings.language, target_language=live.settings.target_language)

    def turn_voice(self) -> None:
        """Have captions spoken, or not any more. This one holds in this run."""
        profile = self._app.live.profile
        live = profile.live.model_copy(update={"speak": not profile.live.speak})
        with noticed(self._app):
            self._app.live.change(profile=profile.model_copy(update={"live": live}))
            self._app.notice(_("Captions are spoken.") if live.speak else _("Captions are not spoken any more."))

    @property
    def _kept(self) -> dict[str, Any]:
        kept = self._app.choices.layout.get("live", {})
        return kept if isinstance(kept, dict) else {}

    def _keep(self, **chosen: Any) -> None:
        self._app.choose(layout={**self._app.choices.layout, "live": {**self._kept, **chosen}})
