"""Where live audio comes from: one of the devices that are there now, or a file played as if it were one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker

from workbench.errors import WorkbenchError
from workbench.live import Source
from workbench.threads import to_thread
from workbench.tui.keymap import LISTS
from workbench.tui.screens.dialog import Dialog
from workbench.tui.texts import _

if TYPE_CHECKING:
    from workbench.audio.devices import Device

LOOK_S: Final = 2.0
"""Seconds between two looks at which devices are there."""
_DEFAULT: Final = ":default"


@dataclass(frozen=True, slots=True)
class Chosen:
    source: Source
    label: str
    """What people call it, with its rate."""


def label_of(device: Device) -> str:
    return f"{device.name}  {device.sample_rate} Hz"


def default_label(device: str | None) -> str:
    """What people call a device; blocks. A device that is not there is told by what fails when it is used."""
    from workbench.audio.devices import find_device

    try:
        return label_of(find_device(device, "input"))
    except WorkbenchError as error:
        return _(error.message)


def _devices() -> list[Device]:
    from workbench.audio.devices import devices

    return devices()


class DeviceScreen(Dialog[Chosen | None]):
    """Gives what was chosen; Esc gives None. The list follows what is plugged in and out."""

    DEFAULT_CSS = """
    DeviceScreen {
        #box {
            width: 76; max-width: 95%; height: auto; max-height: 90%;
            border: round $primary; background: $surface; padding: 0 1;
        }
        OptionList, OptionList:focus { max-height: 12; background: $surface; }
        OptionList, #file { height: auto; border: none; border-left: blank; }
        OptionList:focus, #file:focus-within { border: none; border-left: outer $primary; }
        #file { padding: 0 1; }
        .wrong { display: none; color: $text-error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="device.back"),
        *LISTS,
    ]

    def __init__(self, current: Source, list_devices: Callable[[], list[Device]] = _devices) -> None:
        """`list_devices` is called in a thread, and raises `WorkbenchError` when it cannot tell."""
        super().__init__()
        self._current = current
        self._list_devices = list_devices
        self._found: list[Device] | None = None
        self._finding: Worker[None] | None = None

    def content(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(_("Listen to"))
            box.border_subtitle = Content(_("Enter takes it, Tab: devices or file"))
            yield OptionList(Option(_("Looking for devices ..."), id=_DEFAULT))
            yield Static(id="no-device", classes="wrong", markup=False)
            yield Static(_("or to a file, played as if it were live:"), markup=False)
            with Vertical(id="file"):
                yield Input(str(self._current.path or ""), placeholder=_("path of a file"), compact=True)
            yield Static(id="no-file", classes="wrong", markup=False)

    def on_mount(self) -> None:
        self._look()
        self.set_interval(LOOK_S, self._look)

    def _look(self) -> None:
        """Unless it looks still: a machine may take longer for its list than the time between two looks."""
        if self._finding is None or self._finding.is_finished:
            self._finding = self.run_worker(self._find(), group="devices")

    async def _find(self) -> None:
        try:
            found = await to_thread(self._list_devices)
        except WorkbenchError as error:
            found = []
            self._say("no-device", f"{_(error.message)}\n{_(error.hint)}".strip())
        else:
            self._say("no-device", "" if found else _("No device is there."))
        if found != self._found:
            self._found = found
            self._list(found)

    def _list(self, found: list[Device]) -> None:
        options = self.query_one(OptionList)
        shown = [device for device in found if device.kind != "output"]
        ids = [_DEFAULT, *(device.id for device in shown)]
        wanted = self._highlighted() or self._current.device or _DEFAULT
        options.clear_options()
        options.add_option(Option(_("The default device"), id=_DEFAULT))
        options.add_options(Option(Content(_described(device)), id=device.id) for device in shown)
        options.highlighted = ids.index(wanted) if wanted in ids else 0

    def _highlighted(self) -> str | None:
        options = self.query_one(OptionList)
        if options.highlighted is None or options.option_count < 2:
            return None
        return options.get_option_at_index(options.highlighted).id

    @on(OptionList.OptionSelected)
    def _device_chosen(self, event: OptionList.OptionSelected) -> None:
        if event.option_id == _DEFAULT:
            default = next(
                (device for device in self._found or () if device.is_default and device.kind != "output"), None
            )
            self.dismiss(Chosen(Source(), label_of(default) if default else _("The default device")))
            return
        device = next((device for device in self._found or () if device.id == event.option_id), None)
        if device is not None:  # else the list has changed since Enter was pressed, and shows what is there
            self.dismiss(Chosen(Source(device=device.id), label_of(device)))

    @on(Input.Submitted)
    async def _file_chosen(self, event: Input.Submitted) -> None:
        path = await to_thread(_file, event.value)
        if path is not None:
            self.dismiss(Chosen(Source(path=path), path.name))
        else:
            typed = event.value.strip()
            self._say("no-file", _("There is no file {path}", path=typed) if typed else _("Type the path of a file."))

    @on(Input.Changed)
    def _other_path(self) -> None:
        self._say("no-file", "")

    def _say(self, place: str, text: str) -> None:
        said = self.query_one(f"#{place}", Static)
        said.update(text)
        said.display = bool(text)


def _file(typed: str) -> Path | None:
    """The file of that name, if there is one. Blocks."""
    try:
        path = Path(typed.strip()).expanduser()
        return path if path.is_file() else None
    except (OSError, RuntimeError):  # a name that is too long; the home of nobody
        return None


def _described(device: Device) -> str:
    words = [label_of(device), device.host]
    if device.kind == "monitor":
        words.append(_("what is played"))
    if device.is_default:
        words.append(_("default"))
    return "  ".join(words)
