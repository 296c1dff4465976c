"""Screen 3: this machine, and the profiles for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import ContentSwitcher, OptionList, Static, TextArea
from textual.widgets.option_list import Option

from workbench.errors import ProfileError
from workbench.files import write_text
from workbench.plugins import Registry
from workbench.profiles import store
from workbench.profiles.hardware import CoreHardwareDetector, HardwareInfo
from workbench.profiles.optimizer import CoreOptimizer, Plan
from workbench.profiles.options import check_file, check_text, installed_only
from workbench.profiles.report import hardware_rows, plan_rows
from workbench.profiles.schema import Profile, mismatches, read_text
from workbench.threads import to_thread
from workbench.tui.changing import change
from workbench.tui.failures import noticed
from workbench.tui.frame import Frame
from workbench.tui.profile_text import differences, marked, problem_place
from workbench.tui.screens.ask import Ask
from workbench.tui.screens.prompt import Prompt
from workbench.tui.texts import _

PAUSE_S: Final = 0.3
"""How long nothing is typed before what was typed is checked."""


@dataclass(frozen=True, slots=True)
class Machine:
    hardware: HardwareInfo
    plan: Plan
    default: Profile
    """Made for it."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A profile in the list."""

    name: str
    path: Path | None
    """None: it is made anew each time."""
    is_own: bool
    text: str = ""
    profile: Profile | None = None
    """None: it has mistakes."""
    problems: tuple[str, ...] = ()


