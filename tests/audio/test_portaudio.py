"""PortAudio as one thing that may hang, be missing, or be noisy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from benchmarks.sound import SoundServer
from workbench.audio import portaudio
from workbench.errors import InputError, MissingError


@pytest.fixture(autouse=True)
def _loaded() -> None:
    try:
        portaudio.load()
    except MissingError as error:
        pytest.skip(f"{error}: {error.hint}")


def test_a_call_that_hangs_is_given_up_and_what_it_opens_later_is_closed() -> None:
    hangs, closed = threading.Event(), threading.Event()
    with pytest.raises(InputError, match=r"gave no answer for 0\.05 s"):
        portaudio.call(lambda _: hangs.wait(60), undo=lambda made: closed.set() if made else None, patience_s=0.05)
    with pytest.raises(InputError, match="gave no answer"):  # its turn does not come, so it is not done
        portaudio.call(lambda _: pytest.fail("it was done"), patience_s=0.05)
    hangs.set()
    assert closed.wait(60)
    assert portaudio.call(lambda _: "again") == "again"


def test_what_goes_wrong_is_raised_and_the_next_call_works() -> None:
    with pytest.raises(ZeroDivisionError):
        portaudio.call(lambda _: 1 // 0)
    assert portaudio.call(lambda _: 1) == 1


@pytest.mark.parametrize("server", ["runs", "hangs"])
def test_a_program_that_ends_with_a_device_open_just_ends(sound_server: SoundServer, server: str) -> None:
    sound_server.load("desk")
    program = (
        "import os, signal, sys\n"
        "from workbench.builtin.microphone import MicrophoneCapture as M\n"
        "from workbench.engines import Settings\n"
        "chunks = M(M.Options()).open(Settings())\n"
        "next(chunks)\n"
        "if sys.argv[1] == 'hangs':\n"
        "    os.kill(int(sys.argv[2]), signal.SIGSTOP)\n"
    )
    command = [sys.executable, "-c", program, server, str(sound_server.pid)]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    finally:
        os.kill(sound_server.pid, signal.SIGCONT)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_environment_is_as_before_once_a_stream_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SOURCE", "mine")
    monkeypatch.delenv("PULSE_SINK", raising=False)
    with portaudio.environment({"PULSE_SOURCE": "a", "PULSE_SINK": "b"}):
        assert (os.environ["PULSE_SOURCE"], os.environ["PULSE_SINK"]) == ("a", "b")
    assert os.environ["PULSE_SOURCE"] == "mine"
    assert "PULSE_SINK" not in os.environ


@pytest.mark.parametrize(
    ("platform", "tool", "command"),
    [
        ("linux", "apt-get", "libportaudio2"),
        ("linux", "pacman", "pacman -S portaudio"),
        ("linux", "", "your system's packages"),
        ("darwin", "", "pip install"),
        ("win32", "", "pip install"),
    ],
)
def test_what_to_install_fits_the_platform(
    platform: str, tool: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("shutil.which", lambda name: name if name == tool else None)
    assert command in portaudio.how_to_install()
