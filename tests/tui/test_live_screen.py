"""The Live screen on a live session that a test plays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from tests import fakes
from tests.tui.conftest import SIZES, FakeLive, drive, lines, shown
from workbench import events
from workbench.audio.devices import Device
from workbench.engines import Settings, StageKind
from workbench.errors import InputError, MissingError
from workbench.live import LivePhase, LiveStatus, Source, StageStatus
from workbench.models.states import ModelState, Phase
from workbench.recording_info import RecordingInfo, State
from workbench.system import GpuLoad, SystemLoad
from workbench.tui import texts
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens import language
from workbench.tui.screens.ask import Ask
from workbench.tui.screens.device import DeviceScreen
from workbench.tui.screens.live import LiveScreen
from workbench.tui.widgets.captions import CaptionView
from workbench.tui.widgets.system import SystemPanel
from workbench.types import Transcript

Make = Callable[..., WorkbenchApp]
GIB = 1024**3
MICROPHONE = Device("usb", "USB Audio", "input", 48_000, 1, True, "ALSA")
MONITOR = Device("speakers.monitor", "Speakers", "monitor", 44_100, 2, False, "PulseAudio")
SPEAKERS = Device("speakers", "Speakers", "output", 44_100, 2, True, "PulseAudio")
VAD = ModelState(StageKind.VAD, "silero-vad", "", Phase.READY)
ASR = ModelState(StageKind.ASR, "faster-whisper", "tiny.en", Phase.READY)


class Machine:
    """Always as busy."""

    def sample(self) -> SystemLoad:
        gpu = GpuLoad(name="H100", utilisation_percent=12.0, memory_used=8 * GIB, memory_total=80 * GIB)
        return SystemLoad(41.0, 88.0, 2 * GIB, 16 * GIB, GIB // 2, (gpu,), 21 * GIB)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> list[Device]:
    """What is plugged in."""
    plugged_in = [MICROPHONE, MONITOR, SPEAKERS]
    monkeypatch.setattr("workbench.system.SystemMonitor", Machine)
    monkeypatch.setattr("workbench.audio.devices.find_device", lambda wanted, kind: plugged_in[0])
    monkeypatch.setattr("workbench.audio.devices.devices", lambda: list(plugged_in))
    return plugged_in


def said(number: int, text: str, *, final: bool = True, stable: str = "", language: str = "en") -> Transcript:
    start = 738.0 + 6 * number
    return Transcript(
        segment_id=number, text=text, language=language, start=start, end=start + 2, stable=stable, is_final=final
    )


def tell(live: FakeLive, number: int, text: str, translation: str = "", **kwargs: Any) -> None:
    transcript = said(number, text, **kwargs)
    live.tell(events.Transcript(transcript=transcript))
    if translation:
        live.tell(events.Translation(transcript=transcript, translation=transcript.translated(translation, "zh")))


def status(**changed: Any) -> LiveStatus:
    given: dict[str, Any] = {
        "phase": LivePhase.RECORDING,
        "label": "USB Audio",
        "lost": False,
        "refused": False,
        "silent": False,
        "captured": 761.0,
        "done": 760.2,
        "reached": 760.2,
        "overflows": 0,
        "stages": (
            StageStatus(StageKind.VAD, "silero-vad", "", 0.003, 0.008, 0, 2, 0, 0),
            StageStatus(StageKind.ASR, "faster-whisper", "tiny.en", 0.64, 0.9, 1, 8, 3, 0),
        ),
    }
    return LiveStatus(**(given | changed))


def begin(live: FakeLive) -> None:
    """A session goes on: someone speaks and is translated."""
    live.settings = Settings(language="en", target_language="zh")
    live.states = (VAD, ASR, ModelState(StageKind.TRANSLATION, "bergamot", "en-zh", Phase.DOWNLOADING, 41, 100))
    live.given = status()
    live.phase = LivePhase.RECORDING
    time = np.arange(16_000 * 13) / 16_000
    loudness = np.abs(np.sin(time * 2)) * np.abs(np.sin(time * 0.4)) * 0.5
    live.meter.add((np.sin(2 * np.pi * 440 * time) * loudness).astype(np.float32), 16_000)


def speak(live: FakeLive) -> None:
    live.tell(events.SpeechStarted(segment_id=0, start=750.0))
    live.tell(events.SpeechEnded(segment_id=0, start=750.0, end=754.0))
    source = "So the checkpoint is only written after the segment is final, and the folder is synchronized too."
    tell(live, 0, source, "因此只有在片段确定之后才会写入检查点，文件夹也会同步。")
    tell(live, 1, "And what happens if the disk is full?")
    live.tell(events.SpeechStarted(segment_id=2, start=757.0))
    tell(live, 2, "then the job pauses and tells you how to", final=False, stable="then the job pauses")


def screen(app: WorkbenchApp) -> LiveScreen:
    assert isinstance(app.screen, LiveScreen)
    return app.screen


async def pauses(pilot: Pilot[int], condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds, and that is drawn."""
    await fakes.until(condition)
    await pilot.pause()


