"""What of a session to write, as what, and where to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Select, Static

from workbench.errors import UsageError
from workbench.export import Span, parse_time
from workbench.subtitles import Show
from workbench.tui.texts import _
from workbench.tui.widgets.flag import Flag

AUDIO: Final = "wav"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to write."""

    formats: tuple[str, ...]
    show: Show
    span: Span
    stem: Path
    """The files' path without the suffix."""

    def paths(self) -> dict[str, Path]:
        """Where each format goes."""
        return {format: self.stem.with_name(f"{self.stem.name}.{format}") for format in self.formats}


class ExportScreen(ModalScreen[Wanted | None]):
    """Gives what is wanted; None when nothing is."""

    DEFAULT_CSS = """
    ExportScreen {
        align: center middle;
        #box { width: 72; max-width: 96%; height: auto; border: round $primary; background: $surface; padding: 0 1; }
        #formats { height: auto; layout: grid; grid-size: 4; grid-rows: 1; }
        .line { height: 1; }
        .line Label { width: 14; }
        Input, Select { width: 1fr; }
        #wrong { color: $text-error; height: auto; }
        #buttons { height: 1; }
        Button { margin-right: 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "export", "Export", id="export.export"),
        Binding("escape", "dismiss(None)", "Back", id="export.back"),
        Binding("down", "app.focus_next", "Next", show=False, id="export.next"),
        Binding("up", "app.focus_previous", "Previous", show=False, id="export.previous"),
    ]

    def __init__(self, title: str, formats: Sequence[str], stem: Path, *, has_translation: bool) -> None:
        super().__init__()
        self._title, self._formats, self._stem = title, (*formats, AUDIO), stem
        self._has_translation = has_translation

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(self._title)
            with Vertical(id="formats"):
                for format in self._formats:
                    yield Flag(format, format == "srt", id=f"format-{format}")
            if self._has_translation:
                shows = [(_("source"), "source"), (_("translation"), "translation"), (_("both"), "both")]
                yield self._line(_("Text"), Select(shows, value="both", allow_blank=False, compact=True, id="show"))
            yield self._line(_("From"), Input(placeholder=_("the beginning"), compact=True, id="start"))
            yield self._line(_("To"), Input(placeholder=_("the end; such as 1:30 or 90"), compact=True, id="end"))
            yield self._line(_("Files"), Input(str(self._stem), compact=True, select_on_focus=False, id="stem"))
            yield Static(id="wrong", markup=False)
            with Horizontal(id="buttons"):
                yield Button(_("Export") + " F3", id="export", compact=True, action="screen.export")
                yield Button(_("Back") + " Esc", id="back", compact=True, action="screen.dismiss(None)")

    def _line(self, label: str, field: Input | Select[str]) -> Horizontal:
        return Horizontal(Label(label, markup=False), field, classes="line")

    @on(Input.Changed)
    @on(Flag.Changed)
    def _tell(self) -> None:
        """What is wrong, or where files go."""
        try:
            wanted = self._wanted()
            told = "\n".join(str(path) for path in wanted.paths().values())
        except UsageError as error:
            told = f"✗ {error.message}\n{error.hint}"
        self.query_one("#wrong", Static).update(told)
        self.query_one("#wrong").set_class(told.startswith("✗"), "-wrong")

    @on(Input.Submitted)
    def action_export(self) -> None:
        try:
            self.dismiss(self._wanted())
        except UsageError:
            self._tell()

    def _wanted(self) -> Wanted:
        """Raises `UsageError`."""
        formats = tuple(f for f in self._formats if self.query_one(f"#format-{f}", Flag).value)
        if not formats:
            raise UsageError(_("No format is chosen."), hint=_("Space chooses one."))
        start, end, stem = (self.query_one(f"#{name}", Input).value.strip() for name in ("start", "end", "stem"))
        span = Span(parse_time(start) if start else 0.0, parse_time(end) if end else float("inf"))
        if span.end <= span.start:
            raise UsageError(_("Nothing lies between these times."), hint=_("The end comes after the beginning."))
        if not stem or not Path(stem).name:
            raise UsageError(_("The files have no name."), hint=_("Write a path without a suffix."))
        show = self.query_one("#show", Select).value if self._has_translation else "source"
        return Wanted(formats, cast(Show, show), span, Path(stem).expanduser())
