"""The screen of jobs, on a real queue with engines that write as many windows as a test allows."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select

from tests import fakes
from tests.jobs.scribe import PROFILE, Scribe, scribes
from tests.tui.conftest import SIZES, drive, lines
from workbench.engines import Settings, StageKind
from workbench.jobs.checkpoint import State
from workbench.jobs.queue import Queue
from workbench.jobs.request import Request
from workbench.jobs.store import JobStore
from workbench.live import Live, StageStatus
from workbench.outputs import Targets
from workbench.profiles import store as profile_store
from workbench.profiles.schema import Profile
from workbench.session import Session
from workbench.tui import texts
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens import jobs
from workbench.tui.screens.ask import Ask
from workbench.tui.screens.choose import Choose
from workbench.tui.screens.job_form import JobForm
from workbench.tui.screens.jobs import JobsScreen
from workbench.tui.widgets.flag import Flag
from workbench.tui.widgets.job_table import JobTable
from workbench.tui.widgets.job_text import JobText
from workbench.tui.widgets.notice_line import NoticeLine

Make: TypeAlias = Callable[..., WorkbenchApp]
Test: TypeAlias = Callable[[Pilot[int], WorkbenchApp, JobsScreen], Awaitable[None]]
Run: TypeAlias = Callable[..., WorkbenchApp]

TALK, MEETING, SONG = "talk.wav", "会议录音.mkv", "a-song-with-quite-a-long-name-that-no-terminal-has-room-for.mp3"


@pytest.fixture(autouse=True)
def media(folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three files of 3, 2 and 1 windows, and one that is no audio."""
    folder = folders / "media"
    folder.mkdir()
    for name, seconds in ((TALK, 12), (MEETING, 8), (SONG, 4)):
        (folder / name).write_text(f"{seconds} seconds of {name}")
    (folder / "notes.txt").write_text("nothing to hear")
    monkeypatch.chdir(folders)
    Scribe.reset()
    return folder


@pytest.fixture
def run(make: Make) -> Run:
    """Drive the screen of a real live session, and of a real queue."""

    def run(test: Test, size: tuple[int, int] = SIZES["medium"], profile: Any = PROFILE) -> WorkbenchApp:
        app = make("jobs", on=Live(Profile.model_validate(profile), scribes()))

        async def with_screen(pilot: Pilot[int]) -> None:
            await fakes.until(lambda: app.desk.is_open)
            await pilot.pause()
            await test(pilot, app, cast(JobsScreen, app.screen))
            Scribe.allow(1000)  # what an engine has in hand is waited for

        drive(app, with_screen, size)
        assert app.failure is None
        return app

    return run


def request(path: Path, **more: Any) -> Request:
    targets = Targets(path, (("srt", path.with_suffix(".srt")),))
    profile = Profile.model_validate(PROFILE)
    return Request(targets=targets, settings=Settings(language="en"), profile=profile, **more)


def states(app: WorkbenchApp) -> list[State]:
    return [entry.state for entry in app.desk.entries]


def told(app: WorkbenchApp) -> str:
    return "\n".join(f"{notice.message} {notice.hint}" for notice in app.notices)


def text(app: WorkbenchApp) -> str:
    return "\n".join(lines(app))


async def shows(pilot: Pilot[int], app: WorkbenchApp, words: str) -> None:
    """Wait until the screen has these words."""
    await fakes.until(lambda: words in text(app))
    await pilot.pause()


async def asked(pilot: Pilot[int], app: WorkbenchApp, kind: type = Ask) -> None:
    await fakes.until(lambda: isinstance(app.screen, kind) and app.screen.is_mounted)
    await pilot.pause()


def submit(app: WorkbenchApp, *paths: Path) -> None:
    for path in paths:
        app.desk.queue.submit(request(path))


# what is shown


def test_an_empty_list_says_how_to_add_files(run: Run) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        await shows(pilot, app, "No files yet: a adds some.")
        await shows(pilot, app, "a Add files")
        await pilot.press("p")
        await shows(pilot, app, "There is no file in the list")
        await pilot.press("R", "x", "d", "M", "plus", "C", "j", "y", "enter", "escape")
        assert app.screen is screen

    run(test)