class ProfileScreen(Frame):
    DEFAULT_CSS = """
    ProfileScreen {
        #left { width: 36; }
        #profiles { height: auto; max-height: 9; }
        #machine { height: 1fr; }
        #profiles, #machine, #values, #text, #problems {
            border: round $foreground 40%; border-title-color: $foreground;
            &:focus { border: round $border; }
        }
        #profiles, #machine, #values { padding: 0 1; }
        ContentSwitcher { height: 1fr; }
        #fit { height: auto; max-height: 5; padding: 0 2; color: $text-muted; }
        #problems { height: auto; max-height: 8; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u,A", "use", _("Use"), id="profile.use"),
        Binding("e", "edit", _("Edit"), id="profile.edit"),
        Binding("d", "diff", _("Differences"), id="profile.diff"),
        Binding("D", "detect", _("Detect again"), id="profile.detect"),
        Binding("f3", "save", _("Save"), id="profile.save"),
        Binding("f4", "save_as", _("Save as"), id="profile.save_as"),
        Binding("escape", "leave", _("Leave"), id="profile.leave"),
    ]
    copies = True

    def __init__(self) -> None:
        super().__init__()
        self._machine: Machine | None = None
        self._chosen: Chosen | None = None
        self._shows_differences = False
        self._edited = ""
        """The text before it was edited."""
        self._check_timer: Timer | None = None

    def content(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="left"):
                profiles = OptionList(id="profiles")
                profiles.border_title = _("Profiles")
                yield profiles
                with VerticalScroll(id="machine", can_focus=True) as machine:
                    machine.border_title = _("Hardware")
                    yield Static(_("Looking at this machine ..."), id="hardware")
            with Vertical():
                with ContentSwitcher(initial="values"):
                    with VerticalScroll(id="values", can_focus=True):
                        yield Static(id="lines")
                    with Vertical(id="editor"):
                        yield TextArea(id="text", show_line_numbers=True, soft_wrap=False)
                        yield OptionList(id="problems")
                yield Static(id="fit", markup=False)

    def on_mount(self) -> None:
        self.query_one("#profiles").focus()
        self.action_detect()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("save", "save_as", "leave"):
            return self.is_editing
        if action in ("use", "edit", "diff", "detect", "find", "copy"):
            return not self.is_editing and (super().check_action(action, parameters) is not False)
        return super().check_action(action, parameters)

    @property
    def is_editing(self) -> bool:
        return self.is_mounted and self.query_one(ContentSwitcher).current == "editor"

    # this machine

    @work(group="detect", exclusive=True)
    async def action_detect(self) -> None:
        with noticed(self.workbench):
            self._machine = machine = await to_thread(_look_at_machine)
            self.query_one("#hardware", Static).update(_machine_text(machine))
            for problem in machine.hardware.problems:
                self.workbench.notice(_("Could not find out: {problem}", problem=problem), severity="warning")
        self.list_profiles()

    # the list

    @work(group="list", exclusive=True)
    async def list_profiles(self, go_to: str = "") -> None:
        """Show all profiles; the cursor goes to `go_to`, else it stays, else it goes to the one in use."""
        with noticed(self.workbench):
            entries = await to_thread(store.entries)
            current, _why = await to_thread(store.current_name)
            kinds = {store.AUTO: _("made for this machine")}
            kinds |= {entry.name: _("preset") if entry.is_preset else _("yours") for entry in entries}
            kinds.setdefault(current, _("a file"))
            names, options = list(kinds), self.query_one("#profiles", OptionList)
            here = go_to or (self._chosen.name if self._chosen else current)
            options.set_options(_option(name, kind, name == current) for name, kind in kinds.items())
            options.highlighted = names.index(here) if here in names else 0

    @on(OptionList.OptionHighlighted, "#profiles")
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_id is not None and self._machine is not None:
            self._read(event.option_id, self._machine)

    @on(OptionList.OptionSelected, "#profiles")
    def _selected(self) -> None:
        self.query_one("#values").focus()

    @work(group="read", exclusive=True)
    async def _read(self, name: str, machine: Machine) -> None:
        with noticed(self.workbench):
            self._chosen = await to_thread(_load, name, machine.default, self.live.registry)
            self._show(machine)

    # one profile

    def _show(self, machine: Machine) -> None:
        chosen = self._chosen
        if chosen is None:
            return
        values, lines = self.query_one("#values"), self.query_one("#lines", Static)
        if chosen.profile is None:
            values.border_title = _("{name}: it has mistakes", name=chosen.name)
            lines.update(Content("\n".join(f"✗ {problem}" for problem in chosen.problems)))
            self.query_one("#fit", Static).update(_("e mends it."))
        elif self._shows_differences:
            values.border_title = _("auto → {name}", name=chosen.name)
            found = differences(chosen.profile, machine.default)
            lines.update(Content("\n".join(found) or _("There is no difference.")))
            self._show_fit(chosen.profile, machine)
        else:
            values.border_title = _("{name}   * differs from auto", name=chosen.name)
            lines.update(_marked_text(chosen.text, chosen.profile, machine.default))
            self._show_fit(chosen.profile, machine)
        values.scroll_home(animate=False)

    def _show_fit(self, profile: Profile, machine: Machine) -> None:
        plan = machine.plan
        verdict = _("Fits: yes.") if plan.fits else _("Fits: no.")
        lines = [f"{verdict} {plan.model}: {plan.reasons['model']}"]
        lines += [f"! {warning}" for warning in mismatches(profile, machine.hardware)]
        self.query_one("#fit", Static).update("\n".join(lines))

    def action_diff(self) -> None:
        self._shows_differences = not self._shows_differences
        if self._machine is not None:
            self._show(self._machine)

    def copied(self) -> str:
        return self._chosen.text if self._chosen else ""

    @work(group="change", exclusive=True)
    async def action_use(self) -> None:
        """Choose the profile for the next start, and apply it now."""
        chosen, machine = self._chosen, self._machine
        if chosen is None or machine is None:
            return
        with noticed(self.workbench):
            profile = await to_thread(_choose, chosen, machine.default, self.live.registry)
            self.list_profiles()
            self.workbench.notice(
                _("{name} is used from now on.", name=chosen.name), _("Its engines are being loaded.")
            )
            override = os.environ.get("WORKBENCH_PROFILE")
            if override and override != chosen.name:
                hint = _("At the next start it comes first.")
                self.workbench.notice(f"WORKBENCH_PROFILE={override}", hint, "warning")
            await change(self.live, profile, with_settings=True)
            self.workbench.notice(_("{name} is applied.", name=chosen.name))

    # editing

    def action_edit(self) -> None:
        chosen = self._chosen
        if chosen is None:
            return
        area = self.query_one("#text", TextArea)
        self._edited = area.text = chosen.text
        area.border_title = chosen.name
        self.query_one(ContentSwitcher).current = "editor"
        area.focus()
        self._check()

    @on(TextArea.Changed)
    def _typed(self) -> None:
        if self._check_timer is not None:
            self._check_timer.stop()
        self._check_timer = self.set_timer(PAUSE_S, self._check)

    @work(group="check", exclusive=True)
    async def _check(self) -> None:
        """Tell all mistakes, while the text may go on to change."""
        text, source = self.query_one("#text", TextArea).text, self._chosen.name if self._chosen else ""
        problems: tuple[str, ...] = ()
        with noticed(self.workbench):
            try:
                await to_thread(check_text, text, source, self.live.registry)
            except ProfileError as error:
                problems = error.problems or (error.message,)
            self._tell(problems, source)

    def _tell(self, problems: tuple[str, ...], source: str) -> None:
        listed = self.query_one("#problems", OptionList)
        places = [problem_place(problem, source) for problem in problems]
        listed.set_options(
            Option(Content(f"✗ {_('line {line}', line=line)}: {what}"), id=f"{n}-{line}")
            for n, (line, what) in enumerate(places)
        )
        listed.highlighted = 0 if problems else None
        listed.display = bool(problems)
        self.query_one("#fit", Static).update(
            _("Mistakes: {count}. Tab goes to them, Enter to the line.", count=len(problems))
            if problems
            else _("✓ no mistakes   F3 saves")
        )

    @on(OptionList.OptionSelected, "#problems")
    def _go_to_problem(self, event: OptionList.OptionSelected) -> None:
        area = self.query_one("#text", TextArea)
        line = int((event.option_id or "-1").rpartition("-")[2])
        area.move_cursor((min(line, area.document.line_count) - 1, 0))
        area.focus()

    def action_save(self) -> None:
        chosen = self._chosen
        if chosen is not None and chosen.is_own and chosen.path is not None:
            self._save(chosen.path)
        else:
            self.action_save_as()

    def action_save_as(self) -> None:
        name = self._chosen.name if self._chosen else ""
        own = Prompt(_("Save as profile:"), "" if name == store.AUTO else name, store.new_path)
        self.app.push_screen(own, self._name_given)

    def _name_given(self, name: str | None) -> None:
        if name:
            self._save(store.user_path(name))

    @work(group="save", exclusive=True)
    async def _save(self, path: Path) -> None:
        text = self.query_one("#text", TextArea).text
        with noticed(self.workbench):
            await to_thread(_write, path, text, self.live.registry)
            self._edited = text
            self._close_editor()
            self.workbench.notice(_("Written: {path}", path=path), _("u uses it."))
            self.list_profiles(go_to=path.stem)

    def action_leave(self) -> None:
        if self.query_one("#text", TextArea).text == self._edited:
            self._close_editor()
            return
        answers = {"s": _("save"), "d": _("discard the changes")}
        self.app.push_screen(Ask(_("The profile was changed."), answers), self._leave_as_answered)

    def _leave_as_answered(self, answer: str | None) -> None:
        if answer == "s":
            self.action_save()
        elif answer == "d":
            self._close_editor()

    def _close_editor(self) -> None:
        self.query_one(ContentSwitcher).current = "values"
        self.query_one("#profiles").focus()
        if self._machine is not None:
            self._show(self._machine)


def _look_at_machine() -> Machine:
    hardware = CoreHardwareDetector().detect()
    plan = CoreOptimizer().plan(hardware)
    return Machine(hardware, plan, store.from_plan(hardware, plan, store.AUTO))


def _load(name: str, default: Profile, registry: Registry) -> Chosen:
    """Blocks."""
    if name == store.AUTO:
        return Chosen(name, None, False, store.dumps(default), default)
    path = store.find(name)
    is_own = path.parent != store.presets_dir()
    try:
        text = read_text(path)
        return Chosen(name, path, is_own, text, check_text(text, name, registry))
    except ProfileError as error:
        return Chosen(name, path, is_own, _raw(path), None, error.problems or (error.message,))


def _raw(path: Path) -> str:
    return path.read_text("utf-8-sig", "replace")


def _choose(chosen: Chosen, default: Profile, registry: Registry) -> Profile:
    """Use it from the next start on, and give what can be used of it now. Blocks."""
    profile = installed_only(default, registry) if chosen.path is None else check_file(chosen.path, registry)
    store.use(chosen.name)
    return profile


def _write(path: Path, text: str, registry: Registry) -> None:
    """Blocks."""
    check_text(text, path.name, registry)
    write_text(path, text)


def _option(name: str, kind: str, is_current: bool) -> Option:
    return Option(Content(f"{'▶' if is_current else ' '} {name}  ") + Content.styled(kind, "$text-muted"), id=name)


def _machine_text(machine: Machine) -> Content:
    lines = [Content.assemble((_(row.label), "bold"), f"  {row.value}") for row in hardware_rows(machine.hardware)]
    lines += [Content(""), Content.styled(_("Suited to it"), "$primary bold")]
    for row in plan_rows(machine.plan):
        lines.append(Content.assemble((_(row.label), "bold"), f"  {row.value}"))
        lines.append(Content.styled(f"  {row.reason}", "$text-muted"))
    return Content("\n").join(lines)


def _marked_text(text: str, profile: Profile, default: Profile) -> Content:
    lines = [
        Content.assemble(f"* {line.text}", (f"   # auto: {line.note}", "$text-warning"))
        if line.note
        else Content(f"  {line.text}")
        for line in marked(text, profile, default)
    ]
    return Content("\n").join(lines)
