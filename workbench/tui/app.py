"""The interactive workbench. It only observes and commands a live session; nothing of that is known here."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias, cast

from textual import events, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType, Keymap
from textual.command import CommandPalette
from textual.screen import Screen
from textual.signal import Signal
from textual.widgets import Input, TextArea
from textual.worker import WorkerFailed

from workbench.errors import WorkbenchError
from workbench.threads import to_thread
from workbench.tui import choices as kept
from workbench.tui import clipboard, keymap, texts
from workbench.tui.choices import Choices
from workbench.tui.frame import Frame
from workbench.tui.screens.starting import StartingScreen
from workbench.tui.texts import _
from workbench.tui.themes import THEMES
from workbench.tui.widgets.notice_line import Notice, Severity
from workbench.tui.widgets.top_bar import TABS, Tab

if TYPE_CHECKING:
    from workbench.events import Event
    from workbench.live import Live

OpenLive: TypeAlias = Callable[[], Awaitable["Live"]]
"""Makes the live session, after the first paint: it takes plugins, hardware and a profile. It is not entered yet."""
MOST_NOTICES: Final = 1000


class WorkbenchApp(App[int]):
    """`run_async` ends when the user, a signal or an error ends it; `failure` is that error."""

    TITLE = "workbench"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(tab.key, f"show('{tab.mode}')", tab.label, show=False, id=f"app.{tab.mode}") for tab in TABS),
        Binding("2", "reserved('jobs')", _("Jobs"), show=False, id="app.jobs"),
        Binding("5", "reserved('bench')", _("Bench"), show=False, id="app.bench"),
        Binding("colon,ctrl+p", "command_palette", _("Commands"), id="app.commands"),
        Binding("question_mark,f1", "help", _("Help"), id="app.help"),
        Binding("f2", "next_theme", _("Next theme"), show=False, id="app.theme"),
        Binding("q,ctrl+c", "quit", _("Quit"), id="app.quit"),
        *keymap.LISTS,
    ]

    def __init__(self, open_live: OpenLive, choices: Choices, *, keys: Keymap | None = None) -> None:
        """`keys`: other keys than the usual ones, by the id of their binding."""
        super().__init__()
        self.choices = choices
        self.notices: deque[Notice] = deque(maxlen=MOST_NOTICES)
        self.unseen: list[Notice] = []
        """Warnings and errors that the user did not look at."""
        self.noticed: Signal[Notice] = Signal(self, "noticed")
        self.begun: Signal[list[Event]] = Signal(self, "begun")
        """A session begins, or goes on after these events."""
        self.failure: Exception | None = None
        self.animation_level = "none"
        self._open_live = open_live
        self._live: Live | None = None
        self._serving: asyncio.Task[None] | None = None
        self._leaving = asyncio.Event()
        self.left: Callable[[], None] = lambda: None
        """Is called when nothing but the live session has to end."""
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = choices.theme if choices.theme in self.available_themes else Choices().theme
        for tab in TABS:
            self.add_mode(tab.mode, partial(_screen_of, tab))
        self.set_keymap(keys or {})

    # the live session

    @property
    def is_open(self) -> bool:
        """There is a live session."""
        return self._live is not None

    @property
    def live(self) -> Live:
        assert self._live is not None, "screens are shown when there is a live session"
        return self._live

    def get_default_screen(self) -> Screen[Any]:
        return StartingScreen()

    def on_mount(self) -> None:
        self.call_after_refresh(self._serve_from_now_on)

    def _serve_from_now_on(self) -> None:
        self._serving = asyncio.create_task(self._serve(), name="live session")

    async def _serve(self) -> None:
        """Hold the live session, from after the first paint until the end."""
        try:
            live = await self._open_live()
            if self._exit:
                return
            async with live:
                self._live = live
                live.observe(self._tell)
                await self._opened()
                await self._leaving.wait()
        except Exception as error:
            self._handle_exception(error)

    async def _opened(self) -> None:
        from workbench.tui import interrupted

        self.live.change()  # loads the engines of the profile
        if self.choices.welcomed:
            self._show_first()
        else:
            from workbench.tui.screens.welcome import WelcomeScreen

            self.push_screen(WelcomeScreen(), lambda _: self._welcomed())
        if self._keymap:
            known = await to_thread(keymap.bindings)
            for problem in keymap.conflicts(self._keymap, known):
                self.notice(problem, severity="warning")
            self.set_keymap(keymap.completed(self._keymap, known))
        await interrupted.tell(self)
        gc.freeze()

    def _welcomed(self) -> None:
        self.choose(welcomed=True)
        self._show_first()

    def _show_first(self) -> None:
        self.switch_mode(self.choices.screen if self.choices.screen in self._modes else "live")

    def _tell(self, event: Event) -> None:
        from workbench.tui.live_notices import notice_of

        if notice := notice_of(event):
            self.take(notice)

    async def on_unmount(self) -> None:
        self._leaving.set()
        self.left()
        if self._serving is not None:
            await self._serving
        await self._keep_choices()

    def _handle_exception(self, error: Exception) -> None:
        """End, and keep the error for the caller, who tells it when the terminal is as it was."""
        if isinstance(error, WorkerFailed):
            error = cast(Exception, error.error)
        self.failure = self.failure or error
        super()._handle_exception(error)
        self._exit_renderables.clear()  # what it would print is a traceback

    # screens

    def action_show(self, mode: str) -> None:
        if self._live is None:
            self.choices = replace(self.choices, screen=mode)  # is shown in a moment
        else:
            self.switch_mode(mode)
            self.choose(screen=mode)

    def action_reserved(self, screen: str) -> None:
        if screen == "jobs":
            self.notice(_("There is no screen for files yet."), _("In a shell: workbench transcribe FILE"))
        else:
            self.notice(_("There is no screen to compare engines."), _("4 Plugins shows how fast each one is."))

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
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder=_("Search for commands…")))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        from workbench.tui.commands import commands

        return commands(self, screen)

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
        self.unseen = [notice for notice in self.unseen if notice.about != about]

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

    # leaving

    async def action_quit(self) -> None:
        if self._live is None or self._live.phase.value == "idle":
            self.exit(0)
            return
        from workbench.tui.screens.ask import Ask

        question = Ask(
            _("A live session is running."),
            {
                "s": _("stop, work off what was said, and quit"),
                "q": _("quit now: the audio is kept, and can be worked off later"),
            },
        )
        self.push_screen(question, self._quit_as_answered)

    def _quit_as_answered(self, answer: str | None) -> None:
        if answer == "q":
            self.exit(0)
        elif answer == "s":
            self.live.stop()
            self._quit_when_finished()

    @work
    async def _quit_when_finished(self) -> None:
        await self.live.finished()
        self.exit(0)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if isinstance(event.widget, Input | TextArea):
            event.widget.cursor_blink = False  # nothing is written to the terminal when nothing changes


def _screen_of(tab: Tab) -> Frame:
    """Import the screen of `tab`, and make it."""
    module, _colon, name = tab.screen.partition(":")
    screen = cast(Frame, getattr(import_module(module), name)())
    gc.freeze()  # what was imported stays: to look through it for garbage stops keys and audio for 0.1 s and more
    return screen
