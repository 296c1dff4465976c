"""What of a session to write, as what, and where to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Select

from workbench.errors import UsageError
from workbench.export import Span, parse_time
from workbench.subtitles import Show
from workbench.tui.screens.form import Form
from workbench.tui.texts import _
from workbench.tui.widgets.flag import Flag

AUDIO: Final = "wav"


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """What to write."""

    formats: tuple[str, ...]
    show: Show
    span: Span
    stem: Path
    """The files' path without the suffix."""

    def paths(self) -> dict[str, Path]:
        """Where each format goes."""
        return {format: self.stem.with_name(f"{self.stem.name}.{format}") for format in self.formats}


class ExportScreen(Form[ExportChoice | None]):
    """Gives what is wanted; None when nothing is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "accept", "Export", id="export.export"),
        Binding("escape", "dismiss(None)", "Back", id="export.back"),
        Binding("down", "app.focus_next", "Next", show=False, id="export.next"),
        Binding("up", "app.focus_previous", "Previous", show=False, id="export.previous"),
    ]

    def __init__(self, title: str, formats: Sequence[str], stem: Path, *, has_translation: bool) -> None:
        super().__init__(title, _("Export"), (*formats, AUDIO), {"srt" if formats else AUDIO})
        self._stem, self._has_translation = stem, has_translation

    def fields(self) -> ComposeResult:
        yield self.formats()
        if self._has_translation:
            shows = [(_("source"), "source"), (_("translation"), "translation"), (_("both"), "both")]
            yield self.line(_("Text"), Select(shows, value="both", allow_blank=False, compact=True, id="show"))
        yield self.line(_("From"), Input(placeholder=_("the beginning"), compact=True, id="start"))
        yield self.line(_("To"), Input(placeholder=_("the end; such as 1:30 or 90"), compact=True, id="end"))
        yield self.line(_("Files"), Input(str(self._stem), compact=True, select_on_focus=False, id="stem"))

    @on(Input.Changed)
    @on(Flag.Changed)
    def _tell(self) -> None:
        """What is wrong, or where files go."""
        try:
            self.say("\n".join(str(path) for path in self._wanted().paths().values()))
        except UsageError as error:
            self.say(error)

    @on(Input.Submitted)
    def action_accept(self) -> None:
        try:
            self.dismiss(self._wanted())
        except UsageError:
            self._tell()

    def _wanted(self) -> ExportChoice:
        """Raises `UsageError`."""
        formats = self.chosen_formats()
        start, end, stem = (self.query_one(f"#{name}", Input).value.strip() for name in ("start", "end", "stem"))
        span = Span(parse_time(start) if start else 0.0, parse_time(end) if end else float("inf"))
        if span.end <= span.start:
            raise UsageError(_("Nothing lies between these times."), hint=_("The end comes after the beginning."))
        if not stem or not Path(stem).name:
            raise UsageError(_("The files have no name."), hint=_("Write a path without a suffix."))
        show = self.query_one("#show", Select).value if self._has_translation else "source"
        return ExportChoice(formats, cast(Show, show), span, Path(stem).expanduser())
