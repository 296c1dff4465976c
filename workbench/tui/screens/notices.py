"""Screen 7: all notices of this run, newest last."""

from __future__ import annotations

import time

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from workbench.tui.frame import Frame
from workbench.tui.texts import _
from workbench.tui.widgets.notice_line import GLYPHS, Notice


class NoticesScreen(Frame):
    """The list follows new notices while its last entry is the current one."""

    DEFAULT_CSS = """
    NoticesScreen {
        OptionList {
            height: 1fr;
            border: round $foreground 40%; border-title-color: $foreground;
            &:focus { border: round $border; }
        }
        OptionList > .option-list--option-highlighted, OptionList:focus > .option-list--option-highlighted {
            background: $panel; color: $foreground; text-style: bold;
        }
    }
    """
    finds = True
    copies = True
    lists_notices = True

    def content(self) -> ComposeResult:
        notices = OptionList(*map(_option, self.workbench.notices), id="notices", markup=False)
        notices.border_title = _("Notices")
        yield notices

    def on_mount(self) -> None:
        self.workbench.noticed.subscribe(self, self._add)
        notices = self._list
        if notices.option_count:
            notices.highlighted = notices.option_count - 1
        else:
            notices.border_subtitle = _("No notice yet: all that come are kept here.")
        notices.focus()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        self.workbench.see_notices()

    @property
    def _list(self) -> OptionList:
        return self.query_one("#notices", OptionList)

    def _add(self, notice: Notice) -> None:
        notices = self._list
        here, last = notices.highlighted, notices.option_count - 1
        notices.border_subtitle = ""
        notices.add_option(_option(notice))
        gone = notices.option_count - len(self.workbench.notices)
        for _oldest in range(gone):
            notices.remove_option_at_index(0)
        if here is not None:
            notices.highlighted = notices.option_count - 1 if here == last else max(0, here - gone)
        elif last < 0:
            notices.highlighted = 0
        if self.is_current:
            self.workbench.see_notices()

    def find(self, text: str, step: int) -> str:
        wanted = text.casefold()
        found = [
            place
            for place, notice in enumerate(self.workbench.notices)
            if wanted and wanted in f"{notice.message} {notice.hint}".casefold()
        ]
        if not found:
            return _("nothing found") if text else ""
        here = self._list.highlighted or 0
        if step < 0:
            place = next((place for place in reversed(found) if place < here), found[-1])
        else:
            place = next((place for place in found if place >= here + step), found[0])
        self._list.highlighted = place
        return _("{place} of {count}", place=found.index(place) + 1, count=len(found))

    def copied(self) -> str:
        place = self._list.highlighted
        if place is None:
            return ""
        notice = self.workbench.notices[place]
        return "\n".join(filter(None, [notice.message, notice.hint]))


def _option(notice: Notice) -> Option:
    style = {"warning": "$text-warning", "error": "$text-error"}.get(notice.severity, "")
    at = time.strftime("%H:%M:%S", time.localtime(notice.at))
    words = Content.from_text(f"{at}  {GLYPHS[notice.severity]}  {notice.message}", markup=False)
    if style:
        words = words.stylize(style)
    return Option(words + Content.from_text(f"\n             {notice.hint}" if notice.hint else "", markup=False))