def test_a_low_terminal_shows_many_files_and_the_text_of_one_instead_of_both(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        await pilot.press("o")
        await pilot.pause()
        assert screen.query_one(JobTable).has_focus, "there is nothing to open"
        paths = [media / f"talk-{number}.wav" for number in range(5)]
        for path in paths:
            path.write_text(f"8 seconds of {path.name}")
        submit(app, *paths)
        await fakes.until(lambda: all(path.name in text(app) for path in paths))
        await pilot.pause()
        await pilot.press("g", "o")
        await shows(pilot, app, "line 1")
        assert "talk-4.wav" not in text(app)
        await pilot.press("escape")
        await shows(pilot, app, "talk-4.wav")

    run(test, (60, 15))


def test_files_show_how_far_they_are_and_what_is_said_in_them_as_it_comes(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK)
        Scribe.allow(2)
        await shows(pilot, app, "small: line 2, 第2行。")
        await shows(pilot, app, " left ")
        row = next(line for line in lines(app) if TALK in line and "running ▶" in line)
        assert "█" in row
        assert " %" in row
        assert " left " in row
        await fakes.until(lambda: any(line.split()[:4] == ["text", "scribe", "small", "1"] for line in lines(app)))
        assert "0 of 1 files done   1 running" in text(app)
        assert "line 3" not in text(app)
        assert f"To: {media / 'talk.srt'}"[:60] in text(app)
        Scribe.allow(1)
        await shows(pilot, app, "done ✓")
        assert "100 %" in text(app)
        assert "1 of 1 files done" in text(app)
        assert "Stages" not in text(app)
        assert "Files that are done: 1; that failed: 0." in told(app)

    Scribe.reset(0)
    run(test)


def test_nothing_is_painted_while_nothing_changes(run: Run, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / SONG)
        await shows(pilot, app, "done ✓")
        await fakes.until(lambda: app.workers._workers == set() or all(w.is_finished for w in app.workers))
        looks = 0

        def look() -> None:
            nonlocal looks
            looks += 1

        monkeypatch.setattr(screen, "_look", look)
        for _ in range(3):
            screen._look_on()
        assert looks == 0
        app.desk.queue.prioritize(1, 3)
        screen._look_on()
        assert looks == 1

    run(test)


def test_the_text_can_be_gone_to_searched_and_copied(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK)
        await shows(pilot, app, "done ✓")
        await pilot.press("y")
        assert app.clipboard == str(media)
        await pilot.press("o", "slash", *"line 2", "enter")
        await pilot.pause()
        assert screen._text.selected == (1, 1)
        await pilot.press("o", "y")
        assert "line 2" in app.clipboard
        await pilot.press("escape")
        assert app.focused is screen._table

    run(test)


def test_files_are_found_by_name_and_chosen_with_keys_and_mouse(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK, media / MEETING, media / SONG)
        await shows(pilot, app, "3 of 3 files done")
        await pilot.press("slash", *"会议", "enter")
        await pilot.pause()
        assert screen.current is not None
        assert screen.current.number == 2
        await pilot.press("G")
        assert screen.current.number == 3
        await pilot.press("k", "k", "k")
        assert screen.current.number == 1
        await pilot.click("#jobs", offset=(5, 3))
        assert screen.current.number == 2
        await shows(pilot, app, f"─ {MEETING} ─")

    run(test)


# what can be done


def test_a_file_is_paused_in_the_middle_and_goes_on_from_there(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK)
        Scribe.allow(1)
        await shows(pilot, app, "line 1")
        await pilot.press("p")
        await shows(pilot, app, "stopping ◌")
        await pilot.press("p")
        await shows(pilot, app, "It stops when the engine has done what it has in hand.")
        Scribe.allow(1)
        await shows(pilot, app, "paused ‖")
        assert states(app) == [State.PAUSED]
        assert not (media / "talk.srt").exists() or not (media / "talk.srt").read_text()
        Scribe.allow(5)
        await pilot.press("p")
        await shows(pilot, app, "done ✓")
        assert [line for line in Scribe.written if "line 1" in line] == Scribe.written[:1], "it is kept"
        assert all(f"line {n}" in text(app) for n in (1, 2, 3))
        await pilot.press("p")
        await shows(pilot, app, "Nothing is left to be done of it.")

    Scribe.reset(0)
    run(test)


def test_a_file_is_cancelled_only_after_a_question_and_can_be_tried_again(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK)
        Scribe.allow(1)
        await shows(pilot, app, "line 1")
        await pilot.press("x")
        await asked(pilot, app)
        await pilot.press("escape")
        assert states(app) == [State.RUNNING]
        await pilot.press("x")
        await asked(pilot, app)
        await pilot.press("c")
        Scribe.allow(1)
        await shows(pilot, app, "cancelled –")
        assert "0 of 0 files done" in text(app)
        Scribe.allow(5)
        await pilot.press("R")
        await shows(pilot, app, "done ✓")
        assert [line for line in Scribe.written if "line 1" in line] == Scribe.written[:1], "it is kept"

    Scribe.reset(0)
    run(test)


def test_a_file_that_fails_says_why_and_what_to_do_and_can_be_tried_again(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        Scribe.error = ValueError("a crumb")
        submit(app, media / TALK, media / "nowhere.wav")
        await shows(pilot, app, "2 failed ✗")
        assert "a crumb" in text(app)
        assert "R tries again." in text(app)
        assert "talk.wav: " in told(app)
        missing = next(notice for notice in app.notices if "nowhere.wav" in notice.message)
        assert missing.message.count("nowhere.wav") == 1
        await pilot.press("j")
        await shows(pilot, app, "✗ there is no file")
        await pilot.press("k", "p")
        await shows(pilot, app, "It has ended: R tries again.")
        Scribe.error = None
        await pilot.press("R")
        await shows(pilot, app, "done ✓")
        assert [notice.about for notice in app.unseen] == ["job 2"], "what was told of the first is over"

    run(test)


def test_files_in_the_way_are_overwritten_only_after_a_question(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        (media / "talk.srt").write_text("by hand")
        submit(app, media / TALK)
        await shows(pilot, app, "failed ✗")
        await pilot.press("R")
        await asked(pilot, app)
        await pilot.press("escape")
        assert (media / "talk.srt").read_text() == "by hand"
        await pilot.press("R")
        await asked(pilot, app)
        await pilot.press("o")
        await shows(pilot, app, "done ✓")
        assert "line 3" in (media / "talk.srt").read_text()

    run(test)


def test_what_waits_changes_places_by_its_priority(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK)
        await shows(pilot, app, "running ▶")
        await pilot.press("plus")
        await shows(pilot, app, "It is being worked on: p pauses it first.")
        await pilot.press("p")
        Scribe.allow(1)
        await shows(pilot, app, "paused ‖")
        await pilot.press("plus", "plus", "minus")
        await shows(pilot, app, "+1│")
        assert app.desk.entries[0].request.priority == 1

    Scribe.reset(0)
    run(test)


def test_a_file_that_waits_gets_another_profile(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        folder = profile_store.user_dir()
        folder.mkdir(parents=True, exist_ok=True)
        for name, model in (("big", "large"), ("wrong", 'large" \nx = "1')):
            (folder / f"{name}.toml").write_text(
                f'schema = 1\nname = "{name}"\n[vad]\nengine = "ear"\n[asr]\nengine = "scribe"\n'
                f'options = {{ model = "{model}" }}\n'
            )
        submit(app, media / TALK)
        await shows(pilot, app, "running ▶")
        await pilot.press("p")
        Scribe.allow(1)
        await shows(pilot, app, "paused ‖")
        await pilot.press("M")
        await asked(pilot, app, Choose)
        app.screen.dismiss("wrong")
        await fakes.until(lambda: "3 Profile shows and corrects it." in told(app))
        await pilot.press("M")
        await asked(pilot, app, Choose)
        app.screen.dismiss("big")
        await shows(pilot, app, "profile big")
        Scribe.allow(10)
        await pilot.press("p")
        await shows(pilot, app, "done ✓")
        assert Scribe.made == ["small", "large"]
        assert "large: line 1" in text(app)
        await fakes.until(lambda: "large" not in [state.model for state in app.live.states])
        assert "small" in [state.model for state in app.live.states], "the live session has it still"

    Scribe.reset(0)
    run(test)


def test_other_engines_for_live_audio_take_none_away_from_a_file(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK)
        await shows(pilot, app, "running ▶")
        asr = {"engine": "scribe", "options": {"packing": False, "model": "large"}}
        app.live.change(profile=Profile.model_validate({**PROFILE, "asr": asr}))
        await app.live.settled()
        Scribe.allow(10)
        await shows(pilot, app, "done ✓")
        assert {line.partition(":")[0] for line in Scribe.written} == {"small"}
        await fakes.until(lambda: [state.model for state in app.live.states] == ["", "large"])
        assert Scribe.made == ["small", "large"], "the file has what was loaded for live audio"

    Scribe.reset(0)
    run(test)


def test_what_is_over_is_taken_off_the_list(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / "nowhere.wav", media / TALK, media / SONG)
        await shows(pilot, app, "2 of 3 files done")
        await pilot.press("d")
        await fakes.until(lambda: [entry.number for entry in app.desk.entries] == [2, 3])
        assert screen.current is not None
        assert screen.current.number == 2
        assert not app.unseen
        await pilot.press("C")
        await shows(pilot, app, "No files yet")

    run(test)


def test_what_is_not_over_is_not_taken_off(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK)
        await shows(pilot, app, "running ▶")
        await pilot.press("d")
        await shows(pilot, app, "p pauses it first")
        await pilot.press("R")
        await pilot.pause()
        assert states(app) == [State.RUNNING]

    Scribe.reset(0)
    run(test)


# what was said, of files that nobody works on


def captions(screen: JobsScreen) -> list[str]:
    return [caption.text for caption in screen.query_one(JobText).captions]


def test_what_was_said_in_a_file_that_is_done_is_read_from_disk(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK, media / SONG)
        await shows(pilot, app, "2 of 2 files done")
        assert [app.desk.told(number) for number in (1, 2)] == [None, None], "no text is kept in memory"
        await pilot.press("j")
        await fakes.until(lambda: len(captions(screen)) == 1)
        await pilot.press("k")
        await fakes.until(lambda: len(captions(screen)) == 3)
        await shows(pilot, app, "line 3")
        assert "appears here" not in text(app)

    run(test)


def test_what_was_said_before_a_file_was_paused_is_shown_in_the_next_run(run: Run, media: Path) -> None:
    async def leave(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK)
        Scribe.allow(2)
        await shows(pilot, app, "line 2")
        await pilot.press("p")
        Scribe.allow(1)
        await fakes.until(lambda: states(app) == [State.PAUSED])

    async def come_back(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        await shows(pilot, app, "paused ‖")
        await fakes.until(lambda: len(captions(screen)) >= 2)

    Scribe.reset(0)
    run(leave)
    run(come_back)


def test_who_reads_back_is_left_in_peace_when_the_file_is_done(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK)
        Scribe.allow(2)
        await shows(pilot, app, "line 2")
        await pilot.press("o", "g")
        assert screen.query_one(JobText).selected == (0, 0)
        Scribe.allow(1)
        await shows(pilot, app, "done ✓")
        await fakes.until(lambda: len(captions(screen)) == 3)
        assert screen.query_one(JobText).selected == (0, 0)

    Scribe.reset(0)
    run(test)


def test_a_file_that_was_done_while_another_screen_was_shown_has_all_its_text(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK)
        Scribe.allow(1)
        await shows(pilot, app, "line 1")
        await pilot.press("p")
        Scribe.allow(1)
        await shows(pilot, app, "paused ‖")
        await pilot.press("7")
        app.desk.queue.resume(1)
        Scribe.allow(2)
        await fakes.until(lambda: states(app) == [State.FINISHED])
        await pilot.press("2")
        await fakes.until(lambda: len(captions(screen)) == 3)

    Scribe.reset(0)
    run(test)


def test_a_file_whose_text_was_cleaned_up_shows_none(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK, media / SONG)
        await shows(pilot, app, "2 of 2 files done")
        JobStore().remove(app.desk.entries[1].name)
        await pilot.press("j")
        await shows(pilot, app, "nothing was said")
        assert captions(screen) == []
        assert not app.unseen

    run(test)


# adding


async def opened(pilot: Pilot[int], app: WorkbenchApp) -> JobForm:
    await pilot.press("a")
    await asked(pilot, app, JobForm)
    return cast(JobForm, app.screen)


def test_a_folder_is_added_with_a_language_a_translation_and_formats(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        form = await opened(pilot, app)
        form.query_one("#path", Input).value = str(media)[:-2]
        await pilot.press("end")
        await fakes.until(lambda: form.query_one("#path", Input)._suggestion.startswith(str(media)))
        await pilot.press("right")
        assert form.query_one("#path", Input).value == f"{media}/"
        form.query_one("#language", Select).value = "en"
        form.query_one("#target", Select).value = "de"
        form.query_one("#show", Select).value = "both"
        form.query_one("#format-vtt", Flag).value = True
        form.query_one("#folder", Input).value = str(media / "made")
        await pilot.press("f3")
        await fakes.until(lambda: len(app.desk.entries) == 3)
        await shows(pilot, app, "3 of 3 files done")
        made = sorted(path.name for path in (media / "made").iterdir())
        assert made == sorted(f"{Path(n).stem}.de.{f}" for n in (TALK, MEETING, SONG) for f in ("srt", "vtt"))
        assert "(small: line 3, 第3行。)" in (media / "made" / "talk.de.srt").read_text()
        assert app.choices.layout["jobs"] == {"formats": ["srt", "vtt"], "show": "both"}

    run(test)


def test_the_form_starts_with_what_the_profile_says(run: Run) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        form = await opened(pilot, app)
        chosen = [form.query_one(f"#{id}", Select).value for id in ("language", "target")]
        assert chosen == ["en", "zh"]
        await pilot.press("escape")
        assert app.screen is screen

    run(test, profile={**PROFILE, "settings": {"language": "en", "target_language": "zh"}})


def test_the_form_says_what_is_wrong_and_stays(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        form = await opened(pilot, app)
        await pilot.press("f3")
        await shows(pilot, app, "Type the path of a file or a folder.")
        form.query_one("#path", Input).value = str(media / "nothing")
        await pilot.press("f3")
        await shows(pilot, app, "There is no file")
        (media / "empty").mkdir()
        form.query_one("#path", Input).value = str(media / "empty")
        await pilot.press("f3")
        await shows(pilot, app, "There is no audio or video in")
        form.query_one("#format-srt", Flag).value = False
        await pilot.press("f3")
        await shows(pilot, app, "No format is chosen.")
        assert app.screen is form

    run(test, SIZES["large"])


def test_files_that_are_there_are_kept_or_overwritten_as_answered(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        async def add(answer: str) -> None:
            form = await opened(pilot, app)
            form.query_one("#path", Input).value = str(media / TALK)
            await pilot.press("f3")
            if answer:
                await asked(pilot, app)
                await pilot.press(answer)

        await add("")
        await shows(pilot, app, "1 of 1 files done")
        await add("escape")
        await add("k")
        await shows(pilot, app, "was done ✓")
        assert len(Scribe.written) == 3
        (media / "talk.srt").write_text("by hand")
        await add("o")
        await shows(pilot, app, "3 of 3 files done")
        assert "line 3" in (media / "talk.srt").read_text()
        assert len(app.desk.entries) == 3

    run(test)


def test_a_file_that_is_in_the_list_is_not_added_again(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK)
        await shows(pilot, app, "running ▶")
        form = await opened(pilot, app)
        form.query_one("#path", Input).value = str(media / TALK)
        await pilot.press("f3")
        await fakes.until(lambda: "Files that are in the list already: 1." in told(app))
        assert len(app.desk.entries) == 1

    Scribe.reset(0)
    run(test)


# leaving, and coming back


def test_a_file_in_the_way_in_an_earlier_run_is_asked_about(run: Run, media: Path) -> None:
    async def leave(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        (media / "talk.srt").write_text("by hand")
        submit(app, media / TALK)
        await shows(pilot, app, "failed ✗")

    async def come_back(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        await shows(pilot, app, "failed ✗")
        await pilot.press("R")
        await asked(pilot, app)
        await pilot.press("o")
        await shows(pilot, app, "done ✓")
        assert (media / "talk.srt").read_text() != "by hand"

    run(leave)
    run(come_back)


def test_who_leaves_while_files_run_is_told_and_they_go_on_at_the_next_start(run: Run, media: Path) -> None:
    async def leave(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / TALK)
        Scribe.allow(1)
        await shows(pilot, app, "line 1")
        await pilot.press("q")
        await asked(pilot, app)
        assert "Files that are not done: 1." in text(app)
        await pilot.press("escape")
        assert app.screen is screen
        await pilot.press("q")
        await asked(pilot, app)
        await pilot.press("q")
        await fakes.until(lambda: app._exit)

    async def come_back(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        await fakes.until(lambda: "Files that an earlier run left unfinished: 1." in told(app))
        await shows(pilot, app, "done ✓")
        assert [line for line in Scribe.written if "line 1" in line] == Scribe.written[:1], "it is kept"
        assert all(f"line {n}" in text(app) for n in (1, 2, 3))

    Scribe.reset(0)
    run(leave)
    (info,) = JobStore().jobs()
    assert info.checkpoint is not None
    assert info.checkpoint.state is State.QUEUED
    run(come_back)


def test_what_was_paused_or_failed_waits_at_the_next_start_with_its_error(run: Run, media: Path) -> None:
    async def before() -> None:
        session = Session(Profile.model_validate(PROFILE), scribes())
        async with session, Queue(session, JobStore()) as queue:
            Scribe.error = ValueError("a crumb")
            queue.submit(request(media / TALK))
            await queue.settled()

    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        await fakes.until(lambda: "Files that were paused or failed in an earlier run: 1." in told(app))
        await shows(pilot, app, "a crumb")
        await pilot.press("d")
        await shows(pilot, app, "No files yet")

    async def once_more(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        await shows(pilot, app, "No files yet")
        assert not told(app)

    fakes.run(before)
    run(test)
    run(once_more)


def test_what_was_done_long_ago_is_cleaned_up_at_the_next_start(run: Run, media: Path) -> None:
    async def finish(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        submit(app, media / SONG)
        await fakes.until(lambda: states(app) == [State.FINISHED])

    async def come_back(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        await fakes.until(lambda: not JobStore().jobs())

    run(finish)
    (info,) = JobStore().jobs()
    for path in info.folder.rglob("*"):
        os.utime(path, (0, 0))
    run(come_back)


def test_the_queue_goes_on_while_other_screens_are_shown(run: Run, media: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: JobsScreen) -> None:
        await pilot.press("7")
        submit(app, media / TALK)
        await fakes.until(lambda: states(app) == [State.FINISHED])
        await shows(pilot, app, "Files that are done: 1")
        await pilot.press("2")
        await shows(pilot, app, "line 3")

    run(test)


# how it looks


STAGES = (
    StageStatus(StageKind.VAD, "ear", "", 0.004, 0.011, depth=0, high_water=2, dropped=0, failed=0),
    StageStatus(StageKind.ASR, "scribe", "small", 0.81, 2.4, depth=3, high_water=5, dropped=0, failed=1, running=1),
)


@pytest.fixture
def looks(media: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A failed file, a finished, a running and a paused one, at a time that stands still."""

    def looks(cursor: int = 2) -> Any:
        async def before(pilot: Pilot[int]) -> None:
            app = cast(WorkbenchApp, pilot.app)
            await fakes.until(lambda: app._desk is not None and app.desk.is_open)
            desk, here = app.desk, Path("media")
            (media / "talk.srt").write_text("by hand")
            (media / MEETING).write_text("40 seconds")
            (media / "lecture.flac").write_text("3600 seconds")
            submit(app, here / TALK)
            await fakes.until(lambda: states(app) == [State.FAILED])
            submit(app, here / SONG)
            await fakes.until(lambda: desk.entries[1].state is State.FINISHED)
            object.__setattr__(desk.entries[1].result, "elapsed", 0.5)
            desk.queue.submit(request(here / MEETING, priority=2))
            Scribe.allow(4)
            await fakes.until(lambda: desk.entries[2].position >= 13)
            submit(app, here / "lecture.flac")
            await fakes.until(lambda: desk.entries[3].duration is not None)
            desk.stop(4)
            await fakes.until(lambda: desk.entries[3].state is State.PAUSED)
            began = desk.entries[2].run_began
            assert began is not None
            monkeypatch.setattr(jobs, "monotonic", lambda: began + 4.0)
            monkeypatch.setattr(jobs, "stage_statuses", lambda plan, stages, edges: STAGES)
            screen = cast(JobsScreen, app.screen)
            screen._look()
            await pilot.press(*"j" * cursor)
            app.notices.clear()
            app.see_notices()
            screen.query_one(NoticeLine).look()
            screen._look()
            await pilot.pause()

        return before

    Scribe.reset(1)
    return looks


@pytest.fixture
def app(make: Make) -> WorkbenchApp:
    return make("jobs", on=Live(Profile.model_validate(PROFILE), scribes()))


@pytest.mark.parametrize("size", SIZES)
def test_it_is_complete_at_every_size(app: WorkbenchApp, looks: Any, snap_compare: Any, size: str) -> None:
    assert snap_compare(app, terminal_size=SIZES[size], run_before=looks())


def test_states_are_told_apart_without_colour(
    app: WorkbenchApp, looks: Any, snap_compare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(app, terminal_size=SIZES["medium"], run_before=looks(cursor=0))


def test_in_chinese(make: Make, looks: Any, snap_compare: Any) -> None:
    texts.use("zh")
    app = make("jobs", on=Live(Profile.model_validate(PROFILE), scribes()))
    assert snap_compare(app, terminal_size=SIZES["small"], run_before=looks())


def test_the_form_fits_into_a_small_terminal(app: WorkbenchApp, looks: Any, snap_compare: Any) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await looks()(pilot)
        await opened(pilot, cast(WorkbenchApp, pilot.app))

    assert snap_compare(app, terminal_size=SIZES["small"], run_before=before)