# what is shown


def test_an_empty_screen_says_where_captions_come(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pauses(pilot, lambda: any("What is said appears here." in line for line in lines(app)))
        live.tell(events.Transcript(transcript=said(0, "words")))
        await pauses(pilot, lambda: any("words" in line for line in lines(app)))
        assert not any("What is said appears here." in line for line in lines(app))

    drive(app := make("live"), test)


def looks(live: FakeLive, *keys: str) -> Callable[[Pilot[int]], Any]:
    async def run(pilot: Pilot[int]) -> None:
        await shown(pilot)
        speak(live)
        await pilot.press(*keys)
        live_screen = pilot.app.screen
        assert isinstance(live_screen, LiveScreen)
        view = live_screen.query_one(SystemPanel)
        await pauses(pilot, lambda: "41 %" in "".join(view.plain) or not view.display)
        for _every_second_one_shows_all in range(2):
            live_screen._look()
        await pilot.pause()

    return run


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_it_is_complete_at_every_size(make: Make, live: FakeLive, snap_compare: Any, size: tuple[int, int]) -> None:
    begin(live)
    assert snap_compare(make("live"), terminal_size=size, run_before=looks(live))


def test_a_small_terminal_keeps_level_captions_and_states(make: Make, live: FakeLive, snap_compare: Any) -> None:
    begin(live)
    assert snap_compare(make("live"), terminal_size=(60, 15), run_before=looks(live))


def test_without_colour_states_can_be_told_apart(
    make: Make, live: FakeLive, snap_compare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    begin(live)
    live.given = status(lost=True)
    assert snap_compare(make("live"), terminal_size=SIZES["medium"], run_before=looks(live))


def test_in_chinese(make: Make, live: FakeLive, snap_compare: Any) -> None:
    texts.use("zh")
    begin(live)
    assert snap_compare(make("live"), terminal_size=SIZES["medium"], run_before=looks(live))


def test_a_lost_device_and_silence_are_told_with_the_next_step(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        live.given = status(lost=True)
        screen(app)._look()
        await pilot.pause()
        assert any("DEVICE LOST" in line and "d other device" in line for line in lines(app))
        live.given = status(silent=True)
        screen(app)._look()
        await pilot.pause()
        assert any("NO SIGNAL" in line and "d other device" in line for line in lines(app))

    begin(live)
    drive(app := make("live"), test)


def test_a_state_is_on_the_screen_as_soon_as_it_changes(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        for phase, word in ((Phase.LOADING, "loading"), (Phase.WARMING, "warming up"), (Phase.READY, "ready")):
            live.become(ModelState(StageKind.ASR, "faster-whisper", "tiny.en", phase))
            await pilot.pause()
            assert any("tiny.en" in line and word in line for line in lines(app))

    drive(app := make("live"), test)


def test_a_translation_is_only_waited_for_where_an_engine_makes_one(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        live.become(VAD, ASR)
        tell(live, 0, "One.")
        await pilot.pause()
        assert any("en → zh  not translated" in line for line in lines(app))
        assert not any("~ …" in line for line in lines(app))
        live.become(VAD, ASR, ModelState(StageKind.TRANSLATION, "bergamot", "en-zh", Phase.READY))
        tell(live, 1, "Two.")
        await pilot.pause()
        assert any("en → zh  source first" in line for line in lines(app))
        assert any("~ …" in line for line in lines(app))

    begin(live)
    drive(app := make("live"), test)


# it rests while nothing moves


def test_nothing_is_drawn_while_nothing_moves(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        live.become(VAD)
        await pauses(pilot, lambda: not screen(app)._moves)
        live.become(ModelState(StageKind.ASR, "faster-whisper", "tiny.en", Phase.LOADING))
        assert screen(app)._moves
        live.become(ASR)
        assert not screen(app)._moves
        await pilot.press("r")
        await pauses(pilot, lambda: screen(app)._moves)
        await pilot.press("r")
        await pauses(pilot, lambda: not screen(app)._moves)
        await pauses(pilot, lambda: "CPU  ░░░░   - %" in "\n".join(lines(app)))

    drive(app := make("live"), test)


def test_at_rest_the_meter_says_how_to_begin_and_opens_no_input(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert "off  r records, i tests the input" in lines(app)[3]
        assert not {"listen", "start"} & {told[0] for told in live.told}
        await pilot.press("r")
        await pauses(pilot, lambda: "peak" in lines(app)[3])
        await pilot.press("r")
        await pauses(pilot, lambda: "r records" in lines(app)[3])

    drive(app := make("live"), test)


def test_at_rest_everything_follows_the_size_of_the_terminal(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        for width in (90, 81, 100, 83):
            await pilot.resize_terminal(width, 24)
            await pauses(pilot, lambda width=width: len(lines(app)[6]) == width - 1)  # type: ignore[misc]

    drive(app := make("live"), test)


def test_captions_go_on_while_another_screen_is_shown(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("7")
        for number in range(30):
            tell(live, number, f"caption {number}")
        await pilot.press("1")
        await pilot.pause()
        assert any("caption 29" in line for line in lines(app))

    begin(live)
    drive(app := make("live"), test)


# recording


def test_r_records_and_stops_and_says_where_it_is_saved(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("r")
        await pauses(pilot, lambda: live.phase is LivePhase.RECORDING)
        assert live.told[-1] == ("start", Source(device="usb"), None)
        live.recording = Kept()
        await pilot.press("r")
        await pauses(pilot, lambda: live.phase is LivePhase.IDLE)
        assert "stop" in live.told
        assert any("2026-11-21_090832" in notice.message for notice in app.notices)

    drive(app := make("live", device="usb"), test)


def test_a_session_that_captured_nothing_is_said_not_to_be_kept(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("r")
        await pauses(pilot, lambda: live.phase is LivePhase.RECORDING)
        await pilot.press("r")
        await pauses(pilot, lambda: live.phase is LivePhase.IDLE)
        await pauses(pilot, lambda: any("no session is kept" in line for line in lines(app)))

    drive(app := make("live"), test)


def test_what_was_shown_gives_way_to_a_new_session(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        tell(live, 0, "old words")
        await pilot.press("r")
        await pauses(pilot, lambda: live.phase is LivePhase.RECORDING)
        assert screen(app).query_one(CaptionView).captions == []

    drive(app := make("live"), test)


def test_a_second_stop_asks_before_it_drops_what_waits(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("r")
        await pauses(pilot, lambda: live.phase is LivePhase.RECORDING)
        live.given = status(captured=20.0, done=15.0, reached=15.0)
        await pilot.press("r", "r")
        assert isinstance(app.screen, Ask)
        assert any("5.0 s of audio" in line for line in lines(app))
        await pilot.press("escape")
        assert "discard" not in live.told
        assert live.phase is LivePhase.FINISHING
        await pilot.press("r", "d")
        await pauses(pilot, lambda: live.phase is LivePhase.IDLE)
        assert "discard" in live.told

    drive(app := make("live"), test)


def test_the_question_goes_away_when_nothing_is_left_to_drop(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("r")
        await pauses(pilot, lambda: live.phase is LivePhase.RECORDING)
        live.given = status(captured=20.0, done=15.0, reached=15.0)
        await pilot.press("r", "r")
        assert isinstance(app.screen, Ask)
        live.ended.set()
        await pauses(pilot, lambda: not isinstance(app.screen, Ask))
        assert "discard" not in live.told

    drive(app := make("live"), test)


def test_space_pauses_and_goes_on(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert "space Pause" not in lines(app)[-1]
        await pilot.press("r")
        await pauses(pilot, lambda: live.phase is LivePhase.RECORDING)
        assert "space Pause" in lines(app)[-1]
        await pilot.press("space")
        assert live.phase.value == "paused"
        await pilot.pause()
        assert "space Resume" in lines(app)[-1]
        await pilot.press("space")
        assert live.phase.value == "recording"

    drive(app := make("live"), test)


def test_a_device_that_cannot_be_opened_is_told_with_what_to_do(
    make: Make, live: FakeLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start(source: Source, recording: Any = None) -> None:
        raise MissingError("there is no device 'usb'")

    async def test(pilot: Pilot[int]) -> None:
        tell(live, 0, "words of before")
        await pilot.press("r")
        await pauses(pilot, lambda: bool(app.notices))
        (notice,) = app.notices
        assert (notice.message, notice.severity) == ("there is no device 'usb'", "error")
        assert "d chooses" in notice.hint
        assert len(screen(app).query_one(CaptionView).captions) == 1

    monkeypatch.setattr(live, "start", start)
    drive(app := make("live"), test)


def test_what_was_wrong_with_the_input_is_over_when_another_one_is_recorded(
    make: Make, live: FakeLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = live.start

    async def fail(source: Source, recording: Any = None) -> None:
        raise MissingError("there is no device 'usb'")

    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("r")
        await pauses(pilot, lambda: "there is no device" in lines(app)[-2])
        monkeypatch.setattr(live, "start", start)
        await pilot.press("r")
        await pauses(pilot, lambda: live.phase.value == "recording")
        await pauses(pilot, lambda: "there is no device" not in lines(app)[-2])
        assert not app.unseen
        assert len(app.notices) == 1, "it stays in the list"

    monkeypatch.setattr(live, "start", fail)
    drive(app := make("live"), test)


def test_the_keys_of_the_screen_come_before_those_that_all_screens_have(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        shown = lines(app)[-1].split()
        assert shown[:2] == ["r", "Record"]
        assert shown[-4:] == [":", "Commands", "?", "Help"]

    drive(app := make("live"), test)


class Kept:
    """A recording that a crash left."""

    name = "2026-11-21_090832"

    def info(self) -> RecordingInfo:
        return RecordingInfo(
            name=self.name,
            title="",
            started=datetime(2026, 11, 21, 9, 8, 32, tzinfo=UTC),
            duration=125.0,
            state=State.INTERRUPTED,
            source="USB Audio",
            profile="cpu",
            language="en",
            target_language=None,
            segments=1,
            preview="",
        )

    def told(self) -> list[events.Event]:
        return [events.Transcript(transcript=said(0, "words of before"))]


@pytest.mark.parametrize(("key", "told"), [("f", "finish"), ("c", "start")])
def test_a_session_that_a_crash_left_is_offered(
    make: Make, live: FakeLive, monkeypatch: pytest.MonkeyPatch, key: str, told: str
) -> None:
    kept = Kept()
    monkeypatch.setattr("workbench.sessions.interrupted", lambda: [kept])

    async def test(pilot: Pilot[int]) -> None:
        await pauses(pilot, lambda: isinstance(app.screen, Ask) and app.screen.is_seen)
        assert any("2026-11-21_090832" in line and "2:05" in line for line in lines(app))
        await pilot.press(key)
        await pauses(pilot, lambda: live.phase is not LivePhase.IDLE)
        assert live.told[-1][0] == told
        assert kept in live.told[-1]
        assert [caption.text for caption in screen(app).query_one(CaptionView).captions] == ["words of before"]

    drive(app := make("live"), test)


def test_it_is_not_offered_over_another_screen(make: Make, live: FakeLive, monkeypatch: pytest.MonkeyPatch) -> None:
    may_look, was_asked = threading.Event(), threading.Event()

    def interrupted() -> list[Any]:
        was_asked.set()
        may_look.wait()
        return [kept]

    def info() -> RecordingInfo:
        told.append("info")
        return Kept().info()

    async def test(pilot: Pilot[int]) -> None:
        await fakes.until(was_asked.is_set)
        await pilot.press("7")
        may_look.set()
        await fakes.until(lambda: bool(told))
        await pilot.pause()
        assert not isinstance(app.screen, Ask)

    kept, told = Kept(), list[str]()
    monkeypatch.setattr(kept, "info", info)
    monkeypatch.setattr("workbench.sessions.interrupted", interrupted)
    drive(app := make("live"), test)


@pytest.mark.parametrize("key", ["f", "c"])
def test_what_cannot_be_read_of_it_is_told_and_ends_nothing(
    make: Make, live: FakeLive, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    def read() -> list[events.Event]:
        raise InputError("journal.jsonl: it cannot be read", hint="Look at the disk.")

    async def test(pilot: Pilot[int]) -> None:
        await pauses(pilot, lambda: isinstance(app.screen, Ask) and app.screen.is_seen)
        await pilot.press(key)
        await fakes.until(lambda: any("cannot be read" in notice.message for notice in app.notices))
        assert live.phase is LivePhase.IDLE

    kept = Kept()
    monkeypatch.setattr(kept, "told", read)
    monkeypatch.setattr("workbench.sessions.interrupted", lambda: [kept])
    drive(app := make("live"), test)
    assert app.failure is None


def test_a_folder_of_sessions_that_cannot_be_read_ends_nothing(
    make: Make, live: FakeLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> list[Any]:
        asked.append("once")
        raise InputError("sessions: it cannot be read")

    async def test(pilot: Pilot[int]) -> None:
        await fakes.until(lambda: len(asked) == 2)
        await pilot.press("r")
        await pauses(pilot, lambda: live.phase is LivePhase.RECORDING)

    asked: list[str] = []
    monkeypatch.setattr("workbench.sessions.interrupted", interrupted)
    drive(app := make("live"), test)
    assert app.failure is None


# input


async def choose_device(pilot: Pilot[int]) -> OptionList:
    await pilot.press("d")
    assert isinstance(pilot.app.screen, DeviceScreen)
    options = pilot.app.screen.query_one(OptionList)
    await pauses(pilot, lambda: options.option_count > 1)
    return options


def test_devices_are_listed_with_their_rates_and_one_is_chosen(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await choose_device(pilot)
        shows = "\n".join(lines(app))
        assert "USB Audio  48000 Hz  ALSA  default" in shows
        assert "Speakers  44100 Hz  PulseAudio  what is played" in shows
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        assert app.choices.device == "speakers.monitor"
        assert "Speakers  44100 Hz" in lines(app)[1]
        assert not any(told[0] == "use" for told in live.told)

    drive(app := make("live"), test)


def test_a_running_session_takes_another_device_at_once(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await choose_device(pilot)
        await pilot.press("down", "enter")
        assert live.told[-1] == ("use", Source(device="usb"))

    begin(live)
    drive(make("live"), test)


def test_the_list_follows_what_is_plugged_in(make: Make, live: FakeLive, machine: list[Device]) -> None:
    async def test(pilot: Pilot[int]) -> None:
        options = await choose_device(pilot)
        await pilot.press("down", "down")
        machine.pop(0)
        assert isinstance(app.screen, DeviceScreen)
        app.screen._look()
        await pauses(pilot, lambda: options.option_count == 2)
        assert options.highlighted == 1
        assert options.get_option_at_index(1).id == "speakers.monitor"
        await pilot.press("escape")
        assert app.choices.device is None

    drive(app := make("live"), test)


def test_a_file_is_played_as_if_it_were_a_device(make: Make, live: FakeLive, tmp_path: Path) -> None:
    file = tmp_path / "talk.wav"

    async def test(pilot: Pilot[int]) -> None:
        await choose_device(pilot)
        field = app.screen.query_one(Input)
        field.focus()
        field.value = str(file)
        await pilot.press("enter")
        await pauses(pilot, lambda: any("There is no file" in line for line in lines(app)))
        file.touch()
        await pilot.press("enter")
        await pauses(pilot, lambda: app.current_mode == "live" and isinstance(app.screen, LiveScreen))
        await pilot.press("r")
        await pauses(pilot, lambda: live.phase is LivePhase.RECORDING)
        assert live.told[-1] == ("start", Source(path=file), None)
        assert app.choices.device is None

    drive(app := make("live"), test)


def test_the_input_can_be_tested_before_recording(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("i")
        await pauses(pilot, lambda: screen(app)._input.is_tested)
        assert live.told[-1] == ("listen", Source())
        assert "listening" in lines(app)[1]
        await pilot.press("i")
        await pauses(pilot, lambda: not screen(app)._input.is_tested)
        assert live.told[-1] == "unlisten"

    drive(app := make("live"), test)


def test_a_clip_stays_until_it_is_reset(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert "! CLIP 1" in lines(app)[2]
        await pilot.press("c")
        await pilot.pause()
        assert "CLIP 0" in lines(app)[2]

    live.meter.add(np.ones(1600, np.float32), 16_000)
    drive(app := make("live"), test)


# captions


def test_captions_are_found_and_copied(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        for number in range(20):
            tell(live, number, "a needle" if number == 3 else f"caption {number}")
        await pilot.press("slash", *"needle", "enter")
        await pilot.pause()
        assert any(line.startswith(" >   12:36  a needle") for line in lines(app))
        await pilot.press("y")
        assert app.clipboard == "12:36 a needle"

    begin(live)
    drive(app := make("live"), test)


def test_new_captions_are_counted_while_it_does_not_follow(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        for number in range(40):
            tell(live, number, f"caption {number}")
        await pilot.pause()
        await pilot.press("g")
        for number in range(40, 43):
            tell(live, number, f"caption {number}")
        await pilot.pause()
        assert any("3 new, f follows" in line for line in lines(app))
        await pilot.press("f")
        await pilot.pause()
        assert any("caption 42" in line for line in lines(app))

    begin(live)
    drive(app := make("live"), test)


def test_times_languages_and_speech_are_chosen_and_kept(
    make: Make, live: FakeLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language, "targets", lambda *_: {"zh", "ja"})

    async def test(pilot: Pilot[int]) -> None:
        tell(live, 0, "One.")
        await pilot.press("t", "b")
        assert app.choices.layout["live"] == {"times": False, "order": "translation-first"}
        await pilot.press("T", "down", "enter")
        await pilot.pause()
        assert live.settings.target_language == "zh"
        assert "any language → zh  not translated" in "\n".join(lines(app))
        await pilot.press("l", "down", "enter")
        await pilot.pause()
        assert live.settings == Settings(language="en", target_language="zh")
        assert app.choices.layout["live"]["target_language"] == "zh"
        await pilot.press("v")
        assert live.profile.live.speak

    drive(app := make("live"), test)


def test_choices_of_the_last_run_hold(make: Make, live: FakeLive) -> None:
    kept = {"times": False, "order": "source", "language": "en", "target_language": "de"}

    async def test(pilot: Pilot[int]) -> None:
        assert live.settings == Settings(language="en", target_language="de")
        tell(live, 0, "One.")
        await pilot.pause()
        assert any(line.strip() == "One." for line in lines(app))

    drive(app := make("live", layout={"live": kept}), test)


def test_any_language_can_be_typed(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("l", "end", "enter", *"no language", "enter")
        await pilot.pause()
        assert any("is no language tag" in line for line in lines(app))
        app.screen.query_one(Input).value = "pt-BR"
        await pilot.press("enter")
        await pilot.pause()
        assert live.settings.language == "pt-BR"

    drive(app := make("live"), test)


def test_choices_of_the_last_run_that_make_no_sense_are_passed_over(make: Make, live: FakeLive) -> None:
    async def test(pilot: Pilot[int]) -> None:
        assert live.settings == Settings()
        assert "any language" in "\n".join(lines(app))

    app = make("live", layout={"live": {"target_language": 5, "language": ["zh"], "order": 3}})
    drive(app, test)
