"""What every interface in a terminal has: notices, help, commands, themes, the clipboard, and work behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from textual import events, work
from textual.app import App, SystemCommand
from textual.binding import Binding, Keymap
from textual.screen import Screen
from textual.signal import Signal
from textual.widgets import Input, TextArea
from textual.worker import WorkerFailed

from workbench.errors import WorkbenchError
from workbench.threads import to_thread
from workbench.tui import choices as kept
from workbench.tui import clipboard, keymap, texts
from workbench.tui.choices import Choices
from workbench.tui.texts import _
from workbench.tui.themes import THEMES
from workbench.tui.widgets.notice_line import Notice, NoticeLine, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.tui.widgets.top_bar import Tab

MOST_NOTICES: Final = 1000
COMMON: Final = (
    Binding("colon,ctrl+p", "command_palette", "Commands", id="app.commands"),
    Binding("question_mark,f1", "help", "Help", id="app.help"),
    Binding("f2", "next_theme", "Next theme", show=False, id="app.theme"),
    Binding("q", "quit", "Quit", id="app.quit"),
    Binding("ctrl+c", "interrupt", "Quit", show=False, priority=True, id="app.interrupt"),
    *keymap.LISTS,
)
"""Bindings of every interface, behind its own."""


class Shell(App[int]):
    """`run_async` ends when the user, a signal or an error ends it; `failure` is that error.

    Implement `work_on`.
    """

    tabs: ClassVar[Sequence[Tab]] = ()

    def __init__(self, choices: Choices, *, keys: Keymap | None = None) -> None:
        """`keys`: other keys than the usual ones, by the id of their binding."""
        super().__init__()
        self.choices = choices
        self.notices: deque[Notice] = deque(maxlen=MOST_NOTICES)
        self.unseen: list[Notice] = []
        """Warnings and errors that the user did not look at."""
        self.noticed: Signal[Notice] = Signal(self, "noticed")
        self.failure: Exception | None = None
        self.animation_level = "none"
        self._working: asyncio.Task[None] | None = None
        self._leaving = asyncio.Event()
        self.left: Callable[[], None] = lambda: None
        """Is called when nothing but `work_on` has to end."""
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = choices.theme if choices.theme in self.available_themes else Choices().theme
        self.set_keymap(keys or {})

    async def work_on(self) -> None:
        """What the interface is for, from after the first paint until `_leaving`. What it raises ends the interface."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.call_after_refresh(self._work_from_now_on)

    def _work_from_now_on(self) -> None:
        self._working = asyncio.create_task(self._work(), name="work")

    async def _work(self) -> None:
        try:
            await self.work_on()
        except Exception as error:
            self._handle_exception(error)

    async def on_unmount(self) -> None:
        self._leaving.set()
        self.left()
        if self._working is not None:
            await self._working
        await self._keep_choices()

    def _handle_exception(self, error: Exception) -> None:
        """End, and keep the error for the caller, who tells it when the terminal is as it was."""
        if isinstance(error, WorkerFailed):
            error = cast(Exception, error.error)
        self.failure = self.failure or error
        super()._handle_exception(error)
        self._exit_renderables.clear()  # what it would print is a traceback

    # keys

    async def check_keys(self) -> None:
        """Tell what is wrong with the user's own keys, now that all screens may be imported."""
        if self._keymap:
            known = await to_thread(keymap.bindings)
            for problem in keymap.conflicts(self._keymap, known):
                self.notice(problem, severity="warning")
            self.set_keymap(keymap.completed(self._keymap, known))

    def action_go(self, action: str, second: str, third: str = "") -> None:
        """Do the first of these actions that the focused widget knows. (Textual counts `*actions` as one.)"""
        focused = self.focused or self.screen
        for name in (action, second, third):
            if do := getattr(focused, f"action_{name}", None):
                do()
                return

    def action_help(self) -> None:
        from workbench.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.screen))

    def action_command_palette(self) -> None:
        from workbench.tui.screens.palette import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette())

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        from workbench.tui.commands import commands

        return commands(self, screen)

    async def action_interrupt(self) -> None:
        """Ctrl-C: quit, from every field and dialog; in an editor with a selection, copy that."""
        if isinstance(self.focused, TextArea) and self.focused.selected_text:
            self.focused.action_copy()
        else:
            await self.run_action("quit")

    # notices

    def notice(self, message: str, hint: str = "", severity: Severity = "information") -> None:
        """Tell the user something, without taking the focus away. It is kept on the notice screen."""
        self.take(Notice(message, hint, severity))

    def take(self, notice: Notice) -> None:
        """As `notice`. What was told before about the same thing needs not be seen any more."""
        self.notices.append(notice)
        self.unseen = [other for other in self.unseen if not notice.about or other.about != notice.about]
        if notice.severity != "information":
            self.unseen.append(notice)
        self.noticed.publish(notice)

    def settle(self, about: str) -> None:
        """What was told about this is over."""
        unseen = [notice for notice in self.unseen if notice.about != about]
        if unseen != self.unseen:
            self.unseen = unseen
            for line in self.screen.query(NoticeLine):
                line.look()

    def see_notices(self) -> None:
        """All of them were shown."""
        self.unseen.clear()

    def notify(self, message: str, *, title: str = "", severity: Severity = "information", **_: Any) -> None:
        self.notice(f"{title}: {message}" if title else message, severity=severity)

    def copy(self, text: str) -> None:
        """Put `text` on the clipboard, and into a file, for terminals that do not let programs do that."""
        self.copy_to_clipboard(text)
        self.run_worker(clipboard.keep(self, text), group="copy", exclusive=True)

    # choices

    def choose(self, **chosen: Any) -> None:
        """Change `choices`, and keep them."""
        self.choices = replace(self.choices, **chosen)
        self._keep_chosen()

    @work(group="choices", exclusive=True)
    async def _keep_chosen(self) -> None:
        await self._keep_choices()

    async def _keep_choices(self) -> None:
        with contextlib.suppress(WorkbenchError):  # the next run starts with the ones before
            await to_thread(kept.save, self.choices)

    def action_next_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        place = names.index(self.theme) if self.theme in names else -1
        self.use_theme(names[(place + 1) % len(names)])

    def use_theme(self, name: str) -> None:
        self.theme = name
        self.choose(theme=name)
        self.notice(_("Theme: {name}", name=name))

    def use_language(self, language: str) -> None:
        self.choose(language=language)
        self.notice(_("The language is {name} from the next start on.", name=texts.LANGUAGES[language]))

    def reset_layout(self) -> None:
        self.choose(layout={})
        self.notice(_("Panels are as at first from the next start on."))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if isinstance(event.widget, Input | TextArea):
            event.widget.cursor_blink = False  # nothing is written to the terminal when nothing changes
