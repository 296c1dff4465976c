"""The line above the footer: the notice that counts, with what to do next; two lines where one has no room for it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from rich.text import Text
from textual.widget import Widget

if TYPE_CHECKING:
    from textual.timer import Timer

    from workbench.tui.shell import Shell

Severity: TypeAlias = Literal["information", "warning", "error"]
GLYPHS: Final[dict[Severity, str]] = {"information": "i", "warning": "!", "error": "x"}
"""Tell the severities apart without colour, on every terminal."""


PASSES_S: Final = 8.0
"""How long an information is shown; warnings and errors are until they were seen."""
_LINES: Final = 2
_MORE: Final = " … 7"
"""Where the rest is: the key of the screen of all notices."""


@dataclass(frozen=True, slots=True)
class Notice:
    message: str
    hint: str = ""
    """What to do next."""
    severity: Severity = "information"
    at: float = field(default_factory=time.time)
    """Seconds since 1970."""
    about: str = ""
    """What it tells of: a later notice about the same thing takes its place."""


class NoticeLine(Widget):
    DEFAULT_CSS = """
    NoticeLine {
        height: auto;
        min-height: 1;
        max-height: 2;
        padding: 0 1;
        color: $text-muted;
        &.-warning { color: $text-warning; text-style: bold; }
        &.-error { color: $text-error; text-style: bold; }
    }
    """

    def __init__(self, *, repeats: bool = True) -> None:
        """`repeats`: show notices; else only what is told in passing."""
        super().__init__()
        self._repeats = repeats
        self._shown: Notice | None = None
        self._timer: Timer | None = None
        self._passing = ""
        """What is shown instead, until the next notice."""

    def tell(self, text: str) -> None:
        """Show what is not worth keeping."""
        self._passing = text
        self.refresh(layout=True)

    def on_mount(self) -> None:
        cast("Shell", self.app).noticed.subscribe(self, lambda _: self.look())
        self.look()

    def look(self) -> None:
        """Show what counts now, and look again when that has passed."""
        self._passing = ""
        self._shown = standing(cast("Shell", self.app)) if self._repeats else None
        severity = self._shown.severity if self._shown else "information"
        self.set_class(severity == "warning", "-warning")
        self.set_class(severity == "error", "-error")
        self.refresh(layout=True)
        if self._timer is not None:
            self._timer.stop()
        if self._shown and severity == "information":
            self._timer = self.set_timer(PASSES_S, self.look)

    def render(self) -> Text:
        text = Text(self._passing or (line(self._shown) if self._shown else ""), end="")
        lines = text.wrap(self.app.console, max(1, self.content_size.width or self.app.size.width - 2))
        if len(lines) <= _LINES:
            return text
        last = lines[_LINES - 1]
        last.truncate(max(1, last.cell_len - len(_MORE)))
        last.append(_MORE)
        return Text("\n", end="").join(lines[:_LINES])


def standing(app: Shell) -> Notice | None:
    """The newest notice while it is an information of just now; else the newest problem that was not seen."""
    newest = app.notices[-1] if app.notices else None
    if newest and newest.severity == "information" and time.time() - newest.at < PASSES_S:
        return newest
    return app.unseen[-1] if app.unseen else None


def line(notice: Notice) -> str:
    """A notice in one line."""
    words = " ".join(f"{notice.message}  {notice.hint}".split("\n"))
    return f"{GLYPHS[notice.severity]}  {words.strip()}"
