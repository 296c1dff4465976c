"""PortAudio as one thing that may hang, be missing, or be noisy."""

from __future__ import annotations

import os
import threading

import pytest

from workbench.audio import portaudio
from workbench.errors import InputError


class Anything:
    """In place of sounddevice, where no device is touched."""


@pytest.fixture
def without_sounddevice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portaudio, "load", Anything)


def test_a_call_that_hangs_is_given_up_and_what_it_opens_later_is_closed(without_sounddevice: None) -> None:
    hangs, closed = threading.Event(), threading.Event()
    with pytest.raises(InputError, match=r"gave no answer for 0\.05 s"):
        portaudio.call(lambda _: hangs.wait(10), undo=lambda made: closed.set() if made else None, patience_s=0.05)
    with pytest.raises(InputError, match="gave no answer"):  # its turn does not come, so it is not done
        portaudio.call(lambda _: pytest.fail("it was done"), patience_s=0.05)
    hangs.set()
    assert closed.wait(5)
    assert portaudio.call(lambda _: "again") == "again"


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
