"""Live: the input's level, the captions, the stages that make them, and the machine that bears it."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import events as ui
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget

from workbench import events
from workbench.engines import StageKind
from workbench.live import LivePhase, LiveStatus, StageStatus
from workbench.models.states import ModelState, Phase
from workbench.tui import interrupted
from workbench.tui.caption_rows import LAYOUTS
from workbench.tui.frame import Frame
from workbench.tui.live_choices import LiveChoices
from workbench.tui.live_input import LiveInput
from workbench.tui.screens import language
from workbench.tui.screens.ask import Ask
from workbench.tui.screens.device import DeviceScreen
from workbench.tui.texts import _
from workbench.tui.widgets.caption_head import CaptionHead, layout_name
from workbench.tui.widgets.captions import CaptionView
from workbench.tui.widgets.input_panel import InputPanel
from workbench.tui.widgets.stages import StagePanel
from workbench.tui.widgets.system import SystemPanel
from workbench.tui.widgets.top_bar import TopBar

_MOVING: Final = frozenset({Phase.DOWNLOADING, Phase.LOADING, Phase.WARMING, Phase.UNLOADING})
_LOOKS_A_SAMPLE: Final = 4
"""Looks between two samples of how busy the machine is."""


class LiveScreen(Frame):
    DEFAULT_CSS = """
    LiveScreen {
        #content { padding: 0 1; }
        #left { height: 1fr; }
        #side { height: auto; }
        &.-wide #content { layout: horizontal; }
        &.-wide #left { width: 1fr; height: 100%; }
        &.-wide #side { width: 48; height: 100%; padding: 0 0 0 2; }
        &.-wide SystemPanel { margin: 1 0 0 0; }
        &.-short Waveform, &.-short SystemPanel { display: none; }
        &.-short LevelMeter { height: 1; }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - as in Textual
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "record", "Record", id="live.record"),
        Binding("r", "stop", "Stop", id="live.stop"),
        Binding("space", "pause", "Pause", id="live.pause"),
        Binding("space", "resume", "Resume", id="live.resume"),
        Binding("d", "device", "Device", id="live.device"),
        Binding("i", "listen", "Test input", id="live.listen"),
        Binding("l", "language", "Language", id="live.language"),
        Binding("T", "target", "Translate", id="live.target"),
        Binding("b", "layout", "Both languages", id="live.layout"),
        Binding("t", "times", "Times", id="live.times"),
        Binding("f", "follow", "Follow", id="live.follow"),
        Binding("c", "reset", "Reset clip", id="live.reset"),
        Binding("v", "speak", "Speak", id="live.speak"),
    ]
    finds = True
    copies = True

    def __init__(self) -> None:
        super().__init__()
        self._dropping: Ask | None = None
        """Asks whether to drop what is not recognized yet."""
        self._phases: list[Phase] = []
        self._moves = False
        """Something here changes by itself."""
        self._phase = LivePhase.IDLE
        self._looks = 0
        self._figures: tuple[StageStatus, ...] = ()
        """Of the stages, as they are shown."""
        self._has_looked_around = False

    def top(self) -> Widget:
        return TopBar(self._look_on)

    def content(self) -> ComposeResult:
        with Vertical(id="left"):
            yield InputPanel(self.live.meter)
            yield CaptionHead(id="caption-head")
            yield CaptionView(" " * 6 + _("What is said appears here."))
        with Vertical(id="side"):
            yield StagePanel()
            yield SystemPanel()

    def on_mount(self) -> None:
        self._input = LiveInput(self, self._look)
        self._choices = LiveChoices(self.workbench, self._captions)
        self._choices.restore()
        self._leave = [self.live.observe(self._take), self.live.watch(self._look_at_states)]
        self.watch(self._captions, "follow", self._followed, init=False)
        self.watch(self._captions, "unseen", self._show_caption_head, init=False)
        self.workbench.begun.subscribe(self, self._begin, immediate=True)

    def on_unmount(self) -> None:
        for leave in self._leave:
            leave()

    async def _look_around(self) -> None:
        """What takes a thread: the input's name, how busy the machine is, what an earlier run left undone."""
        await interrupted.offer(
            self, self._input.go_on
        )  # first: later it would take a key that was meant for the screen
        await self._input.find_label()
        self.refresh()  # Textual loses the first paint of a screen that was slow to be made
        self._look()
        await self._sample()

    @property
    def _target_language(self) -> str | None:
        """What captions are translated into; None when no engine does that."""
        kinds = {s.kind for s in self.live.states if s.phase not in (Phase.ABSENT, Phase.FAILED, Phase.UNLOADING)}
        return self.live.settings.target_language if StageKind.TRANSLATION in kinds else None

    # looking: only while something moves

    @property
    def _captions(self) -> CaptionView:
        return self.query_one(CaptionView)

    @property
    def _input_panel(self) -> InputPanel:
        return self.query_one(InputPanel)

    def _look_on(self) -> None:
        if self._moves:
            self._look()

    def _look(self) -> None:
        """Show what is now; look again soon if something moves."""
        status = self.live.status()
        moved = self._moves
        self._moves = (
            status.phase is not LivePhase.IDLE or self._input.is_tested or not _MOVING.isdisjoint(self._phases)
        )
        if moved and not self._moves:
            self._looks = 0
        if status.phase is not self._phase:
            self._phase = status.phase
            self.refresh_bindings()
            if status.phase is LivePhase.IDLE and self._dropping is not None and self._dropping.is_current:
                self._dropping.dismiss("")  # nothing is left to drop
        if self in self.app.screen_stack and self.size:
            self._show(status)
            if self._looks % _LOOKS_A_SAMPLE == 0 and self.query_one(SystemPanel).display:
                self.run_worker(self._sample(), group="system", exclusive=True)
            self._looks += 1

    def _show(self, status: LiveStatus) -> None:
        """What is read at leisure is shown at fewer looks, but at one that may be the last for long."""
        if not self._moves or self._looks % _LOOKS_A_SAMPLE == 0:
            self._figures = status.stages
        all_of_it = not self._moves or self._looks % 2 == 0
        self._input_panel.show_input(status, self._input.label, listening=self._input.is_tested, all_of_it=all_of_it)
        self.query_one(StagePanel).show_stages(self.live.states, self._figures, compact=self.has_class("-short"))
        self._show_caption_head()

    def _show_caption_head(self) -> None:
        head, translated = self.query_one(CaptionHead), self._target_language is not None
        spoken = self.live.profile.live.speak
        head.show_head(self._captions, self.live.settings, translated=translated, spoken=spoken)

    def _followed(self) -> None:
        self._show_caption_head()
        self.refresh_bindings()

    async def _sample(self) -> None:
        await self.query_one(SystemPanel).sample(lines=self.has_class("-wide"), steady=self._moves)

    def on_resize(self, event: ui.Resize) -> None:
        self.call_after_refresh(self._look)

    def on_screen_resume(self, event: ui.ScreenResume) -> None:
        self._look()
        if self.is_current and not self._has_looked_around:
            self._has_looked_around = True
            self.run_worker(self._look_around(), group="start")

    # what is told

    def _take(self, event: events.Event) -> None:
        self._input_panel.take(event)
        self._captions.take(event, self._target_language)
        self._moves = True
        self.query_one(TopBar).look_along()

    def _look_at_states(self, states: tuple[ModelState, ...]) -> None:
        phases = [state.phase for state in states]
        if phases != self._phases:
            self._phases = phases
            self._look()

    # frame

    def find(self, text: str, step: int) -> str:
        return self._captions.find(text, step)

    def copied(self) -> str:
        return self._captions.copied()

    # recording

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        phase = self.live.phase
        match action:
            case "record" | "listen":
                return phase is LivePhase.IDLE
            case "stop":
                return phase is not LivePhase.IDLE
            case "pause":
                return phase is LivePhase.RECORDING
            case "resume":
                return phase is LivePhase.PAUSED
            case "follow":
                return not self._captions.follow
        return super().check_action(action, parameters)

    def why_not(self, action: str) -> str:
        if action in ("pause", "resume"):
            finishing = self.live.phase is LivePhase.FINISHING
            ended = _("The recording has ended; what is left of it is being recognized.")
            return ended if finishing else _("Nothing is being recorded.")
        if action == "listen":
            return _("The input can be tested while nothing is recorded.")
        return _("The newest caption is followed already.") if action == "follow" else super().why_not(action)

    def action_record(self) -> None:
        self._input.record()

    def action_stop(self) -> None:
        """The first time, end the capture; while the rest is worked off, ask whether to drop it."""
        if self.live.phase is LivePhase.FINISHING:
            left = self.live.status().backlog
            question = _("{seconds:.1f} s of audio are not recognized yet.", seconds=left)
            answers = {"d": _("drop them; the audio is kept, and can be recognized later")}
            self._dropping = Ask(question, answers)
            self.app.push_screen(self._dropping, lambda answer: self.live.discard() if answer == "d" else None)
        else:
            self.live.stop()

    def _begin(self, told: list[events.Event]) -> None:
        self._input.is_tested = False
        self._captions.restore(told, self._target_language)
        self._input_panel.begin()
        self._look()

    def action_pause(self) -> None:
        self.live.pause()
        self._look()

    def action_resume(self) -> None:
        self.live.resume()
        self._look()

    # input

    def action_device(self) -> None:
        self.app.push_screen(DeviceScreen(self._input.source), self._input.use)

    def action_listen(self) -> None:
        self._input.test()

    def action_reset(self) -> None:
        self.live.meter.reset()
        self._look()

    # how it is shown

    def action_follow(self) -> None:
        self._captions.action_last()

    def action_times(self) -> None:
        shape = self._captions.shape
        self._choices.lay_out(times=not shape.times, order=shape.order)
        self._show_caption_head()

    def action_layout(self) -> None:
        shape = self._captions.shape
        order = LAYOUTS[(LAYOUTS.index(shape.order) + 1) % len(LAYOUTS)]
        self._choices.lay_out(times=shape.times, order=order)
        self._show_caption_head()
        self.workbench.notice(layout_name(order))

    def action_language(self) -> None:
        title, current = _("Spoken language"), self.live.settings.language
        language.ask(self.workbench, title, _("find out"), current, lambda tag: self._choose(language=tag))

    def action_target(self) -> None:
        language.ask_target(self.workbench, lambda tag: self._choose(target_language=tag))

    def _choose(self, **tags: str | None) -> None:
        self._choices.use_languages(**tags)
        self._look()

    def action_speak(self) -> None:
        self._choices.turn_voice()
        self._look()
