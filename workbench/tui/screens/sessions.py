"""Screen 6: what was recorded, and what was said."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.timer import Timer
from textual.widgets import DataTable

from workbench import sessions
from workbench.clock import clock
from workbench.sessions import Recording, State
from workbench.subtitles import Caption
from workbench.threads import to_thread
from workbench.tui import exporting
from workbench.tui.failures import noticed
from workbench.tui.finishing import finish
from workbench.tui.frame import Frame
from workbench.tui.screens.ask import Ask
from workbench.tui.screens.prompt import Prompt
from workbench.tui.session_rows import Found, holding, places, read, said, texts
from workbench.tui.texts import _
from workbench.tui.widgets.captions import CaptionView
from workbench.tui.widgets.find_line import FindLine
from workbench.tui.widgets.session_table import SessionTable

PAUSE_S: Final = 0.2
"""How long nothing is typed before it is searched for."""
SIDE_BY_SIDE: Final = 152
"""Columns from which on list and text stand side by side."""


class SessionText(CaptionView):
    """Keeps its caption selected while the list has the keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "screen.back", "Back to the list", show=False, id="sessions.back"),
    ]


class SessionsScreen(Frame):
    DEFAULT_CSS = """
    SessionsScreen {
        #panels { layout: vertical; height: 1fr; }
        #panels.-wide { layout: horizontal; }
        #sessions, #captions {
            height: 1fr; width: 1fr;
            border: round $foreground 40%; border-title-color: $foreground; border-subtitle-color: $text-warning;
            &:focus { border: round $border; }
        }
        #captions { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o,enter", "open", "Open", id="sessions.open"),
        Binding("R", "finish", "Finish", id="sessions.finish"),
        Binding("E", "export", "Export", id="sessions.export"),
        Binding("r", "rename", "Rename", id="sessions.rename"),
        Binding("x", "delete", "Delete", id="sessions.delete"),
        Binding("escape", "back", "Back to the list", show=False, id="sessions.back"),
    ]
    finds = True
    copies = True

    def __init__(self) -> None:
        super().__init__()
        self._all: dict[str, Found] = {}
        self._captions: list[Caption] = []
        self._wanted_text = ""
        self._find_timer: Timer | None = None

    def content(self) -> ComposeResult:
        with Container(id="panels"):
            table = SessionTable(id="sessions")
            table.border_title = _("Sessions")
            yield table
            yield SessionText(id="captions")

    def on_mount(self) -> None:
        self._table.focus()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        self.read_sessions()

    def on_resize(self, event: events.Resize) -> None:
        is_wide = event.size.width >= SIDE_BY_SIDE
        self.query_one("#panels").set_class(is_wide, "-wide")
        self._table.lay_out(event.size.width // 2 if is_wide else event.size.width)

    # the list

    @property
    def _table(self) -> SessionTable:
        return self.query_one(SessionTable)

    @property
    def current(self) -> Found | None:
        """The session with the cursor."""
        return self._table.selected

    @work(group="read", exclusive=True)
    async def read_sessions(self, go_to: str = "") -> None:
        """Show what is recorded by now; the cursor goes to `go_to`, else it stays."""
        with noticed(self.workbench):
            found: dict[str, Found] = {}
            for recording in await to_thread(sessions.recordings):
                with noticed(self.workbench):
                    old = self._all.get(recording.name)
                    is_known = old is not None and old.info.state is State.FINISHED and recording.name != go_to
                    found[recording.name] = old if old and is_known else await to_thread(read, recording)
            self._all = found
        if self._wanted_text:
            self._search()
        else:
            self._show(self._all, go_to)

    def _show(self, found: dict[str, Found], go_to: str = "") -> None:
        table = self._table
        table.show(found, go_to)
        nothing = _("nothing found") if self._wanted_text else _("There is no session yet: 1, then r.")
        table.border_subtitle = "" if found else nothing
        self._show_captions()

    # what was said

    @property
    def _view(self) -> CaptionView:
        return self.query_one("#captions", CaptionView)

    @on(DataTable.RowHighlighted, "#sessions")
    @work(group="captions", exclusive=True)
    async def _show_captions(self) -> None:
        found, view = self.current, self._view
        with noticed(self.workbench):
            captions, lines = await to_thread(said, found, self._captions)
            if lines is not None:
                view.show(lines, self._wanted_text)
                self._captions = captions
            info = found.info if found else None
            view.border_title = (
                Content(" · ".join(filter(None, [info.title or info.name, info.source]))) if info else ""
            )
            view.border_subtitle = ""
            if info and info.state is State.INTERRUPTED:
                view.border_subtitle = _("interrupted: R works off the rest, nothing is lost")
            elif info and info.state is State.FINISHED and not captions:
                view.border_subtitle = _("nothing was said")
            if found and (hits := places(found.hits[:1], captions)):
                view.go_to(hits[0])

    @on(DataTable.RowSelected, "#sessions")
    def action_open(self) -> None:
        if self._captions:
            if self._view.selected is None:
                self._view.go_to(0)
            self._view.focus()

    def action_back(self) -> None:
        self._table.focus()

    def copied(self) -> str:
        """The selected captions, or, in the list, all of the session."""
        if self._view.has_focus and (selected := self._view.selected):
            first, last = selected
            return "\n".join(text for caption in self._captions[first : last + 1] for text in texts(caption))
        return "\n".join(f"{clock(c.transcript.start)}  {'  '.join(texts(c))}" for c in self._captions)

    # searching

    def find(self, text: str, step: int) -> str:
        if step and text == self._wanted_text:
            self._go_to_hit(step)
            return _("{count} found", count=sum(len(found.hits) for found in self._table.shown.values()))
        self._wanted_text = text
        if self._find_timer is not None:
            self._find_timer.stop()
        if text:
            self._find_timer = self.set_timer(PAUSE_S, self._search)
            return _("searching ...")
        self._captions = []
        self._show(self._all)
        return ""

    @work(group="search", exclusive=True)
    async def _search(self) -> None:
        """Leave the sessions that hold the text, in their title or in what was said."""
        text = self._wanted_text
        with noticed(self.workbench):
            found = await to_thread(holding, text, list(self._all.values()))
            if text == self._wanted_text:
                self._captions = []
                self._show({one.info.name: one for one in found})
                count = sum(len(one.hits) for one in found)
                self.query_one(FindLine).tell(_("{count} found", count=count))

    def _go_to_hit(self, step: int) -> None:
        """The next hit of the session, else the next session."""
        found, selected = self.current, self._view.selected
        hits = places(found.hits, self._captions) if found else []
        here = -1 if selected is None else selected[0]
        further = [place for place in hits if (place - here) * step > 0]
        if further:
            self._view.go_to(further[0] if step > 0 else further[-1])
        elif count := self._table.row_count:
            self._table.move_cursor(row=(self._table.cursor_row + step) % count)

    @on(FindLine.Closed)
    def _back_to_list(self) -> None:
        self._table.focus()

    # what can be done with one

    @work(group="finish", exclusive=True)
    async def action_finish(self) -> None:
        """Work off what an interrupted session has that is not recognized yet."""
        found = self.current
        if found is None:
            return
        if found.info.state is not State.INTERRUPTED:
            self.workbench.notice(_("Nothing of {name} is left to be done.", name=found.info.name))
        elif self.live.phase.value != "idle":
            self.workbench.notice(_("A live session is running."), _("Stop it first: 1, then r."), "warning")
        else:
            name = found.info.name
            with noticed(self.workbench):
                await finish(self.workbench, found.recording)
                self.workbench.notice(_("{name} is being worked off.", name=name), _("1 shows how far it is."))
                self.read_sessions(go_to=name)
                await self.live.finished()
                self.workbench.notice(_("{name} is finished.", name=name))
            self.read_sessions(go_to=name)

    def action_rename(self) -> None:
        if found := self.current:
            question = Prompt(_("Title of {name}:", name=found.info.name), found.info.title)
            self.app.push_screen(question, partial(self._title_given, found.recording))

    def _title_given(self, recording: Recording, title: str | None) -> None:
        if title:
            self._change(recording, partial(recording.rename, title))

    def action_delete(self) -> None:
        found = self.current
        if found is None:
            return
        info = found.info
        question = _("Delete {name}, {length} long?", name=info.title or info.name, length=clock(info.duration))
        answers = {"d": _("delete it, with its audio")}
        if info.state is State.INTERRUPTED:
            answers["k"] = _("keep it, but do not recognize the rest of it")
        self.app.push_screen(Ask(question, answers), partial(self._delete_answered, found.recording))

    def _delete_answered(self, recording: Recording, answer: str | None) -> None:
        if answer == "d":
            self._change(recording, recording.delete)
        elif answer == "k":
            self._change(recording, recording.discard)

    @work(group="change")
    async def _change(self, recording: Recording, act: Callable[[], None]) -> None:
        with noticed(self.workbench):
            await to_thread(act)
        self.read_sessions(go_to=recording.name)

    @work(group="export")
    async def action_export(self) -> None:
        if found := self.current:
            await exporting.ask(self.workbench, found)
