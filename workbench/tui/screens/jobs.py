"""Jobs: files that become subtitles, how far each is, and what was said in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.widget import Widget

from workbench.jobs.checkpoint import State
from workbench.jobs.totals import totals
from workbench.live.status import stage_statuses
from workbench.threads import to_thread
from workbench.tui import adding, job_actions, job_requests
from workbench.tui.failures import noticed
from workbench.tui.frame import Frame
from workbench.tui.job_rows import detail_lines, stage_lines, total_line
from workbench.tui.screens.ask import Ask
from workbench.tui.screens.choose import Choose
from workbench.tui.texts import _
from workbench.tui.widgets.job_table import JobTable
from workbench.tui.widgets.job_text import JobText
from workbench.tui.widgets.panel import Line, Panel
from workbench.tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from workbench.jobs.queue import Entry
    from workbench.tui.job_desk import JobDesk

SIDE_BY_SIDE: Final = 152
"""Columns from which on list and text stand side by side."""
LOW: Final = 20
"""Rows below which there is room for either the list or the text."""


class JobsScreen(Frame):
    DEFAULT_CSS = """
    JobsScreen {
        #panels { layout: vertical; height: 1fr; }
        #panels.-wide { layout: horizontal; }
        #panels.-low {
            #file { height: auto; }
            #captions, #stages { display: none; }
            &.-reading {
                #list { display: none; }
                #file { height: 1fr; }
                #captions { display: block; }
            }
        }
        #list, #file { height: 1fr; width: 1fr; }
        #jobs, #captions {
            height: 1fr; width: 1fr;
            border: round $foreground 40%; border-title-color: $foreground;
            &:focus { border: round $border; }
        }
        #captions { padding: 0 1; }
        #total, #detail, #stages { padding: 0 2; }
        #detail { height: 2; }
        #stages { height: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "Add files", id="jobs.add"),
        Binding("p", "pause", "Pause", id="jobs.pause"),
        Binding("p", "resume", "Resume", id="jobs.resume"),
        Binding("R", "retry", "Retry", id="jobs.retry"),
        Binding("x", "cancel", "Cancel", id="jobs.cancel"),
        Binding("d", "remove", "Remove", id="jobs.remove"),
        Binding("M", "profile", "Profile", id="jobs.profile"),
        Binding("plus", "prioritize(1)", "Sooner", id="jobs.sooner"),
        Binding("minus", "prioritize(-1)", "Later", id="jobs.later"),
        Binding("C", "clear", "Remove what is done", show=False, id="jobs.clear"),
        Binding("o,enter", "open", "Text", id="jobs.open"),
        Binding("escape", "back", "Back to the list", show=False, id="jobs.back"),
    ]
    finds = True
    copies = True

    def __init__(self) -> None:
        super().__init__()
        self._seen = -1
        """`JobDesk.changes` as it was when it was shown last."""
        self._finds_text = False
        self._known: tuple[object, ...] = ()
        """What the keys in force depend on."""

    def top(self) -> Widget:
        return TopBar(self._look_on)

    def content(self) -> ComposeResult:
        with Container(id="panels"):
            with Vertical(id="list"):
                table = JobTable(id="jobs")
                table.border_title = _("Files")
                yield table
                yield Panel(id="total")
            with Vertical(id="file"):
                yield JobText(id="captions")
                yield Panel(id="detail")
                yield Panel(id="stages")

    def on_mount(self) -> None:
        self._table.focus()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        self._look()

    def on_resize(self, event: events.Resize) -> None:
        panels, is_wide = self.query_one("#panels"), event.size.width >= SIDE_BY_SIDE
        panels.set_class(is_wide, "-wide")
        panels.set_class(event.size.height < LOW and not is_wide, "-low")
        self.call_after_refresh(self._look)

    @property
    def _desk(self) -> JobDesk:
        return self.workbench.desk

    @property
    def _table(self) -> JobTable:
        return self.query_one(JobTable)

    @property
    def _text(self) -> JobText:
        return self.query_one(JobText)

    @property
    def current(self) -> Entry | None:
        """The file with the cursor."""
        return self._table.selected

    @property
    def _is_stopping(self) -> bool:
        return self.current is not None and self.current.number in self._desk.stopping

    # looking: only while something moves

    def _look_on(self) -> None:
        is_moving = any(entry.state is State.RUNNING for entry in self._desk.entries)
        if self.is_current and (is_moving or self._seen != self._desk.changes):
            self._look()

    def _look(self) -> None:
        if not self.is_mounted or not self.size:
            return
        self._seen, entries, now = self._desk.changes, self._desk.entries, monotonic()
        self._table.show_entries(entries, now, self._desk.stopping)
        total = self.query_one("#total", Panel)
        total.show([total_line(totals(entries, now), total.size.width)] if entries else [])
        self._show_file()

    @on(JobTable.Moved)
    def _show_file(self) -> None:
        """The one with the cursor."""
        entry = self.current
        self._text.show_file(entry, self._desk.told(entry.number) if entry else None)
        detail = self.query_one("#detail", Panel)
        _show(detail, detail_lines(entry, self._width_of(detail)))
        self._show_stages(entry)
        known = (self._desk.is_open, entry and entry.number, entry and entry.state, self._is_stopping)
        if known != self._known:
            self._known = known
            self.refresh_bindings()

    def _show_stages(self, entry: Entry | None) -> None:
        """What works on the file, or else on any."""
        at_work = [entry, *self._desk.entries] if entry else self._desk.entries
        running = next(filter(None, (self._desk.queue.running(one.number) for one in at_work)), None)
        panel = self.query_one("#stages", Panel)
        edges = running.pipeline.statistics() if running else {}
        stages = list(stage_statuses(running.plan, running.stages, edges)) if running else []
        _show(panel, stage_lines(stages, self._width_of(panel)))

    def _width_of(self, panel: Panel) -> int:
        """Also of one that has no line, and so no size."""
        return max(0, self.query_one("#file").size.width - panel.gutter.width)

    # frame

    def action_find(self) -> None:
        self._finds_text = self._text.has_focus
        super().action_find()

    def find(self, text: str, step: int) -> str:
        """In what was said, where the text had the keys; else in the names of files."""
        return (self._text if self._finds_text else self._table).find(text, step)

    def copied(self) -> str:
        """What was said, while the text has the keys; else the folder of what is made of the file."""
        if self._text.has_focus:
            return self._text.copied()
        paths = self.current.request.targets.paths if self.current else []
        return str(paths[0].absolute().parent) if paths else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in job_actions.STATES:
            return job_actions.is_allowed(action, self.current, stopping=self._is_stopping)
        if action == "add":
            return self._desk.is_open
        if action == "open":
            return self.current is not None
        return super().check_action(action, parameters)

    def why_not(self, action: str) -> str:
        if action == "add":
            return _("The list of files is being opened.")
        if action == "open" or action in job_actions.STATES:
            return job_actions.why_not(action, self.current, stopping=self._is_stopping)
        return super().why_not(action)

    # what can be done with one

    def action_back(self) -> None:
        self.query_one("#panels").remove_class("-reading")
        self._table.focus()

    def action_open(self) -> None:
        self.query_one("#panels").add_class("-reading")
        self._text.focus()

    def action_pause(self) -> None:
        self._command(self._desk.stop)

    def action_resume(self) -> None:
        self._command(self._desk.queue.resume)

    def action_remove(self) -> None:
        self._command(self._desk.remove)

    def action_prioritize(self, step: int) -> None:
        if entry := self.current:
            self._command(lambda number: self._desk.queue.prioritize(number, entry.request.priority + step))

    def action_clear(self) -> None:
        for entry in self._desk.entries:
            if entry.state in (State.FINISHED, State.CANCELLED):
                self._desk.remove(entry.number)
        self._look()

    def action_cancel(self) -> None:
        entry = self.current
        if entry is None:
            return
        question = _("Cancel {name}?", name=entry.request.targets.path.name)
        answers = {"c": _("cancel it; what was done is kept, and R goes on with it")}
        self.app.push_screen(Ask(question, answers), partial(self._cancel_answered, entry.number))

    def _cancel_answered(self, number: int, answer: str | None) -> None:
        if answer == "c":
            self._command(partial(self._desk.stop, cancel=True), number)

    def _command(self, do: Callable[[int], object], number: int | None = None) -> None:
        """Have the queue do something with this file, by default with the one with the cursor."""
        number = number if number is not None or self.current is None else self.current.number
        if number is not None and any(entry.number == number for entry in self._desk.entries):
            with noticed(self.workbench):
                do(number)
        self._look()

    @work(group="retry", exclusive=True)
    async def action_retry(self) -> None:
        if (entry := self.current) is not None:
            with noticed(self.workbench):
                again = await adding.retry(self.workbench, entry)
                self._look()
                self._table.go_to(again)

    # other engines

    @work(group="profile", exclusive=True)
    async def action_profile(self) -> None:
        entry = self.current
        if entry is None:
            return
        with noticed(self.workbench):
            names = {name: name for name in await to_thread(job_requests.profile_names)}
            title = _("Profile for {name}", name=entry.request.targets.path.name)
            name = await self.app.push_screen_wait(Choose(title, names, entry.request.profile.name))
            if name:
                profile = await to_thread(job_requests.profile_named, name, self.live.registry)
                self._desk.queue.set_profile(entry.number, profile)
        self._look()

    # more files

    @work(group="add", exclusive=True)
    async def action_add(self) -> None:
        with noticed(self.workbench):
            added = await adding.ask(self.workbench)
            self._look()
            if added:
                self._table.go_to(added[0].number)


def _show(panel: Panel, lines: list[Line]) -> None:
    """In a panel of so many lines."""
    if panel.styles.height is None or panel.styles.height.value != len(lines):
        panel.styles.height = len(lines)
    panel.show(lines)
