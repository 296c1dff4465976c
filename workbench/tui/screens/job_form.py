"""Which files to make subtitles of, in which language and format."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.suggester import Suggester
from textual.widgets import Input, Select

from workbench.errors import WorkbenchError
from workbench.subtitles import Show
from workbench.threads import to_thread
from workbench.tui.job_requests import JobChoice, completed, files_of
from workbench.tui.screens.form import Form
from workbench.tui.screens.language import COMMON
from workbench.tui.texts import _
from workbench.tui.widgets.flag import Flag

_NONE: Final = ":none"


class Paths(Suggester):
    """Suggests what is in folders."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        return await to_thread(completed, value)


class JobForm(Form[JobChoice | None]):
    """Gives what is wanted; None when nothing is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "accept", "Add", id="add.add"),
        Binding("escape", "dismiss(None)", "Back", id="add.back"),
        Binding("down", "app.focus_next", "Next", show=False, id="add.next"),
        Binding("up", "app.focus_previous", "Previous", show=False, id="add.previous"),
    ]

    def __init__(
        self,
        formats: Sequence[str],
        targets: Collection[str] | None,
        language: str | None,
        target_language: str | None,
        kept: Mapping[str, Any],
    ) -> None:
        """`targets`: what can be translated into; None: anything. `kept`: `kept` of the last time."""
        super().__init__(_("Add files"), _("Add"), formats, kept.get("formats", ["srt"]))
        self._targets = list(COMMON) if targets is None else sorted(targets)
        self._language, self._target_language, self._kept = language, target_language, kept

    def fields(self) -> ComposeResult:
        shows = [(_("source"), "source"), (_("translation"), "translation"), (_("both"), "both")]
        kept = self._kept.get("show")
        show = next((value for _name, value in shows if value == kept), "translation")
        hint = _("a file, or a folder with all in it")
        yield self.line(_("File, folder"), Input(placeholder=hint, suggester=Paths(), compact=True, id="path"))
        yield self.line("", Flag(_("folders in it, too"), id="recursive"))
        yield self.line(_("Spoken"), self._languages("language", _("find out"), list(COMMON), self._language))
        target = self._languages("target", _("no translation"), self._targets, self._target_language)
        yield self.line(_("Translate"), target)
        yield self.line(_("Text"), Select(shows, value=show, allow_blank=False, compact=True, id="show"))
        yield self.formats()
        where = _("beside each file")
        yield self.line(_("Folder"), Input(placeholder=where, suggester=Paths(), compact=True, id="folder"))

    def _languages(self, id: str, none: str, tags: Sequence[str], current: str | None) -> Select[str]:
        tags = [*tags, *([current] if current and current not in tags else [])]
        options = [(none, _NONE), *((f"{tag:<5} {COMMON.get(tag, '')}".rstrip(), tag) for tag in tags)]
        return Select(options, value=current or _NONE, allow_blank=False, compact=True, id=id)

    def on_mount(self) -> None:
        self._tell_show()

    @on(Select.Changed, "#target")
    def _tell_show(self) -> None:
        self.query_one("#show", Select).disabled = self._chosen("target") is None

    @on(Input.Changed)
    @on(Flag.Changed)
    def _nothing_wrong(self) -> None:
        self.say("")

    @on(Input.Submitted)
    @work(exclusive=True)
    async def action_accept(self) -> None:
        try:
            self.dismiss(await self._wanted())
        except WorkbenchError as error:
            self.say(error)

    async def _wanted(self) -> JobChoice:
        """Raises `UsageError`, `InputError`."""
        formats = self.chosen_formats()
        path, folder = self.query_one("#path", Input).value, self.query_one("#folder", Input).value.strip()
        recursive = self.query_one("#recursive", Flag).value
        files = await to_thread(files_of, path, recursive=recursive)
        target = self._chosen("target")
        return JobChoice(
            files=files,
            formats=formats,
            language=self._chosen("language"),
            target_language=target,
            show=cast(Show, self.query_one("#show", Select).value) if target else "source",
            folder=Path(folder) if folder else None,
        )

    def _chosen(self, id: str) -> str | None:
        value = self.query_one(f"#{id}", Select).value
        return None if value == _NONE else cast(str, value)
