"""The screen of sessions, on what is really on disk."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests import fakes
from tests.tui.conftest import SIZES, drive, lines
from tests.tui.small_engines import Plug, small_registry
from workbench import events, sessions
from workbench.builtin.subtitles import SubtitleExporter
from workbench.live import Live
from workbench.plugins import Plugin
from workbench.profiles.schema import Profile
from workbench.sessions import Recording, State
from workbench.tui import texts
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.export import ExportScreen
from workbench.tui.screens.prompt import Prompt
from workbench.tui.screens.sessions import SessionsScreen
from workbench.tui.widgets.captions import CaptionView
from workbench.tui.widgets.flag import Flag
from workbench.types import Transcript

Make = Callable[..., WorkbenchApp]


def record(
    name: str,
    *said: tuple[str, str],
    title: str = "",
    seconds: float = 10.0,
    done: float | None = None,
    target: str | None = None,
) -> Recording:
    """A session on disk: texts with their translations, two seconds each, worked on up to `done`."""
    recording = Recording.create(source="USB Audio", profile="quick", language="en", target_language=target)
    spool, journal = recording.spool(), recording.journal()
    spool.append(np.full(16_000, 0.1, np.float32))
    spool.append_silence(seconds - 1.0)
    for number, (text, translated) in enumerate(said):
        start = 2.0 * number
        journal.write(events.SpeechStarted(segment_id=number, start=start))
        transcript = Transcript(segment_id=number, text=text, language="en", start=start, end=start + 1.8)
        journal.write(events.Transcript(transcript=transcript))
        if translated:
            translation = transcript.translated(translated, language=target or "zh")
            journal.write(events.Translation(transcript=transcript, translation=translation))
    journal.write(events.Progress(position=seconds if done is None else done))
    recording.close()
    if title:
        recording.rename(title)
    manifest = recording.folder / "session.json"
    started = f"{name[:10]}T{name[11:13]}:{name[13:15]}:{name[15:17]}+00:00"
    manifest.write_text(json.dumps(json.loads(manifest.read_text("utf-8")) | {"started": started}), "utf-8")
    recording.folder.rename(recording.folder.with_name(name))
    return Recording(recording.folder.with_name(name))


TALK, MEETING, CUT = "2026-11-21_090000", "2026-11-20_150000", "2026-11-19_120000"


@pytest.fixture(autouse=True)
def recorded(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sessions; one was interrupted."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.chdir(folders)
    record(TALK, ("So the checkpoint is only written after it.", ""), ("And if the disk is full?", ""))
    said = [("The disk is full.", "磁盘满了。"), ("Then the job pauses.", "然后任务暂停。")]
    record(MEETING, *said, title="Weekly [planning]", target="zh", seconds=3725.0)
    record(CUT, ("It was cut off", ""), done=2.0)


@pytest.fixture
def run(make: Make) -> Callable[..., None]:
    """Drive the screen of a real live session."""

    def run(test: Any, size: tuple[int, int] = SIZES["small"]) -> None:
        registry = small_registry()
        registry.add(Plugin("subtitles", "workbench-subtitles", "1"), lambda: Plug(SubtitleExporter))
        quick = {"schema": 1, "name": "quick", "vad": {"engine": "gate"}, "asr": {"engine": "ears"}}
        app = make("sessions", on=Live(Profile.model_validate(quick), registry))

        async def with_screen(pilot: Pilot[int]) -> None:
            screen = cast(SessionsScreen, app.screen)
            await fakes.until(lambda: len(screen._table.shown) == 3 and bool(screen._captions))
            await pilot.pause()
            await test(pilot, app, screen)

        drive(app, with_screen, size)

    return run


def told(app: WorkbenchApp) -> str:
    return "\n".join(f"{notice.message} {notice.hint}" for notice in app.notices)


async def go_to(pilot: Pilot[int], screen: SessionsScreen, name: str) -> None:
    await pilot.press("g", *["j"] * list(screen._table.shown).index(name))
    found = screen.current
    assert found is not None
    assert found.info.name == name
    captions = found.recording.captions()
    await fakes.until(lambda: screen._captions == captions)
    await pilot.pause()


def test_sessions_are_listed_the_newest_first_with_their_state_and_text(run: Any) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        shown = lines(app)
        assert [line[2:15].rstrip() for line in shown[3:6]] == ["finished ✓", "finished ✓", "interrupted !"]
        assert "2026-11-20 15:00  1:02:05   Weekly [planning]" in shown[4]
        await go_to(pilot, screen, MEETING)
        text = "\n".join(lines(app))
        assert "0:02  Then the job pauses." in text
        assert "          然后任务暂停。" in text

    run(test)


def test_an_interrupted_session_offers_to_be_finished_and_is(run: Any) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        await go_to(pilot, screen, CUT)
        assert any("R works off the rest" in line for line in lines(app))
        await pilot.press("R")
        await fakes.until(lambda: screen._all[CUT].info.state is State.FINISHED)
        assert f"{CUT} is finished" in told(app)
        await pilot.press("R")
        await pilot.pause()
        assert f"Nothing of {CUT} is left" in told(app)

    run(test)


def test_slash_finds_in_all_texts_and_n_goes_from_hit_to_hit(run: Any) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        await pilot.press("slash", *"DISK is")
        await fakes.until(lambda: list(screen._table.shown) == [TALK, MEETING])
        await pilot.pause()
        assert any("2 found" in line for line in lines(app))
        await pilot.press("enter")
        captions = screen.query_one("#captions", CaptionView)
        await fakes.until(lambda: captions.selected == (1, 1))
        await pilot.press("n")
        await fakes.until(lambda: screen.current is not None and screen.current.info.name == MEETING)
        await pilot.press("slash", "escape")
        await fakes.until(lambda: len(screen._table.shown) == 3)

    run(test)


def test_a_hit_that_was_translated_since_is_still_shown(run: Any) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        await pilot.press("slash", *"the disk is", "enter")
        await fakes.until(lambda: list(screen._table.shown) == [TALK, MEETING] and bool(screen._captions))
        recording = screen._table.shown[TALK].recording
        transcript = screen._captions[1].transcript
        journal = recording.journal()
        translation = transcript.translated("如果磁盘满了？", language="zh")
        journal.write(events.Translation(transcript=transcript, translation=translation))
        recording.close()
        await pilot.press("j", "k")
        await fakes.until(lambda: any(caption.translation for caption in screen._captions))
        await pilot.pause()
        assert "bug" not in told(app)

    run(test)


def test_a_title_is_found_and_what_is_nowhere_says_so(run: Any) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        await pilot.press("slash", *"[plan")
        await fakes.until(lambda: list(screen._table.shown) == [MEETING])
        await pilot.press(*"xyz")
        await fakes.until(lambda: not screen._table.shown)
        await pilot.pause()
        assert any("nothing found" in line for line in lines(app))
        assert screen.current is None
        await pilot.press("enter", "o", "R", "E", "r", "x")
        assert app.screen is screen

    run(test)


def test_a_session_gets_a_title(run: Any) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        await pilot.press("r")
        await fakes.until(lambda: isinstance(app.screen, Prompt))
        await pilot.press(*"Talk", "enter")
        await fakes.until(lambda: screen._all[TALK].info.title == "Talk")
        await pilot.pause()
        assert any("Talk" in line for line in lines(app)[3:4])

    run(test)


def test_a_session_is_deleted_only_after_a_question(run: Any) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        await go_to(pilot, screen, MEETING)
        await pilot.press("x", "escape")
        await pilot.pause()
        assert sessions.find(MEETING).folder.exists()
        await pilot.press("x", "d")
        await fakes.until(lambda: list(screen._table.shown) == [TALK, CUT])
        assert [recording.name for recording in sessions.recordings()] == [TALK, CUT]

    run(test)


def test_the_rest_of_an_interrupted_session_can_be_left_as_it_is(run: Any) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        await go_to(pilot, screen, CUT)
        await pilot.press("x", "k")
        await fakes.until(lambda: screen._all[CUT].info.state is State.FINISHED)
        assert sessions.find(CUT).audio.exists()

    run(test)


def test_a_session_that_is_being_recorded_is_not_deleted(run: Any) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        recording = sessions.find(TALK)
        spool = recording.spool()
        await pilot.press("x", "d")
        await fakes.until(lambda: "is being recorded" in told(app))
        spool.close()
        recording.close()
        assert recording.folder.exists()

    run(test)


def test_y_copies_the_caption_or_the_whole_session(run: Any, folders: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        await go_to(pilot, screen, MEETING)
        assert screen.copied() == "0:00  The disk is full.  磁盘满了。\n0:02  Then the job pauses.  然后任务暂停。"
        await pilot.press("o", "j", "y")
        assert app.clipboard == "Then the job pauses.\n然后任务暂停。"
        await pilot.press("escape")
        assert app.focused is screen._table

    run(test)


def test_a_click_selects_the_caption_under_the_mouse(run: Any) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        await go_to(pilot, screen, MEETING)
        await pilot.click("#captions", offset=(15, 3))
        assert screen.query_one(CaptionView).selected == (1, 1)
        await pilot.press("y")
        assert app.clipboard == "Then the job pauses.\n然后任务暂停。"

    run(test)


def test_a_session_of_ten_hours_keeps_no_key_waiting(run: Any) -> None:
    said = [(f"This is what was said as number {number}, and it takes two lines.", "") for number in range(9000)]
    shutil.rmtree(sessions.find(CUT).folder)
    record(CUT, *said, seconds=1.0)

    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        with longest_step() as steps:
            await pilot.press("G")
            await fakes.until(lambda: len(screen._captions) == 9000)
            await pilot.press("o", "j", "y")
        assert "number 1," in app.clipboard
        began = time.thread_time()
        assert len(list(sessions.find(CUT).captions())) == 9000
        assert max(steps) < 0.8 * (time.thread_time() - began), "nothing takes as long as to read it"
        await pilot.press("slash", *"number 8999", "enter")
        await fakes.until(lambda: screen.query_one(CaptionView).selected == (8999, 8999))

    run(test)


def test_who_goes_on_while_a_long_session_is_read_sees_where_they_are(run: Any) -> None:
    shutil.rmtree(sessions.find(CUT).folder)
    record(CUT, *[(f"number {number}", "") for number in range(3000)], seconds=1.0)

    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        view = screen.query_one(CaptionView)
        await pilot.press("G", "k")
        await fakes.until(lambda: [caption.text for caption in view.captions][:1] == ["The disk is full."])
        assert len(screen._captions) == 2
        assert any("0:02  Then the job pauses." in line for line in lines(app))

    run(test)


@contextmanager
def longest_step() -> Iterator[list[float]]:
    """What the loop did each time before it came to something else, in seconds of its thread."""
    loop, steps = asyncio.get_running_loop(), [0.0]
    is_over = False

    def look(before: float) -> None:
        steps.append(time.thread_time() - before)
        if not is_over:
            loop.call_later(0.005, look, time.thread_time())

    look(time.thread_time())
    try:
        yield steps
    finally:
        is_over = True


async def export_form(pilot: Pilot[int], app: WorkbenchApp) -> ExportScreen:
    await pilot.press("E")
    await fakes.until(lambda: isinstance(app.screen, ExportScreen))
    await pilot.pause()
    return cast(ExportScreen, app.screen)


def content(path: str) -> str:
    return Path(path).read_text("utf-8")


def test_a_part_of_a_session_is_exported_in_several_formats(run: Any, folders: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        await go_to(pilot, screen, MEETING)
        form = await export_form(pilot, app)
        form.query_one("#format-txt", Flag).focus()
        await pilot.press("space")
        form.query_one("#start", Input).focus()
        await pilot.press(*"0:02", "tab", *"5")
        await pilot.press("f3")
        await fakes.until(lambda: "Written" in told(app))
        assert content(f"{MEETING}.txt").split("\n")[:2] == ["Then the job pauses.", "然后任务暂停。"]
        assert content(f"{MEETING}.srt").startswith("1\n00:00:00,")

    run(test)


def test_files_are_overwritten_only_after_a_question(run: Any, folders: Path) -> None:
    taken = folders / f"{TALK}.srt"
    taken.write_text("mine", "utf-8")

    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        await export_form(pilot, app)
        await pilot.press("f3")
        await fakes.until(lambda: any("There is already" in line for line in lines(app)))
        await pilot.press("escape")
        await pilot.pause()
        assert content(str(taken)) == "mine"
        await export_form(pilot, app)
        await pilot.press("f3")
        await fakes.until(lambda: any("There is already" in line for line in lines(app)))
        await pilot.press("o")
        await fakes.until(lambda: "Written" in told(app))
        assert "checkpoint" in content(str(taken))

    run(test)


def test_what_cannot_be_exported_is_told_while_it_is_typed(run: Any, folders: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: SessionsScreen) -> None:
        form = await export_form(pilot, app)
        form.query_one("#start", Input).focus()
        await pilot.press(*"soon", "f3")
        await pilot.pause()
        assert app.screen is form
        assert any("'soon' is no time" in line for line in lines(app))
        form.query_one("#start", Input).value = "9"
        form.query_one("#end", Input).value = "5"
        await pilot.pause()
        assert any("Nothing lies between" in line for line in lines(app))
        form.query_one("#start", Input).value = ""
        form.query_one("#format-srt", Flag).value = False
        await pilot.pause()
        assert any("No format is chosen" in line for line in lines(app))
        form.query_one("#format-wav", Flag).value = True
        form.query_one("#stem", Input).value = str(folders / "nowhere" / "x")
        await pilot.pause()
        await pilot.press("f3")
        await fakes.until(lambda: "there is no folder" in told(app))

    run(test)


@pytest.mark.parametrize("size", SIZES)
def test_the_screen_looks_as_it_should(make: Make, snap_compare: Any, size: str) -> None:
    assert snap_compare(make("sessions"), terminal_size=SIZES[size], run_before=_to(MEETING))


def test_states_are_told_apart_without_colour(make: Make, snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(make("sessions"), terminal_size=SIZES["medium"], run_before=_to(CUT))


def test_the_screen_speaks_chinese(make: Make, snap_compare: Any) -> None:
    texts.use("zh")
    assert snap_compare(make("sessions"), terminal_size=SIZES["small"], run_before=_to(MEETING))


def _to(name: str) -> Any:
    async def before(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, WorkbenchApp)
        await fakes.until(lambda: isinstance(app.screen, SessionsScreen) and bool(app.screen.query("SessionTable")))
        await fakes.until(lambda: len(cast(SessionsScreen, app.screen)._table.shown) == 3)
        await pilot.pause()
        await go_to(pilot, cast(SessionsScreen, app.screen), name)
        await pilot.pause()

    return before
