"""The first run: this machine, the microphone, a sample transcript. Enter goes on, Esc leaves. It is shown once."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, cast

from rich.console import Group
from rich.padding import Padding
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Static

from workbench import events
from workbench.errors import WorkbenchError
from workbench.threads import to_thread
from workbench.tui import keymap
from workbench.tui.live_notices import SIGNAL
from workbench.tui.texts import _
from workbench.tui.widgets.key_line import KeyLine
from workbench.tui.widgets.meter import LevelMeter
from workbench.tui.widgets.top_bar import LOOK_S

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp

SAMPLE: Final = Path(__file__).parents[1] / "sample.ogg"
"""Eleven seconds of synthetic speech, from samples/dialogue.flac."""
SAMPLE_S: Final = 10.7
HEARD_DB: Final = -50.0
"""What is louder, in dBFS, is more than the noise of an idle input."""


class WelcomeScreen(ModalScreen[None]):
    DEFAULT_CSS = """
    WelcomeScreen {
        background: $background;
        #step { height: 1; background: $panel; text-style: bold; padding: 0 1; }
        VerticalScroll { height: 1fr; padding: 1 2; }
        LevelMeter { display: none; margin: 0 2 1 2; }
        &.-listening LevelMeter { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "next", "Go on", id="welcome.next", priority=True),
        Binding("d", "next_device", "Another device", id="welcome.device"),
        Binding("escape", "skip", "Skip all", id="welcome.skip"),
        *keymap.LISTS,
    ]

    def __init__(self) -> None:
        super().__init__()
        self._steps = [
            (_("This machine"), self._machine),
            (_("Microphone"), self._microphone),
            (_("A sample"), self._sample),
        ]
        self._step = 0
        self._said = ""
        self._device: str | None = None
        self._meter: Timer | None = None

    @property
    def workbench(self) -> WorkbenchApp:
        return cast("WorkbenchApp", self.app)

    def compose(self) -> ComposeResult:
        yield Static(id="step")
        with VerticalScroll():
            yield Static(id="said", markup=False)
        yield LevelMeter()
        yield KeyLine()

    def on_mount(self) -> None:
        self._begin()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._step == 1 if action == "next_device" else super().check_action(action, parameters)

    def _begin(self) -> None:
        """Show the step that it is at."""
        title, step = self._steps[self._step]
        words = _("Welcome  {number}/{count}  {title}", number=self._step + 1, count=len(self._steps), title=title)
        self.query_one("#step", Static).update(words)
        self._say("")
        self._do(step)
        self.refresh_bindings()

    @work(group="step", exclusive=True)
    async def _do(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except WorkbenchError as error:
            self._say(f"{_(error.message)}\n\n{_(error.hint)}")

    def _say(self, *lines: str) -> None:
        """Show these; the further lines of one that is long begin where it does."""
        text = "\n".join(lines)
        if text == self._said:
            return
        self._said = text
        parts = [(line.lstrip(), len(line) - len(line.lstrip())) for line in text.split("\n")]
        self.query_one("#said", Static).update(Group(*(Padding(Text(line), (0, 0, 0, depth)) for line, depth in parts)))

    async def action_next(self) -> None:
        await self._unlisten()
        if self._step + 1 < len(self._steps):
            self._step += 1
            self._begin()
        else:
            self.dismiss()

    async def action_skip(self) -> None:
        await self._unlisten()
        self.dismiss()

    # 1: this machine

    async def _machine(self) -> None:
        from workbench.profiles.hardware import CoreHardwareDetector
        from workbench.profiles.optimizer import CoreOptimizer
        from workbench.profiles.report import hardware_rows, plan_rows

        self._say(_("Looking ..."))
        hardware = await to_thread(CoreHardwareDetector().detect)
        plan = CoreOptimizer().plan(hardware)
        rows = [row for row in plan_rows(plan) if row.label in ("Device", "Model", "Compute type", "Threads per call")]
        self._say(
            _("Found:"),
            *(f"  {_(row.label)}: {row.value}" for row in hardware_rows(hardware)),
            "",
            _(
                "Suggested for it (the profile in use is {name}; screen 3 changes it):",
                name=self.workbench.live.profile.name,
            ),
            *(f"  {_(row.label)}: {row.value}\n    {row.reason}" for row in rows),
        )

    # 2: the microphone

    async def _microphone(self) -> None:
        from workbench.live import Source

        self._say(_("Opening the microphone ..."))
        await self.workbench.live.listen(Source(device=self._device))
        self.add_class("-listening")
        self._meter = self.set_interval(LOOK_S, self._measure)

    def _measure(self) -> None:
        live = self.workbench.live
        levels = live.meter.read()
        self.query_one(LevelMeter).show_levels(levels)
        heard = _("It hears you.") if levels.max_db > HEARD_DB else _("Nothing is heard yet.")
        self._say(_("Say something. Listening to: {device}", device=live.status().label), "", heard)

    async def action_next_device(self) -> None:
        self._do(self._other_microphone)

    async def _other_microphone(self) -> None:
        from workbench.audio.devices import devices

        inputs = [device.id for device in await to_thread(devices) if device.kind != "output"]
        place = inputs.index(self._device) if self._device in inputs else -1
        if inputs:
            self._device = inputs[(place + 1) % len(inputs)]
        await self._unlisten()
        self.workbench.live.meter.reset()
        await self._microphone()

    async def _unlisten(self) -> None:
        if self._meter is not None:
            self._meter.stop()
            self._meter = None
            self.remove_class("-listening")
            await self.workbench.live.unlisten()
            self.workbench.settle(SIGNAL)
            if self._device is not None:
                self.workbench.choose(device=self._device)

    # 3: a sample

    async def _sample(self) -> None:
        from workbench.pipeline import Pipeline

        live, heard = self.workbench.live, list[str]()
        self._say(_("Loading the engines ..."))
        await live.settled()
        stages = await live.session.load(live.session.plan(live.settings))

        def hear(event: events.Event) -> None:
            if isinstance(event, events.Transcript):
                heard.append(event.transcript.text)
                self._say(_("A sample of {seconds:.0f} s:", seconds=SAMPLE_S), "", *heard)

        self._say(_("Recognizing ..."))
        began = time.perf_counter()
        await Pipeline(live.session.source(None, SAMPLE, 0.0), stages, live.settings, hear).run()
        took = time.perf_counter() - began
        self._say(
            _("A sample of {seconds:.0f} s:", seconds=SAMPLE_S),
            "",
            *heard,
            "",
            _(
                "Recognized in {took:.1f} s, {times:.1f} times as fast as it is spoken.",
                took=took,
                times=SAMPLE_S / took,
            ),
            "",
            _("Enter opens screen 1, where you record. ? tells the keys of every screen."),
        )
