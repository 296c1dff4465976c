"""Screen 4: the engines of all plugins, how they do, and their settings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Static

from workbench import plugins
from workbench.plugins import Plugin
from workbench.profiles import store
from workbench.threads import to_thread
from workbench.tui.changing import change
from workbench.tui.failures import noticed
from workbench.tui.frame import Frame
from workbench.tui.plugin_rows import PluginRow, details, rows
from workbench.tui.screens.choose import Choose
from workbench.tui.screens.engine_settings import Decision, EngineSettings
from workbench.tui.screens.prompt import Prompt
from workbench.tui.texts import _
from workbench.tui.widgets.find_line import FindLine

if TYPE_CHECKING:
    from workbench.profiles.schema import Stage

LOOK_S: Final = 1.0
"""How often the counts are looked at."""
_WIDTHS: Final = {
    "state": 6, "name": 15, "kind": 11, "model": 0, "calls": 5, "p95": 6, "failed": 4, "version": 8, "source": 24
}  # fmt: skip
"""In characters; the model takes what is left."""
_WIDE: Final = {"version": 100, "source": 120}
"""Columns that a screen must have for these to be shown."""


class PluginsScreen(Frame):
    DEFAULT_CSS = """
    PluginsScreen {
        DataTable { height: 1fr; }
        #details { height: 8; padding: 0 1; overflow-y: auto; }
        DataTable, #details {
            border: round $foreground 40%; border-title-color: $foreground;
            &:focus { border: round $border; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o,enter", "settings", _("Options"), id="plugins.settings"),
        Binding("s", "swap", _("Swap engine"), id="plugins.swap"),
        Binding("e", "enable", _("Enable"), id="plugins.enable"),
        Binding("x", "disable", _("Disable"), id="plugins.disable"),
    ]
    finds = True
    copies = True

    def __init__(self) -> None:
        super().__init__()
        self._left_out: list[str] = []
        self._rows: dict[str, PluginRow] = {}
        self._wanted_text = ""
        self._columns: tuple[str, ...] = ()

    def content(self) -> ComposeResult:
        table: DataTable[Text] = DataTable(id="engines", cursor_type="row")
        table.border_title = _("Plugins")
        yield table
        yield Static(id="details", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "swap" and self.is_mounted and (row := self.current) is not None and row.engine is None:
            return None
        return super().check_action(action, parameters)

    def why_not(self, action: str) -> str:
        if action == "swap" and (row := self.current) is not None:
            return _("{name} has no engine that another one could stand in for.", name=row.name)
        return super().why_not(action)

    def on_mount(self) -> None:
        self._table.focus()
        self._unwatch = self.live.watch(lambda states: self.look())
        self.set_interval(LOOK_S, self.look)

    def on_unmount(self) -> None:
        self._unwatch()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        self._read_choices()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out(event.size.width)

    # what is shown

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one("#engines", DataTable)

    @property
    def current(self) -> PluginRow | None:
        """The row with the cursor."""
        table = self._table
        if not table.row_count:
            return None
        return self._rows[str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value)]

    def _lay_out(self, width: int) -> None:
        columns = tuple(name for name in _WIDTHS if width >= _WIDE.get(name, 0))
        left = width - 4 - sum(_WIDTHS[name] + 2 for name in columns)
        titles = {
            "state": _("State"),
            "name": _("Name"),
            "kind": _("Stage"),
            "model": _("Model"),
            "calls": _("Calls"),
            "p95": _("p95"),
            "failed": _("Err"),
            "version": _("Version"),
            "source": _("Source"),
        }
        self._columns = columns
        self._table.clear(columns=True)
        for name in columns:
            self._table.add_column(titles[name], key=name, width=_WIDTHS[name] or left)
        self.look()

    def look(self) -> None:
        """Show how things are now, where that differs from what is shown."""
        if not self._columns or not self.is_current:
            return
        stages = self.live.status().stages
        found = rows(self.live.registry, self.live.states, stages, self._left_out)
        text = self._wanted_text.casefold()
        shown = {row.key: row for row in found if text in " ".join(row.cells().values()).casefold()}
        table, before = self._table, self._rows
        self._rows = shown
        if list(before) != list(shown) or table.row_count != len(shown):
            self._fill()
        else:
            for key, row in shown.items():
                cells, old = row.cells(), before[key].cells()
                for name in self._columns:
                    if cells[name] != old[name]:
                        table.update_cell(key, name, _cell(name, cells[name], row))
        self._show_details()

    def _fill(self) -> None:
        table, place = self._table, self._table.cursor_row
        table.clear()
        for key, row in self._rows.items():
            cells = row.cells()
            table.add_row(*(_cell(name, cells[name], row) for name in self._columns), key=key)
        table.move_cursor(row=min(place, max(0, len(self._rows) - 1)))

    @on(DataTable.RowHighlighted)
    def _show_details(self) -> None:
        row = self.current
        lines = [*details(row), *self._options_of(row)] if row else [_("No engine is called so.")]
        box = self.query_one("#details", Static)
        if str(box.content) != "\n".join(lines):
            box.update("\n".join(lines))
            self.refresh_bindings()

    def _options_of(self, row: PluginRow) -> list[str]:
        stage = self._stage_of(row)
        if stage is None:
            return []
        options = ", ".join(f"{key} = {value}" for key, value in stage.options.items())
        return [_("Chosen by profile {name}: {options}", name=self.live.profile.name, options=options or _("as usual"))]

    def _stage_of(self, row: PluginRow) -> Stage | None:
        """The profile's stage that names this engine."""
        stage = self.live.profile.stages().get(row.kind)
        return stage if stage is not None and stage.engine == row.name else None

    def find(self, text: str, step: int) -> str:
        self._wanted_text = text
        self.look()
        if step and self._rows:
            self._table.move_cursor(row=(self._table.cursor_row + step) % len(self._rows))
        return _("{count} found", count=len(self._rows)) if text else ""

    @on(FindLine.Closed)
    def _back_to_table(self) -> None:
        self._table.focus()

    def copied(self) -> str:
        return "\n".join([*details(row), *self._options_of(row)]) if (row := self.current) else ""

    # enable and disable

    @work(group="choices", exclusive=True)
    async def _read_choices(self) -> None:
        with noticed(self.workbench):
            self._left_out = await to_thread(plugins.disabled)
        self.look()

    def action_enable(self) -> None:
        if row := self.current:
            self._choose(row.plugin, enabled=True)

    def action_disable(self) -> None:
        if row := self.current:
            self._choose(row.plugin, enabled=False)

    @work(group="choices", exclusive=True)
    async def _choose(self, plugin: Plugin, *, enabled: bool) -> None:
        with noticed(self.workbench):
            await to_thread(plugins.enable if enabled else plugins.disable, [plugin])
            self._left_out = await to_thread(plugins.disabled)
            engines = [r.name for r in self.live.registry.registrations if r.plugin == plugin]
            hint = _("With all its engines: {engines}", engines=", ".join(engines)) if engines else ""
            if enabled:
                self.workbench.notice(_("Plugin {name} is taken up from the next start on.", name=plugin.name), hint)
            else:
                self.workbench.notice(_("Plugin {name} is left out from the next start on.", name=plugin.name), hint)
        self.look()

    # settings and engines

    @on(DataTable.RowSelected)
    def action_settings(self) -> None:
        row = self.current
        if row is None:
            return
        if row.engine is None or row.error:
            self.workbench.notice(_("{name} cannot be used, so it has no settings.", name=row.name))
            return
        stage = self._stage_of(row)
        about = "" if stage else _("The profile does not name it: to apply settings is to use it.")
        form = EngineSettings(row.engine, stage.options if stage else {}, about)
        self.app.push_screen(form, partial(self._settings_decided, row))

    def _settings_decided(self, row: PluginRow, decision: Decision | None) -> None:
        if decision is None:
            return
        if not decision.saves:
            self._use(row, decision.options)
        elif own := store.own_file(self.live.profile):
            self._use(row, decision.options, own)
        else:
            question = _("Profile {name} cannot be changed. Save as:", name=self.live.profile.name)
            self.app.push_screen(
                Prompt(question, check=store.new_path), partial(self._name_decided, row, decision.options)
            )

    def _name_decided(self, row: PluginRow, options: Mapping[str, Any], name: str | None) -> None:
        if name:
            self._use(row, options, store.user_path(name))

    def action_swap(self) -> None:
        row = self.current
        if row is None or row.engine is None:
            return
        kind = row.engine.kind
        names = self.live.registry.engines(kind)
        at_work = {stage.engine for stage in self.live.status().stages if stage.kind is kind}
        choices = {name: f"{name}  {_('at work')}" if name in at_work else name for name in names}
        title = _("Engine for {kind}", kind=kind.value)
        self.app.push_screen(Choose(title, choices, row.name), partial(self._engine_chosen, row))

    def _engine_chosen(self, row: PluginRow, name: str | None) -> None:
        chosen = next((r for r in self._everything() if (r.kind, r.name) == (row.kind, name)), None)
        if chosen is not None:
            stage = self._stage_of(chosen)
            self._use(chosen, stage.options if stage else {})

    def _everything(self) -> list[PluginRow]:
        return rows(self.live.registry, (), (), ())

    @work(group="change", exclusive=True)
    async def _use(self, row: PluginRow, options: Mapping[str, Any], save_as: Path | None = None) -> None:
        """Let `row` do its stage's work with `options`, from now on, and from a file on if there is one to write.

        Where it cannot be loaded, what was at work goes on.
        """
        before = self.live.profile
        with noticed(self.workbench):
            wanted = store.with_engine(before, row.kind, row.name, options)
            if save_as is not None:
                wanted = await to_thread(store.save_stage, before, save_as, row.kind, row.name, options)
                self.workbench.notice(_("Written: {path}", path=save_as))
            await change(self.live, wanted)
            self.workbench.notice(_("{name} is at work.", name=row.name))
        self.look()


def _cell(name: str, text: str, row: PluginRow) -> Text:
    """Numbers to the right; dim what is not in use."""
    is_number = name in ("calls", "p95", "failed")
    return Text(text, style="dim" if row.error else "", justify="right" if is_number else "left", no_wrap=True)
