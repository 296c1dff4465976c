"""Screen 3: this machine, and the profiles for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import ContentSwitcher, OptionList, Static
from textual.widgets.option_list import Option

from workbench.profiles import store
from workbench.profiles.fit import obstacles
from workbench.profiles.schema import Profile
from workbench.threads import to_thread
from workbench.tui import profiles
from workbench.tui.changing import change
from workbench.tui.failures import noticed
from workbench.tui.frame import Frame
from workbench.tui.profile_text import differences, fit_lines, machine_text, marked_text
from workbench.tui.profiles import Chosen, Machine
from workbench.tui.screens.ask import Ask
from workbench.tui.screens.prompt import Prompt
from workbench.tui.texts import _
from workbench.tui.widgets.profile_editor import ProfileEditor


class ProfileScreen(Frame):
    DEFAULT_CSS = """
    ProfileScreen {
        #left { width: 36; }
        #profiles { height: auto; max-height: 9; }
        #machine { height: 1fr; }
        #profiles, #machine, #values {
            border: round $foreground 40%; border-title-color: $foreground;
            &:focus { border: round $border; }
        }
        #profiles, #machine, #values { padding: 0 1; }
        ContentSwitcher { height: 1fr; }
        #fit { height: auto; max-height: 5; padding: 0 2; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u,A", "use", "Use", id="profile.use"),
        Binding("e", "edit", "Edit", id="profile.edit"),
        Binding("d", "diff", "Differences", id="profile.diff"),
        Binding("D", "detect", "Detect again", id="profile.detect"),
        Binding("f3", "save", "Save", id="profile.save"),
        Binding("f4", "save_as", "Save as", id="profile.save_as"),
        Binding("escape", "leave", "Leave", id="profile.leave"),
    ]
    copies = True

    def __init__(self) -> None:
        super().__init__()
        self._machine: Machine | None = None
        self._chosen: Chosen | None = None
        self._shows_differences = False

    def content(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="left"):
                listed = OptionList(id="profiles")
                listed.border_title = _("Profiles")
                yield listed
                with VerticalScroll(id="machine", can_focus=True) as machine:
                    machine.border_title = _("Hardware")
                    yield Static(_("Looking at this machine ..."), id="hardware")
            with ContentSwitcher(initial="shown"):
                with Vertical(id="shown"):
                    with VerticalScroll(id="values", can_focus=True):
                        yield Static(id="lines")
                    yield Static(id="fit", markup=False)
                yield ProfileEditor(id="editor")

    def on_mount(self) -> None:
        self.query_one("#profiles").focus()
        self.action_detect()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        if self._machine is not None and not self.is_editing:
            self.list_profiles()  # another screen may have saved one

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("save", "save_as", "leave"):
            return self.is_editing
        if action in ("use", "edit", "diff", "detect", "find", "copy"):
            return not self.is_editing and (super().check_action(action, parameters) is not False)
        return super().check_action(action, parameters)

    def why_not(self, action: str) -> str:
        if action in ("save", "save_as"):
            return _("No profile is being edited.")
        if self.is_editing:
            return _("First leave the profile that is being edited.")
        return super().why_not(action)

    @property
    def is_editing(self) -> bool:
        return self.is_mounted and self.query_one(ContentSwitcher).current == "editor"

    # this machine

    @work(group="detect", exclusive=True)
    async def action_detect(self) -> None:
        with noticed(self.workbench):
            self._machine = machine = await to_thread(profiles.look_at_machine)
            self.query_one("#hardware", Static).update(machine_text(machine))
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
            self._chosen = await to_thread(profiles.load, name, machine.default, self.live.registry)
            self._show(machine)

    # one profile

    def _show(self, machine: Machine) -> None:
        chosen = self._chosen
        if chosen is None:
            return
        values, lines = self.query_one("#values"), self.query_one("#lines", Static)
        if chosen.profile is None:
            values.border_title = Content(_("{name}: it has mistakes", name=chosen.name))
            lines.update(Content("\n".join(f"✗ {problem}" for problem in chosen.problems)))
            self.query_one("#fit", Static).update(_("e mends it."))
        elif self._shows_differences:
            values.border_title = Content(_("auto → {name}", name=chosen.name))
            found = differences(chosen.profile, machine.default)
            lines.update(Content("\n".join(found) or _("There is no difference.")))
            self._show_fit(chosen.profile, machine)
        else:
            title = chosen.name if chosen.name == store.AUTO else _("{name}   * differs from auto", name=chosen.name)
            values.border_title = Content(title)
            lines.update(marked_text(chosen.text, chosen.profile, machine.default))
            self._show_fit(chosen.profile, machine)
        values.scroll_home(animate=False)

    def _show_fit(self, profile: Profile, machine: Machine) -> None:
        self.query_one("#fit", Static).update("\n".join(fit_lines(profile, machine)))

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
        if chosen.profile is not None and (obstacle := "; ".join(map(_, obstacles(chosen.profile, machine.hardware)))):
            question = _("{name} cannot run here: {why}.", name=chosen.name, why=obstacle)
            if await self.app.push_screen_wait(Ask(question, {"u": _("use it nevertheless")})) != "u":
                return
        with noticed(self.workbench):
            profile = await to_thread(profiles.choose, chosen, machine.default, self.live.registry)
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

    @work(group="edit", exclusive=True)
    async def action_edit(self) -> None:
        if (chosen := self._chosen) is None:
            return
        with noticed(self.workbench):
            draft = await to_thread(profiles.draft, chosen.name)
            self.query_one(ContentSwitcher).current = "editor"
            self._editor.open(chosen.name, chosen.text, draft)
            if draft:
                self.workbench.notice(_("Going on with the draft that was left."), _("Esc, d discards it."))

    @property
    def _editor(self) -> ProfileEditor:
        return self.query_one(ProfileEditor)

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
        with noticed(self.workbench):
            await to_thread(profiles.save, path, self._editor.text, self.live.registry)
            self.workbench.notice(_("Written: {path}", path=path), _("u uses it."))
            self._close_editor()
            self.list_profiles(go_to=path.stem)

    def action_leave(self) -> None:
        if not self._editor.is_changed:
            self._close_editor()
            return
        answers = {"s": _("save"), "d": _("discard the changes")}
        self.app.push_screen(Ask(_("The profile was changed."), answers), self._leave_as_answered)

    def _leave_as_answered(self, answer: str | None) -> None:
        if answer == "s":
            self.action_save()
        elif answer == "d":
            self._close_editor()

    @work(group="edit", exclusive=True)
    async def _close_editor(self) -> None:
        self._editor.close()
        with noticed(self.workbench):
            if self._chosen is not None:
                await to_thread(profiles.drop_draft, self._chosen.name)
        self.query_one(ContentSwitcher).current = "shown"
        self.query_one("#profiles").focus()


def _option(name: str, kind: str, is_current: bool) -> Option:
    return Option(Content(f"{'▶' if is_current else ' '} {name}  ") + Content.styled(kind, "dim"), id=name)
