"""The first line of every screen: its tabs, and what the live session is doing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, cast

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget

from workbench.clock import clock
from workbench.tui.texts import _
from workbench.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from workbench.live import Live
    from workbench.tui.app import WorkbenchApp

LOOK_S: Final = 0.25
"""Between two looks at what moves: over SSH, too, it writes little."""
_SOON_S: Final = 0.1
"""Before the next look, at most: it is had now rather than in a paint of its own."""


@dataclass(frozen=True, slots=True)
class Tab:
    key: str
    mode: str
    label: str
    screen: str
    """Where the screen is: "module:class"."""


TABS: Final = (
    Tab("1", "live", "Live", "workbench.tui.screens.live:LiveScreen"),
    Tab("2", "jobs", "Jobs", "workbench.tui.screens.jobs:JobsScreen"),
    Tab("3", "profile", "Profile", "workbench.tui.screens.profile:ProfileScreen"),
    Tab("4", "plugins", "Plugins", "workbench.tui.screens.plugins:PluginsScreen"),
    Tab("6", "sessions", "Sessions", "workbench.tui.screens.sessions:SessionsScreen"),
    Tab("7", "notices", "Notices", "workbench.tui.screens.notices:NoticesScreen"),
)


class TopBar(Horizontal):
    """One line: the tabs, which stay as they are, and beside them what changes several times a second.

    All that moves on a screen is looked at in the same moment: what a paint costs hardly depends on how much it paints.
    """

    DEFAULT_CSS = "TopBar { height: 1; background: $panel; color: $foreground; }"

    def __init__(self, look: Callable[[], None] = lambda: None) -> None:
        """`look` is called every `LOOK_S`, to show what moves on the rest of the screen."""
        super().__init__()
        self._state, self._look_too = SessionState(), look

    def compose(self) -> ComposeResult:
        yield Tabs()
        yield self._state

    def on_mount(self) -> None:
        self._look_from_now_on()

    def look_along(self) -> None:
        """Something is painted now, out of turn: if the next look is soon, look now."""
        if time.monotonic() >= self._looked + LOOK_S - _SOON_S:
            self._timer.stop()
            self._look_from_now_on()
            self._look()

    def _look_from_now_on(self) -> None:
        self._looked = time.monotonic()
        self._timer = self.set_interval(LOOK_S, self._look)

    def _look(self) -> None:
        self._looked = time.monotonic()
        self._state.look()
        self._look_too()


class Tabs(Widget):
    """A click on a tab shows that screen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"tabs--current", "tabs--key"}
    DEFAULT_CSS = """
    Tabs {
        height: 1; width: 1fr;
        .tabs--current { background: $primary; color: $background; text-style: bold; }
        .tabs--key { color: $footer-key-foreground; text-style: bold; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, str]] = []
        """(from, to, mode) of each tab, in cells."""

    def render(self) -> Text:
        line = self._tabs(short=False)
        return line if line.cell_len <= self.size.width else self._tabs(short=True)

    def _tabs(self, *, short: bool) -> Text:
        """The tabs; `short`: with no label but the current one's."""
        line = Text(no_wrap=True, overflow="ellipsis", end="")
        self._places = []
        for tab in TABS:
            current = tab.mode == self.app.current_mode
            start = line.cell_len
            words = f" {_(tab.label)}" if current or not short else ""
            line.append(" ").append(tab.key, "" if current else self.get_component_rich_style("tabs--key"))
            line.append(f"{words} ")
            if current:
                line.stylize(self.get_component_rich_style("tabs--current"), len(line) - len(words) - 3)
            self._places.append((start, line.cell_len, tab.mode))
        return line

    async def on_click(self, event: events.Click) -> None:
        for start, end, mode in self._places:
            if start <= event.x < end:
                await self.run_action(f"app.show('{mode}')")


class SessionState(Panel):
    """What the live session is doing, as wide as that is."""

    DEFAULT_CSS = "SessionState { text-style: bold; }"

    def __init__(self) -> None:
        super().__init__()
        self._unwatch: Callable[[], None] = lambda: None

    def on_mount(self) -> None:
        app = cast("WorkbenchApp", self.app)
        if app.is_open:
            self._unwatch = app.live.watch(lambda _states: self.look())
        self.look()

    def on_unmount(self) -> None:
        self._unwatch()

    def on_show(self) -> None:
        self.look()

    def look(self) -> None:
        app = cast("WorkbenchApp", self.app)
        text = " " + (state_text(app.live) if app.is_open else _("Starting")) + " "
        if [text] != self.plain:
            self.styles.width = cell_len(text)
            self.show([((text, ""),)])


def state_text(live: Live) -> str:
    """What the session is doing, in a word and a sign."""
    status = live.status()
    lag = _("lag {seconds:.1f} s", seconds=status.backlog)
    amiss = ((status.refused, _("NOT STORED ✗")), (status.lost, _("NO DEVICE ✗")), (status.silent, _("NO SIGNAL !")))
    device = next((words for holds, words in amiss if holds), "")
    match status.phase.value:
        case "recording":
            words = [f"{device or _('REC ●')} {clock(status.captured)}", lag]
        case "paused":
            words = [f"{_('PAUSED ‖')} {clock(status.captured)}", lag]
        case "finishing":
            words = [_("FINISHING ▼"), _("{seconds:.1f} s left", seconds=status.backlog)]
        case _:
            words = [engines_text(live)]
    return "  ".join(words)


def engines_text(live: Live) -> str:
    """How far the engines are, all together."""
    phases = [state.phase.value for state in live.states]
    ready = phases.count("ready")
    if failed := phases.count("failed") + phases.count("absent"):
        return _("{count} NOT LOADED ✗", count=failed)
    if ready < len(phases):
        return _("LOADING ◌ {ready}/{count}", ready=ready, count=len(phases))
    return _("READY ✓") if phases else _("IDLE")
