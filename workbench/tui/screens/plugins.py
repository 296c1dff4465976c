"""Screen 4: the engines of all plugins, how they do, and their settings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Static

from workbench import plugins
from workbench.plugins import Plugin
from workbench.profiles import store
from workbench.profiles.losses import losses
from workbench.threads import to_thread
from workbench.tui.changing import change
from workbench.tui.failures import noticed
from workbench.tui.frame import Frame
from workbench.tui.plugin_rows import PluginRow, details, rows
from workbench.tui.screens.choose import Choose
from workbench.tui.screens.engine_settings import Decision, EngineSettings
from workbench.tui.screens.prompt import Prompt
from workbench.tui.texts import _
from workbench.tui.widgets.engine_table import EngineTable
from workbench.tui.widgets.find_line import FindLine

if TYPE_CHECKING:
    from workbench.profiles.schema import Stage

LOOK_S: Final = 1.0
"""How often the counts are looked at."""


class PluginsScreen(Frame):
    DEFAULT_CSS = """
    PluginsScreen {
        EngineTable { height: 1fr; }
        #details { height: 8; max-height: 50%; padding: 0 1; overflow-y: auto; }
        EngineTable, #details {
            border: round $foreground 40%; border-title-color: $foreground;
            &:focus { border: round $border; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o,enter", "settings", "Options", id="plugins.settings"),
        Binding("s", "swap", "Swap engine", id="plugins.swap"),
        Binding("e", "enable", "Enable", id="plugins.enable"),
        Binding("x", "disable", "Disable", id="plugins.disable"),
    ]
    finds = True
    copies = True

    def __init__(self) -> None:
        super().__init__()
        self._left_out: list[str] = []
        self._wanted_text = ""

    def content(self) -> ComposeResult:
        table = EngineTable(id="engines")
        table.border_title = _("Plugins")
        yield table
        yield Static(id="details", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        row = self.current if self.is_mounted else None
        if row is not None and action == "swap" and row.engine is None:
            return None
        if row is not None and action in ("enable", "disable"):
            return row.is_next is (action == "disable")
        return super().check_action(action, parameters)

    def why_not(self, action: str) -> str:
        if (row := self.current) is None:
            return super().why_not(action)
        match action:
            case "swap":
                return _("{name} has no engine that another one could stand in for.", name=row.name)
            case "enable":
                return _("Plugin {name} is enabled already.", name=row.plugin.name)
            case "disable":
                return _("Plugin {name} is disabled already.", name=row.plugin.name)
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
        self._table.lay_out(event.size.width)
        self.look()

    # what is shown

    @property
    def _table(self) -> EngineTable:
        return self.query_one(EngineTable)

    @property
    def current(self) -> PluginRow | None:
        """The row with the cursor."""
        return self._table.current

    def look(self) -> None:
        """Show how things are now, where that differs from what is shown."""
        if not self.is_current:
            return
        found = rows(self.live.registry, self.live.states, self.live.status().stages, self._left_out)
        text = self._wanted_text.casefold()
        self._table.show([row for row in found if text in " ".join(row.cells().values()).casefold()])
        self._show_details()

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
        count = self._table.row_count
        if step and count:
            self._table.move_cursor(row=(self._table.cursor_row + step) % count)
        return _("{count} found", count=count) if text else ""

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
            self._tell_choice(plugin, enabled=enabled)
        self.look()

    def _tell_choice(self, plugin: Plugin, *, enabled: bool) -> None:
        """Say what holds from the next start on: what is missing then, too, and how to undo it."""
        registry = self.live.registry
        engines = ", ".join(r.name for r in registry.registrations if r.plugin == plugin)
        hint = _("With all its engines: {engines}", engines=engines) if engines else ""
        if enabled:
            self.workbench.notice(_("Plugin {name} is taken up from the next start on.", name=plugin.name), hint)
            return
        said = _("Plugin {name} is left out from the next start on.", name=plugin.name)
        if missing := losses(self._left_out, registry, self.live.profile):
            undo = _("e takes it up again; in a shell: workbench plugins --enable {name}", name=plugin.name)
            self.workbench.notice(" ".join([said, *map(_, missing)]), undo, "warning")
        else:
            self.workbench.notice(said, hint)

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
        title = _("Engine for {kind}", kind=_(kind.value))
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
