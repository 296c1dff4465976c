"""The first run, on a live session with small engines."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

import workbench
from tests import fakes
from tests.tui.conftest import lines
from workbench import plugins
from workbench.audio import devices
from workbench.audio.decode import decode
from workbench.engines import Settings
from workbench.errors import MissingError
from workbench.live import Live
from workbench.plugins import Plugin, Registry
from workbench.profiles.hardware import CoreHardwareDetector, HardwareInfo
from workbench.profiles.schema import parse_profile
from workbench.tui.app import WorkbenchApp
from workbench.tui.choices import Choices
from workbench.tui.screens.welcome import SAMPLE, SAMPLE_S, WelcomeScreen
from workbench.types import AudioChunk, Transcript, Window

PROFILE = """
schema = 1
name = "own"
[capture]
engine = "hum"
[vad]
engine = "energy"
[asr]
engine = "counts"
"""


class Hum(workbench.Capture):
    """A microphone with somebody in front of it, until it is closed; "broken" is none."""

    name = "hum"

    class Options(workbench.Options):
        device: str | None = None

    def __init__(self, options: Options) -> None:
        self.label = options.device or "the default microphone"

    def open(self, settings: Settings) -> Iterator[AudioChunk]:
        if self.label == "broken":
            raise MissingError("there is no microphone", hint="Connect one.")
        return self._hum()

    def _hum(self) -> Iterator[AudioChunk]:
        a_moment = threading.Event()
        while True:
            yield AudioChunk(np.full(1600, 0.1, np.float32), 16_000, 0.0)
            a_moment.wait(0.02)  # as a device does, which makes its reader wait


class Counts(workbench.Recognizer):
    """Hears how long somebody spoke."""

    name = "counts"

    def __init__(self, options: Any) -> None:
        """Takes none."""

    def process(self, item: Window, state: Settings) -> Iterator[Transcript]:
        yield item.transcript(f"heard {item.duration:.0f} s", language="en", start=0.0, end=item.duration)

    def detect_language(self, window: Window) -> str:
        return "en"


class Deaf(Counts):
    name = "deaf"

    def __init__(self, options: Any) -> None:
        raise MissingError("the model is not here", hint="Fetch it.")


@workbench.hookimpl
def register_engines(register: Callable[[Any], None]) -> None:
    for engine in (Hum, Counts, Deaf):
        register(engine)


@pytest.fixture
def registry() -> Registry:
    found = plugins.load(builtin_only=True)
    found.add(Plugin("small", "small", "1"), lambda: SimpleNamespace(register_engines=register_engines))
    return found


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    hardware = HardwareInfo(cpu_cores=8, cpu_threads=16, memory_total_mb=16_000, memory_available_mb=9_000)
    monkeypatch.setattr(CoreHardwareDetector, "detect", lambda self: hardware)


@pytest.fixture
def first_run(registry: Registry) -> Callable[..., WorkbenchApp]:
    def run(test: Callable[[Pilot[int], WorkbenchApp], Any], profile: str = PROFILE) -> WorkbenchApp:
        async def open_live() -> Live:
            return Live(parse_profile(profile), registry)

        async def driven() -> None:
            async with app.run_test(size=(80, 24)) as pilot:
                await fakes.until(lambda: isinstance(app.screen, WelcomeScreen) or app.failure is not None)
                await test(pilot, app)

        app = WorkbenchApp(open_live, Choices(screen="notices"))
        fakes.run(driven)
        return app

    return run


FirstRun = Callable[..., WorkbenchApp]


async def shows(app: WorkbenchApp, *words: str) -> None:
    await fakes.until(lambda: app.failure is not None or all(word in "\n".join(lines(app)) for word in words))


def test_it_takes_three_keys_from_the_hardware_to_the_first_screen(first_run: FirstRun, folders: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp) -> None:
        await shows(app, "Welcome  1/3", "8 cores / 16 threads", "Model: ", "the profile in use is own", "⏎ Go on")
        reason = next(place for place, line in enumerate(lines(app)) if "The best that keeps up" in line)
        assert lines(app)[reason + 1].startswith(" " * 6), "a line that goes on begins where it began"
        await pilot.press("enter")
        await shows(app, "Welcome  2/3", "Listening to: the default microphone", "It hears you.", "rms -20.0")
        await pilot.press("enter")
        await shows(app, "Welcome  3/3", "A sample of 11 s:", "heard", "times as fast as it is spoken")
        await pilot.press("enter")
        await fakes.until(lambda: app.current_mode == "notices")
        assert app.live.status().label == "", "it does not listen any more"

    first_run(test)
    kept = json.loads((folders / "state" / "interface.json").read_bytes())
    assert kept["welcomed"]
    assert not list((folders / "data").rglob("*.wav")), "nothing of it is kept"


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_escape_skips_all_of_it_for_good(first_run: FirstRun, folders: Path, steps: int) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp) -> None:
        for step in range(steps):
            await pilot.press("enter")
            await shows(app, f"Welcome  {step + 2}/3")
        await pilot.press("escape")
        await fakes.until(lambda: app.current_mode == "notices")

    first_run(test)
    assert json.loads((folders / "state" / "interface.json").read_bytes())["welcomed"]


def test_another_microphone_can_be_chosen_and_is_kept(first_run: FirstRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def device(id: str, kind: Any) -> devices.Device:
        return devices.Device(id, id, kind, 48_000, 2, False, "ALSA")

    async def test(pilot: Pilot[int], app: WorkbenchApp) -> None:
        await pilot.press("enter")
        await shows(app, "Listening to: the default microphone")
        await pilot.press("d")
        await shows(app, "Listening to: USB Audio")
        await pilot.press("d")
        await shows(app, "there is no microphone", "Connect one.")
        await pilot.press("d")
        await shows(app, "Listening to: USB Audio")
        await pilot.press("escape")
        await fakes.until(lambda: app.current_mode == "notices")
        assert app.choices.device == "USB Audio"

    found = [device("USB Audio", "input"), device("Speaker", "output"), device("broken", "monitor")]
    monkeypatch.setattr(devices, "devices", lambda: found)
    first_run(test)


def test_what_does_not_work_says_what_to_do_and_ends_nothing(first_run: FirstRun) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp) -> None:
        await pilot.press("enter", "enter")
        await shows(app, "the model is not here", "Fetch it.")
        await pilot.press("enter")
        await fakes.until(lambda: app.current_mode == "notices")

    first_run(test, PROFILE.replace("counts", "deaf"))


def test_the_sample_is_speech_of_that_length() -> None:
    samples = np.concatenate([chunk.samples for chunk in decode(SAMPLE)])
    assert len(samples) / 16_000 == pytest.approx(SAMPLE_S, abs=0.1)
    assert 0.02 < float(np.sqrt(np.mean(samples**2))) < 0.3
    assert SAMPLE.stat().st_size < 30_000
