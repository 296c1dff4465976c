"""The workbench's interface on a live session, with folders of its own, driven by keys."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, TypeAlias

import pytest
from textual.pilot import Pilot

from tests import fakes
from workbench.audio.levels import Meter
from workbench.engines import Settings
from workbench.events import Event
from workbench.live import Live, LivePhase, LiveStatus, Source
from workbench.models.states import ModelState
from workbench.plugins import Registry
from workbench.profiles.schema import Profile
from workbench.tui import texts
from workbench.tui.app import WorkbenchApp
from workbench.tui.choices import Choices

SIZES: Final = {"small": (80, 24), "medium": (100, 30), "large": (160, 50)}
Driven: TypeAlias = Callable[[Pilot[int]], Awaitable[None]]


@dataclass
class FakeLive:
    """A live session that does nothing by itself: a test says what it tells, and sees what it was told."""

    phase: LivePhase = LivePhase.IDLE
    states: tuple[ModelState, ...] = ()
    settings: Settings = field(default_factory=Settings)
    profile: Profile = field(default_factory=lambda: Profile(schema=1, name="quick"))
    registry: Registry = field(default_factory=Registry)
    meter: Meter = field(default_factory=Meter)
    recording: Any = None
    session: Any = field(default_factory=lambda: SimpleNamespace(pools=list, profile=Profile(schema=1, name="quick")))
    told: list[Any] = field(default_factory=list)
    """What was asked of it."""
    given: LiveStatus = field(
        default_factory=lambda: LiveStatus(
            phase=LivePhase.IDLE,
            label="",
            lost=False,
            refused=False,
            silent=False,
            captured=0.0,
            done=0.0,
            reached=0.0,
            overflows=0,
            stages=(),
        )
    )
    """The status, but for its phase."""
    observers: list[Callable[[Event], None]] = field(default_factory=list)
    watches: list[Callable[[tuple[ModelState, ...]], None]] = field(default_factory=list)
    entered: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Everything that was captured is worked off."""

    async def __aenter__(self) -> FakeLive:
        self.entered = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.entered = False

    def status(self) -> LiveStatus:
        return replace(self.given, phase=self.phase)

    def observe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        self.observers.append(callback)
        return lambda: self.observers.remove(callback)

    def watch(self, callback: Callable[[tuple[ModelState, ...]], None]) -> Callable[[], None]:
        self.watches.append(callback)
        return lambda: self.watches.remove(callback)

    def tell(self, event: Event) -> None:
        for callback in list(self.observers):
            callback(event)

    def become(self, *states: ModelState) -> None:
        self.states = states
        for callback in list(self.watches):
            callback(states)

    def change(self, **what: Any) -> None:
        self.told.append(("change", what))
        for name, value in what.items():
            setattr(self, name, value)

    async def settled(self) -> None:
        """It always is."""

    async def start(self, source: Source, recording: Any = None) -> None:
        self.told.append(("start", source, recording))
        self.phase = LivePhase.RECORDING
        self.ended.clear()

    async def finish(self, recording: Any) -> None:
        self.told.append(("finish", recording))
        self.phase = LivePhase.FINISHING
        self.ended.clear()

    def use(self, source: Source) -> None:
        self.told.append(("use", source))

    def pause(self) -> None:
        self.phase = LivePhase.PAUSED

    def resume(self) -> None:
        self.phase = LivePhase.RECORDING

    async def listen(self, source: Source) -> None:
        self.told.append(("listen", source))

    async def unlisten(self) -> None:
        self.told.append("unlisten")

    def stop(self) -> None:
        self.told.append("stop")
        self.phase = LivePhase.FINISHING
        if not self.given.backlog:
            self.ended.set()

    def discard(self) -> None:
        self.told.append("discard")
        self.ended.set()

    async def finished(self) -> None:
        if self.phase is not LivePhase.IDLE:
            await self.ended.wait()
        self.phase = LivePhase.IDLE


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folders of its own for each test, in English."""
    home = tmp_path / "home"
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        folder = home / name.lower()
        folder.mkdir(parents=True)
        monkeypatch.setenv(f"WORKBENCH_{name}_DIR", str(folder))
    for name in ("SSH_TTY", "NO_COLOR", "WORKBENCH_PROFILE", "WORKBENCH_NO_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    texts.use("en")
    yield home
    texts.use("en")
    gc.unfreeze()  # of one workbench after the other, what is left is garbage


@pytest.fixture
def live() -> FakeLive:
    return FakeLive()


@pytest.fixture
def make(live: FakeLive) -> Callable[..., WorkbenchApp]:
    """Makes the interface; it opens `live`, or what it is given, on `screen`. The first run is over."""

    def make(screen: str = "notices", on: Live | None = None, **choices: Any) -> WorkbenchApp:
        async def open_live() -> Any:
            return on or live

        return WorkbenchApp(open_live, Choices(screen=screen, welcomed=True, **choices))

    return make


def drive(app: WorkbenchApp, test: Driven, size: tuple[int, int] = SIZES["small"]) -> None:
    """Run `app` without a terminal, and `test` on it as soon as its first screen is shown."""

    async def driven() -> None:
        async with app.run_test(size=size) as pilot:
            await shown(pilot)
            await test(pilot)

    fakes.run(driven)


async def shown(pilot: Pilot[int]) -> None:
    """Wait until the screen that was chosen is there, and drawn."""
    app = pilot.app
    assert isinstance(app, WorkbenchApp)
    await fakes.until(lambda: app.current_mode != "_default" or app.failure is not None)
    await pilot.pause()


def lines(app: WorkbenchApp) -> list[str]:
    """What is on the screen."""
    width = app.size.width
    return [
        "".join(segment.text for segment in line)[:width].rstrip() for line in app.screen._compositor.render_strips()
    ]
