"""`workbench devices`"""

from __future__ import annotations

import json

import pytest

from benchmarks.sound import SoundServer
from tests.cli.conftest import Command
from workbench.audio import portaudio
from workbench.errors import MissingError


def test_devices_are_listed_with_what_the_option_takes_and_their_rates(
    command: Command, sound_server: SoundServer
) -> None:
    sound_server.load("desk", 44_100)
    result = command("devices")
    assert result.exit_code == 0
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "KIND ID NAME RATE CHANNELS HOST",
        "monitor (default) desk.monitor Monitor of desk Speaker 44100 Hz 1 PulseAudio",
        "output (default) desk desk Speaker 44100 Hz 1 PulseAudio",
    ]


def test_programs_get_the_same_as_json(command: Command, sound_server: SoundServer) -> None:
    sound_server.load("desk", 44_100)
    rows = json.loads(command("devices", "--json").stdout)
    assert rows[0] == {
        "id": "desk.monitor",
        "name": "Monitor of desk Speaker",
        "kind": "monitor",
        "sample_rate": 44_100,
        "channels": 1,
        "is_default": True,
        "host": "PulseAudio",
    }


def test_where_nothing_is_connected_it_says_so(command: Command, sound_server: SoundServer) -> None:
    result = command("devices")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no microphone" in result.stderr


def test_without_portaudio_the_exit_code_is_that_of_what_is_missing(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> None:
        raise MissingError("PortAudio is not on this machine", hint="sudo apt-get install libportaudio2")

    monkeypatch.setattr(portaudio, "load", load)
    result = command("devices")
    assert result.exit_code == 4
    assert "apt-get install libportaudio2" in result.stderr
