"""Jobs: files that become subtitles, how far each is, and what was said in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widget import Widget

from workbench.jobs.checkpoint import State
from workbench.jobs.totals import totals
from workbench.live.status import stage_statuses
from workbench.threads import to_thread
from workbench.tui import job_requests
from workbench.tui.failures import noticed
from workbench.tui.frame import Frame
from workbench.tui.job_rows import detail_lines, stage_lines, total_line
from workbench.tui.screens.ask import Ask
from workbench.tui.screens.choose import Choose
from workbench.tui.screens.job_form import JobForm
from workbench.tui.screens.language import targets
from workbench.tui.texts import _
from workbench.tui.widgets.captions import CaptionView
from workbench.tui.widgets.job_table import JobTable
from workbench.tui.widgets.panel import Line, Panel
from workbench.tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from workbench.jobs.queue import Entry
    from workbench.jobs.request import Request
    from workbench.tui.job_desk import JobDesk
    from workbench.tui.job_requests import Wanted

SIDE_BY_SIDE: Final = 152
"""Columns from which on list and text stand side by side."""
_ALLOWED: Final[dict[str, frozenset[State]]] = {
    "pause": frozenset({State.QUEUED, State.RUNNING}),
    "resume": frozenset({State.PAUSED}),
    "retry": frozenset({State.FAILED, State.CANCELLED}),
    "cancel": frozenset({State.QUEUED, State.RUNNING, State.PAUSED, State.FAILED}),
    "remove": frozenset({State.FINISHED, State.FAILED, State.CANCELLED}),
    "profile": frozenset({State.QUEUED, State.PAUSED, State.FAILED, State.CANCELLED}),
    "prioritize": frozenset({State.QUEUED, State.PAUSED, State.FAILED, State.CANCELLED}),
}
"""In which states of a file what can be done with it."""


class JobText(CaptionView):
    """What was said in the file with the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "screen.back", "Back to the list", show=False, id="jobs.back"),
    ]


