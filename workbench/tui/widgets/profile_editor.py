"""Edits the TOML of a profile, and tells all mistakes while it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import OptionList, Static, TextArea
from textual.widgets.option_list import Option

from workbench.errors import ProfileError
from workbench.profiles.options import check_text
from workbench.threads import to_thread
from workbench.tui.failures import noticed
from workbench.tui.profile_text import problem_place
from workbench.tui.profiles import keep_draft
from workbench.tui.texts import _

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp

PAUSE_S: Final = 0.3
"""How long nothing is typed before what was typed is checked."""


class ProfileEditor(Vertical):
    """The text, and below it its mistakes: Enter on one goes to its line."""

    DEFAULT_CSS = """
    ProfileEditor {
        TextArea { height: 1fr; }
        #problems { height: auto; max-height: 8; display: none; }
        TextArea, #problems {
            border: round $foreground 40%; border-title-color: $foreground;
            &:focus { border: round $border; }
        }
        #verdict { padding: 0 2; color: $text-muted; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.text = ""
        self.is_open = False
        self._source = self._before = ""
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield TextArea(show_line_numbers=True, soft_wrap=False)
        yield OptionList(id="problems")
        yield Static(id="verdict", markup=False)

    def open(self, name: str, text: str, draft: str = "") -> None:
        """Edit `text`, or go on with the `draft` of it."""
        self.is_open = True
        self._source, self._before = name, text
        self.text = self._area.text = draft or text
        self._area.border_title = Content(name)
        self._area.focus()
        self._check()

    @property
    def _area(self) -> TextArea:
        return self.query_one(TextArea)

    @property
    def is_changed(self) -> bool:
        return self.text != self._before

    def close(self) -> None:
        """What was edited is written down, or not wanted."""
        self.is_open = False

    async def on_unmount(self) -> None:
        """Keep what is not saved when the workbench ends."""
        if self.is_open and self.is_changed:
            with noticed(cast("WorkbenchApp", self.app)):
                await to_thread(keep_draft, self._source, self.text)

    @on(TextArea.Changed)
    def _typed(self) -> None:
        self.text = self._area.text
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE_S, self._check)

    @work(group="check", exclusive=True)
    async def _check(self) -> None:
        """Look for mistakes, while the text may go on to change."""
        app = cast("WorkbenchApp", self.app)
        problems: tuple[str, ...] = ()
        with noticed(app):
            try:
                await to_thread(check_text, self.text, self._source, app.live.registry)
            except ProfileError as error:
                problems = error.problems or (error.message,)
            self._tell([problem_place(problem, self._source) for problem in problems])

    def _tell(self, problems: list[tuple[int, str]]) -> None:
        listed = self.query_one("#problems", OptionList)
        listed.set_options(
            Option(Content(f"✗ {_('line {line}', line=line)}: {what}"), id=f"{place}-{line}")
            for place, (line, what) in enumerate(problems)
        )
        listed.highlighted = 0 if problems else None
        listed.display = bool(problems)
        wrong = _("Mistakes: {count}. Tab goes to them, Enter to the line.", count=len(problems))
        self.query_one("#verdict", Static).update(wrong if problems else _("✓ no mistakes"))

    @on(OptionList.OptionSelected)
    def _go_to_line(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        line = int((event.option_id or "-1").rpartition("-")[2])
        self._area.move_cursor((min(line, self._area.document.line_count) - 1, 0))
        self._area.focus()
