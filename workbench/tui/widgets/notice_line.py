"""The line above the footer: the last notice, with what to do next; two lines where one has no room for it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from rich.text import Text
from textual.widget import Widget

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp

Severity: TypeAlias = Literal["information", "warning", "error"]
GLYPHS: Final[dict[Severity, str]] = {"information": "i", "warning": "!", "error": "x"}
"""Tell the severities apart without colour, on every terminal."""


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
        """`repeats`: show the newest notice; else only what is told in passing."""
        super().__init__()
        self._repeats = repeats
        self._passing = ""
        """What is shown instead, until the next notice."""

    def tell(self, text: str) -> None:
        """Show what is not worth keeping."""
        self._passing = text
        self.refresh(layout=True)

    def on_mount(self) -> None:
        app = cast("WorkbenchApp", self.app)
        app.noticed.subscribe(self, lambda _: self._show())
        self._show()

    def _show(self) -> None:
        notices = cast("WorkbenchApp", self.app).notices
        severity = notices[-1].severity if notices else "information"
        self._passing = ""
        self.set_class(severity == "warning", "-warning")
        self.set_class(severity == "error", "-error")
        self.refresh(layout=True)

    def render(self) -> Text:
        notices = cast("WorkbenchApp", self.app).notices if self._repeats else ()
        text = Text(self._passing or (line(notices[-1]) if notices else ""), end="")
        lines = text.wrap(self.app.console, max(1, self.content_size.width or self.app.size.width - 2))
        if len(lines) <= _LINES:
            return text
        last = lines[_LINES - 1]
        last.truncate(max(1, last.cell_len - len(_MORE)))
        last.append(_MORE)
        return Text("\n", end="").join(lines[:_LINES])


def line(notice: Notice) -> str:
    """A notice in one line."""
    words = " ".join(f"{notice.message}  {notice.hint}".split("\n"))
    return f"{GLYPHS[notice.severity]}  {words.strip()}"
