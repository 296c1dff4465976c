"""A form for the options of an engine, made from its schema. What is typed is checked at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Union, cast, get_args, get_origin

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Input, Label, Select, Static

from workbench.profiles.option_words import default_of, description_of, type_of
from workbench.profiles.options import mistakes, option_fields, parse_value
from workbench.tui.texts import _
from workbench.tui.widgets.flag import Flag

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from workbench.hookspecs import EngineClass

UNSET: Final = object()
"""The value of an option that is left to its default."""


class OptionsForm(VerticalScroll):
    """The options of `engine` and, below them, those of the core for its kind of stage.

    `values` has those that are set. An option is unset by an empty text, or with Delete.
    """

    DEFAULT_CSS = """
    OptionsForm { height: auto; padding: 0 1; }
    OptionsForm > .section { color: $primary; text-style: bold; }
    """

    class Changed(Message):
        """A value was changed, and is right or wrong."""

        def __init__(self, form: OptionsForm) -> None:
            super().__init__()
            self.form = form

        @property
        def control(self) -> OptionsForm:
            return self.form

    def __init__(self, engine: EngineClass, values: Mapping[str, Any]) -> None:
        super().__init__(can_focus=False)
        self.kind, self.engine = engine.kind.value, engine
        self._fields = option_fields(self.kind, engine)
        self._values = dict(values)
        self._rows: dict[str, OptionRow] = {}

    def compose(self) -> ComposeResult:
        values = self._values
        self._rows = {key: OptionRow(key, field, values.get(key, UNSET)) for key, field in self._fields.items()}
        own = self.engine.Options.model_fields
        yield from (self._rows[key] for key in own)
        core = [self._rows[key] for key in self._fields if key not in own]
        if core:
            yield Label(_("Of the workbench, whatever the engine"), classes="section", markup=False)
            yield from core
        if not self._rows:
            yield Label(_("This engine has no options."), markup=False)

    @property
    def keys(self) -> frozenset[str]:
        """Of the options that can be set."""
        return frozenset(self._fields)

    @property
    def values(self) -> dict[str, Any]:
        """The options that are set, as they stand in a profile; they may be wrong."""
        known = {key: row.value for key, row in self._rows.items() if row.value is not UNSET}
        return {key: value for key, value in self._values.items() if key not in self._rows} | known

    @property
    def is_changed(self) -> bool:
        return repr(sorted(self.values.items())) != repr(sorted(self._values.items()))

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong, by key; the text of a key that the engine does not have names the key."""
        return {problem.key: problem.text for problem in mistakes(self.kind, self.values, self.engine)}

    def on_mount(self) -> None:
        self._check()

    def on_option_row_changed(self) -> None:
        self._check()
        self.post_message(self.Changed(self))

    def _check(self) -> None:
        problems = self.problems
        for key, row in self._rows.items():
            row.tell(next((text for path, text in problems.items() if path.partition(".")[0] == key), ""))


class OptionRow(Vertical):
    """One option: a star when it is set, its key, what changes it, and below that what it is for or why it is wrong."""

    DEFAULT_CSS = """
    OptionRow {
        height: auto;
        &:focus-within { background: $boost; }
        Horizontal { height: 1; }
        .key { width: 24; }
        Select, Input, Flag { width: 1fr; max-width: 60; }
        .help { padding: 0 2; color: $text-muted; }
        .problem { padding: 0 2; color: $text-error; display: none; }
        &.-wrong .problem { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete,backspace", "unset", "Default", id="options.unset"),
        Binding("down", "app.focus_next", "Next", show=False, id="options.next"),
        Binding("up", "app.focus_previous", "Previous", show=False, id="options.previous"),
    ]

    class Changed(Message):
        """Another value, or none."""

    def __init__(self, key: str, field: FieldInfo, value: Any) -> None:
        super().__init__()
        self.key, self.field, self.value = key, field, value
        self._default = default_of(field)
        self._control = self._made()

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Label(self._title(), classes="key", markup=False)
            yield self._control
        about = description_of(self.field)
        if isinstance(self._control, Input):
            about = f"{about} ({type_of(self.field)})".strip()
        if about:
            yield Static(about, classes="help", markup=False)
        yield Static(classes="problem", markup=False)

    def action_unset(self) -> None:
        match self._control:
            case Flag() as flag:
                with flag.prevent(Flag.Changed):
                    flag.value = bool(self._default)
                self._set(UNSET)
            case Select() as select:
                select.clear()
            case Input() as field:
                field.value = ""

    @on(Flag.Changed)
    @on(Select.Changed)
    @on(Input.Changed)
    def _changed(self, event: Flag.Changed | Select.Changed | Input.Changed) -> None:
        event.stop()
        match event.control:
            case Flag() as flag:
                self._set(flag.value)
            case Select() as select:
                self._set(UNSET if select.is_blank() else select.value)
            case Input() as field:
                self._set(_parsed(field.value, self.field.annotation))

    def _set(self, value: Any) -> None:
        if value is self.value:
            return
        self.value = value
        self.query_one(".key", Label).update(self._title())
        if isinstance(self._control, Flag):
            self._control.label = self._state(bool(self._control.value))
        self.post_message(self.Changed())

    def tell(self, problem: str) -> None:
        """Say why the value is wrong; empty: it is right."""
        self.set_class(bool(problem), "-wrong")
        self.query_one(".problem", Static).update(f"✗ {problem}")

    def _title(self) -> str:
        return f"{' ' if self.value is UNSET else '*'} {self.key}"

    def _state(self, is_on: bool) -> str:
        return (_("on") if is_on else _("off")) + (_(" (default)") if self.value is UNSET else "")

    def _made(self) -> Flag | Select[Any] | Input:
        """What changes the value. One that no choice stands for is shown as text, to be corrected."""
        choices, value = _choices(self.field.annotation), self.value
        default = _("default: {value}", value=_("not set") if self._default is None else shown(self._default))
        if _members(self.field.annotation) == {bool} and (value is UNSET or isinstance(value, bool)):
            is_on = bool(self._default if value is UNSET else value)
            return Flag(self._state(is_on), is_on)
        if choices and (value is UNSET or value in choices):
            options = [(str(choice), choice) for choice in choices]
            return Select(options, prompt=default, value=Select.NULL if value is UNSET else value, compact=True)
        text = "" if value is UNSET else shown(value) or '""'
        return Input(text, placeholder=default, compact=True, select_on_focus=False)


def shown(value: Any) -> str:
    """`value` as it is typed into the form."""
    import tomlkit

    if isinstance(value, str):
        return value
    text: str = tomlkit.item(list(value) if isinstance(value, tuple) else value).as_string()
    return text


def _parsed(text: str, annotation: Any) -> Any:
    """What was typed, as a value of TOML; "" is how an empty text is typed."""
    if not text.strip():
        return UNSET
    if text == '""':
        return ""
    takes_text_only = all(getattr(member, "__name__", "") in ("str", "Path") for member in _members(annotation))
    return text if takes_text_only else parse_value(text)


def _choices(annotation: Any) -> list[Any]:
    """The values that a type allows, where they can be listed."""
    choices: list[Any] = []
    for member in _members(annotation):
        if get_origin(member) is Literal:
            choices += get_args(member)
        elif isinstance(member, type) and issubclass(member, Enum):
            choices += [choice.value for choice in cast(Iterable[Enum], member)]
        else:
            return []
    return choices


def _members(annotation: Any) -> set[Any]:
    """The types of a union, but for None."""
    is_union = get_origin(annotation) in (Union, UnionType)
    return set(get_args(annotation) if is_union else (annotation,)) - {NoneType}
