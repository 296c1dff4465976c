"""The workbench in a real terminal: when it paints, what it writes, how it answers, and how it leaves."""

from __future__ import annotations

import signal
import sys
import wave
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from workbench import sessions
from workbench.tui.choices import Choices, save

if sys.platform == "win32":
    pytest.skip("Windows has no such terminals and signals", allow_module_level=True)

from tests.fakes import stopwatch
from tests.tui.terminal import PATIENCE_S, Terminal

RESTORED = (b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?25h", b"\x1b[?2004l", b"\x1b[<u")
"""The usual screen, no mouse, a cursor, no bracketed paste, the usual keyboard."""
Open = Callable[..., AbstractContextManager[Terminal]]


@pytest.fixture
def home(folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first run is over. Engines are those that come along, which need no models."""
    monkeypatch.setenv("WORKBENCH_NO_PLUGINS", "1")
    save(Choices(screen="notices", welcomed=True))
    return folders


@pytest.fixture
def open_workbench(home: Path) -> Open:
    def run(*arguments: str, **how: Any) -> Terminal:
        return Terminal("-m", "workbench", *arguments, **how)

    return run


def opened(terminal: Terminal) -> None:
    """Wait until it is open."""
    terminal.until(lambda: "7 Notices" in terminal.text and "Starting" not in terminal.text)
    terminal.until(lambda: "LOADING" not in terminal.text)


def log(home: Path) -> str:
    return (home / "state" / "workbench.log").read_text("utf-8")


def test_the_first_paint_is_there_within_a_second(open_workbench: Open) -> None:
    assert any(painted(open_workbench) <= 1.0 for _ in range(5)), "not once in five times"


def painted(open_workbench: Open) -> float:
    with open_workbench() as terminal:
        return terminal.shows("7 Notices")


def test_nothing_is_written_when_nothing_changes(open_workbench: Open) -> None:
    with open_workbench() as terminal:
        opened(terminal)
        terminal.read(0.5)
        assert terminal.read_for(2.0) == 0
        terminal.type("/")
        terminal.shows("Stop searching")
        terminal.read(0.5)
        assert terminal.read_for(2.0) == 0, "no cursor blinks"


def test_a_copy_reaches_the_terminal(open_workbench: Open) -> None:
    with open_workbench() as terminal:
        opened(terminal)
        terminal.type("5")
        terminal.shows("There is no screen to compare engines.")
        terminal.type("y")
        terminal.until(lambda: b"\x1b]52;c;" in terminal.written)
        terminal.shows("Copied")


def test_the_mouse_can_be_left_to_the_terminal(open_workbench: Open) -> None:
    with open_workbench("--no-mouse") as terminal:
        opened(terminal)
        assert b"\x1b[?1000h" not in terminal.written
        terminal.type("q")
        assert terminal.ended() == 0
    with open_workbench() as terminal:
        opened(terminal)
        assert b"\x1b[?1000h" in terminal.written
        terminal.type("\x1b[<0;31;1M\x1b[<0;31;1m")  # a click on 4 Plugins
        terminal.until(lambda: "Plugins" in terminal.text.splitlines()[1])


def test_language_and_theme_can_be_given(open_workbench: Open) -> None:
    with open_workbench("--lang", "zh", "--theme", "high-contrast") as terminal:
        terminal.shows("7 通知")
        terminal.type("q")
        assert terminal.ended() == 0


@pytest.mark.parametrize("keys", ["q", "\x03", "\x11"], ids=["q", "ctrl+c", "ctrl+q"])
def test_it_leaves_the_terminal_as_it_was(open_workbench: Open, keys: str) -> None:
    with open_workbench() as terminal:
        opened(terminal)
        terminal.type(keys)
        assert terminal.ended() == 0
        assert_restored(terminal)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_leaves_the_terminal_as_it_was(open_workbench: Open, name: str) -> None:
    number = getattr(signal, name)
    with open_workbench() as terminal:
        opened(terminal)
        terminal.process.send_signal(number)
        assert terminal.ended() == 128 + number
        assert_restored(terminal)


def test_a_signal_while_it_starts_leaves_the_terminal_as_it_was(open_workbench: Open) -> None:
    with open_workbench() as terminal:
        terminal.until(lambda: b"\x1b[?1049h" in terminal.written)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.ended() == 143
        assert_restored(terminal)


def assert_restored(terminal: Terminal) -> None:
    end = bytes(terminal.written[terminal.written.rindex(b"\x1b[?1049h") :])
    assert all(code in end for code in RESTORED), end[-300:]
    assert terminal.settings_now() == terminal.settings
    assert "Traceback" not in terminal.text


# what goes wrong

BROKEN = """
import sys
from workbench.tui import app
{breakage}
sys.argv = ["workbench", *sys.argv[1:]]
from workbench.cli import main
main()
"""
CRASH = """
def action_reserved(self):
    raise ZeroDivisionError("divided by nothing")
app.WorkbenchApp.action_reserved = action_reserved
"""
STUCK = """
import time
async def on_unmount(self):
    time.sleep(600)
app.WorkbenchApp.on_unmount = on_unmount
"""
SLOW = """
import asyncio
async def on_unmount(self):
    await asyncio.sleep(600)
app.WorkbenchApp.on_unmount = on_unmount
"""
RECORD = """
from workbench.tui.screens.welcome import SAMPLE
async def action_reserved(self):
    from workbench.live import Source
    await self.live.start(Source(path=SAMPLE, pace=1.0))
    self.notice("It records.")
app.WorkbenchApp.action_reserved = action_reserved
"""
NOISE = """
import os
old = app.WorkbenchApp.action_reserved
def action_reserved(self):
    os.write(2, b"ALSA lib pcm.c: underrun occurred")
    old(self)
app.WorkbenchApp.action_reserved = action_reserved
"""


@pytest.fixture
def open_broken(home: Path) -> Open:
    def run(breakage: str) -> Terminal:
        return Terminal("-c", BROKEN.format(breakage=breakage))

    return run


def test_a_crash_leaves_the_terminal_as_it_was_and_says_where_the_details_are(open_broken: Open, home: Path) -> None:
    with open_broken(CRASH) as terminal:
        opened(terminal)
        terminal.type("5")
        assert terminal.ended() == 1
        assert_restored(terminal)
        said = " ".join(terminal.text.split())
        assert said.startswith("workbench: ZeroDivisionError: divided by nothing")
        assert "This is a bug of the workbench. Details: " in said
    assert "Traceback (most recent call last)" in log(home)
    assert 'raise ZeroDivisionError("divided by nothing")' in log(home) or "action_reserved" in log(home)


def test_a_signal_waits_for_some_seconds_only(open_broken: Open) -> None:
    with open_broken(STUCK) as terminal:
        opened(terminal)
        terminal.process.send_signal(signal.SIGTERM)
        with stopwatch() as passed:
            assert terminal.ended() == 143
            assert passed() < 5
        assert_restored(terminal)


def test_a_second_signal_does_not_wait(open_broken: Open) -> None:
    with open_broken(SLOW) as terminal:
        opened(terminal)
        terminal.process.send_signal(signal.SIGTERM)
        terminal.until(lambda: b"\x1b[?1049l" in terminal.written)
        terminal.process.send_signal(signal.SIGHUP)
        with stopwatch() as passed:
            assert terminal.ended() == 129
            assert passed() < 2
        assert_restored(terminal)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_session_and_keeps_what_it_captured(open_broken: Open, name: str) -> None:
    number = getattr(signal, name)
    with open_broken(RECORD) as terminal:
        opened(terminal)
        terminal.type("5")
        terminal.shows("It records.")
        terminal.shows("REC ● 0:01")
        terminal.process.send_signal(number)
        with stopwatch() as passed:
            assert terminal.ended() == 128 + number
            assert passed() < 3.5
        assert_restored(terminal)
    (recording,) = sessions.recordings()
    with wave.open(str(recording.folder / "audio.wav")) as audio:
        assert audio.getnframes() / audio.getframerate() >= 1.0


def test_what_libraries_print_goes_to_the_log_and_not_over_the_screen(open_broken: Open, home: Path) -> None:
    with open_broken(NOISE) as terminal:
        opened(terminal)
        terminal.type("5")
        terminal.shows("There is no screen to compare engines.")
        terminal.type("q")
        assert terminal.ended() == 0
        assert b"ALSA" not in terminal.written
    assert "ALSA lib pcm.c" in log(home)


def test_a_window_that_is_closed_ends_it_and_keeps_what_was_captured(open_broken: Open, home: Path) -> None:
    with open_broken(RECORD) as terminal:
        opened(terminal)
        terminal.type("5")
        terminal.shows("REC ● 0:01")
        terminal.close()
        assert terminal.process.wait(PATIENCE_S) == 128 + signal.SIGHUP
    assert len(sessions.recordings()) == 1
    assert "Input/output error" not in log(home)


def test_a_window_whose_end_no_signal_tells_ends_it_too(open_broken: Open, home: Path) -> None:
    with open_broken(f"import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n{RECORD}") as terminal:
        opened(terminal)
        terminal.type("5")
        terminal.shows("REC ● 0:01")
        terminal.close()
        assert terminal.process.wait(PATIENCE_S) == 128 + signal.SIGHUP
    assert len(sessions.recordings()) == 1
    assert "Input/output error" not in log(home)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--theme", "darkest"], "no theme is called 'darkest'"),
        (["--lang", "tlh"], "--lang 'tlh' is not known There are: en, zh."),
        (["--profile", "nonsense"], "no profile is called 'nonsense'"),
        (["--theme", "nord", "plugins"], "these options open the workbench"),
    ],
)
def test_a_wrong_command_line_is_refused(open_workbench: Open, arguments: list[str], said: str) -> None:
    with open_workbench(*arguments) as terminal:
        assert terminal.ended() == 2
        assert said in " ".join(terminal.text.split())


def test_the_list_of_themes_is_broken_between_names(open_workbench: Open) -> None:
    with open_workbench("--theme", "darkest") as terminal:
        assert terminal.ended() == 2
        listed = terminal.text.partition("There are:")[2].partition(".")[0]
        names = [name.strip() for name in listed.replace("\n", " ").split(",")]
        assert {"workbench-dark", "workbench-light", "high-contrast", "colour-blind"} <= set(names)
        assert not [name for name in names if " " in name]


def test_mistakes_in_files_of_the_user_are_told_and_are_no_obstacle(open_workbench: Open, home: Path) -> None:
    (home / "config" / "interface.toml").write_text('[keys]\n"app.quit" = \n')
    (home / "config" / "config.toml").write_text('profile = "gone"\n')
    with open_workbench("--no-plugin", "nothing", size=(160, 50)) as terminal:
        opened(terminal)
        assert "interface.toml:2: Invalid value" in terminal.text
        assert "no plugin is called 'nothing'" in terminal.text
        assert "no profile is called 'gone'" in terminal.text
        terminal.type("q")
        assert terminal.ended() == 0


def test_without_a_terminal_there_is_the_help(home: Path) -> None:
    import subprocess

    command = [sys.executable, "-m", "workbench"]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 2
    assert "Usage: workbench" in ran.stderr + ran.stdout
    assert "\x1b[?1049h" not in ran.stderr + ran.stdout


def test_a_terminal_that_cannot_move_its_cursor_is_told_what_it_can_show(home: Path) -> None:
    with Terminal("-m", "workbench", env={"TERM": "dumb"}) as terminal:
        assert terminal.ended() == 2
        assert "this terminal cannot show the workbench" in terminal.text
        assert "workbench live --plain" in terminal.text
        assert b"\x1b" not in terminal.written