class JobsScreen(Frame):
    DEFAULT_CSS = """
    JobsScreen {
        #panels { layout: vertical; height: 1fr; }
        #panels.-wide { layout: horizontal; }
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
        self._shown: tuple[int | None, int, object] = (None, 0, None)
        """(file, how much of what was said in it, the list that holds that)."""
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
        self.query_one("#panels").set_class(event.size.width >= SIDE_BY_SIDE, "-wide")
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
        self._show_text(entry)
        detail = self.query_one("#detail", Panel)
        _show(detail, detail_lines(entry, self._width_of(detail)))
        self._show_stages(entry)
        stopping = entry is not None and entry.number in self._desk.stopping
        known = (self._desk.is_open, entry and entry.number, entry and entry.state, stopping)
        if known != self._known:
            self._known = known
            self.refresh_bindings()

    def _show_text(self, entry: Entry | None) -> None:
        view, told = self._text, self._desk.told(entry.number) if entry else ()
        number, count, before = self._shown
        target = entry.request.settings.target_language if entry else None
        if (entry.number if entry else None) != number or told is not before:
            view.restore(told, target)
            view.border_title = Content(entry.request.targets.path.name if entry else "")
        else:
            for event in told[count:]:
                view.take(event, target)
        self._shown = (entry.number if entry else None, len(told), told)
        subtitle = "" if told or entry is None else _("what is said appears here")
        if subtitle != (view.border_subtitle or ""):
            view.border_subtitle = subtitle

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
        if self._finds_text:
            return self._text.find(text, step)
        found = [entry for entry in self._table.entries if text and _holds(entry, text)]
        numbers = [entry.number for entry in found]
        if not numbers:
            return _("nowhere") if text else ""
        here = self.current.number if self.current else 0
        if step > 0:
            target = next((number for number in numbers if number > here), numbers[0])
        else:
            target = next((number for number in reversed(numbers) if number <= here + step), numbers[-1])
        self._table.go_to(target)
        return _("{number} of {count}", number=numbers.index(target) + 1, count=len(numbers))

    def copied(self) -> str:
        """What was said, while the text has the keys; else the folder of what is made of the file."""
        if self._text.has_focus:
            return self._text.copied()
        paths = self.current.request.targets.paths if self.current else []
        return str(paths[0].absolute().parent) if paths else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in _ALLOWED:
            entry = self.current
            is_stopping = entry is not None and entry.number in self._desk.stopping
            return entry is not None and entry.state in _ALLOWED[action] and not is_stopping
        if action == "add":
            return self._desk.is_open
        return super().check_action(action, parameters)

    def why_not(self, action: str) -> str:
        entry = self.current
        if action == "add":
            return _("The list of files is being opened.")
        if action not in _ALLOWED:
            return super().why_not(action)
        if entry is None:
            return _("There is no file in the list: a adds some.")
        if entry.number in self._desk.stopping:
            return _("It stops when the engine has done what it has in hand.")
        if entry.state is State.RUNNING:
            return _("It is being worked on: p pauses it first.")
        if action in ("pause", "resume") and entry.state in _ALLOWED["retry"]:
            return _("It has ended: R tries again.")
        if action == "remove":
            return _("It is not done: x cancels it first.")
        if action == "retry":
            return _("It has neither failed nor been cancelled.")
        return _("Nothing is left to be done of it.")

    # what can be done with one

    def action_back(self) -> None:
        self._table.focus()

    def action_open(self) -> None:
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
        """Try again; where files are in the way, ask whether to overwrite them."""
        entry = self.current
        if entry is None:
            return
        with noticed(self.workbench):
            has_failed = entry.state is State.FAILED  # of an earlier run it is not known any more by which error
            taken = await to_thread(job_requests.taken, [entry.request]) if has_failed else []
            if taken:
                question = Ask(_("There is already: {names}", names=taken[0].name), {"o": _("overwrite")})
                if await self.app.push_screen_wait(question) != "o":
                    return
                self._desk.remove(entry.number)
                self._table.go_to(self._desk.queue.submit(job_requests.overwriting(entry.request)).number)
            else:
                self._desk.queue.resume(entry.number)
        self._look()

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
        profile = self.live.profile
        defaults, session = profile.settings, self.live.session
        form = JobForm(
            session.formats(),
            targets(self.live.registry, profile, None),
            defaults.language,
            defaults.target_language,
            self._kept,
        )
        wanted = await self.app.push_screen_wait(form)
        if wanted is not None:
            self._keep(wanted)
            with noticed(self.workbench):
                await self._submit(await to_thread(job_requests.requests, wanted, profile, session))

    async def _submit(self, asked: list[Request]) -> None:
        listed = [e.request for e in self._desk.entries if e.state not in (State.FINISHED, State.CANCELLED)]
        new = await to_thread(job_requests.unlisted, asked, listed)
        if len(new) < len(asked):
            self.workbench.notice(_("Files that are in the list already: {count}.", count=len(asked) - len(new)))
        taken = await to_thread(job_requests.taken, new)
        if taken and (answer := await self._ask_about(taken)) != "k":
            if answer != "o":
                return
            new = [job_requests.overwriting(request) for request in new]
        entries = [self._desk.queue.submit(request) for request in new]
        self._look()
        if entries:
            self._table.go_to(entries[0].number)

    async def _ask_about(self, taken: list[Any]) -> str | None:
        first, more = taken[0].name, len(taken) - 1
        names = _("{name} and {count} more", name=first, count=more) if more else first
        answers = {
            "k": _("keep it: what was made in the same way before counts as done"),
            "o": _("overwrite"),
        }
        return await self.app.push_screen_wait(Ask(_("There is already: {names}", names=names), answers))

    @property
    def _kept(self) -> dict[str, Any]:
        kept = self.workbench.choices.layout.get("jobs", {})
        return kept if isinstance(kept, dict) and isinstance(kept.get("formats", []), list) else {}

    def _keep(self, wanted: Wanted) -> None:
        kept = {"formats": list(wanted.formats), "show": wanted.show if wanted.target_language else "translation"}
        self.workbench.choose(layout={**self.workbench.choices.layout, "jobs": kept})


def _show(panel: Panel, lines: list[Line]) -> None:
    """In a panel of so many lines."""
    if panel.styles.height is None or panel.styles.height.value != len(lines):
        panel.styles.height = len(lines)
    panel.show(lines)


def _holds(entry: Entry, text: str) -> bool:
    return text.casefold() in entry.request.targets.path.name.casefold()
