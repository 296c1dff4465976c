"""Devices: of a real sound server, and of hosts that PortAudio lists."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.sound import SoundServer
from workbench.audio import devices as listed
from workbench.audio import pulse
from workbench.audio.devices import Device, devices, find_device
from workbench.errors import InputError, MissingError


def test_sources_and_outputs_of_the_sound_server_are_listed_by_their_own_names_and_rates(
    sound_server: SoundServer,
) -> None:
    sound_server.load("desk", 48_000)
    sound_server.load("phone", 16_000)
    assert devices() == [
        Device("desk.monitor", "Monitor of desk Speaker", "monitor", 48_000, 1, False, "PulseAudio"),
        Device("phone.monitor", "Monitor of phone Speaker", "monitor", 16_000, 1, True, "PulseAudio"),
        Device("desk", "desk Speaker", "output", 48_000, 1, False, "PulseAudio"),
        Device("phone", "phone Speaker", "output", 16_000, 1, True, "PulseAudio"),
    ]


def test_a_device_that_came_later_is_found(sound_server: SoundServer) -> None:
    with pytest.raises(MissingError, match="there is no microphone or other source"):
        find_device(None, "input")
    sound_server.load("desk")
    assert find_device(None, "input").id == "desk.monitor"


def test_a_device_is_found_by_id_by_name_and_by_a_part_of_a_name_that_only_one_has(sound_server: SoundServer) -> None:
    sound_server.load("desk")
    sound_server.load("phone")
    for wanted in ("desk.monitor", "monitor of DESK speaker", "desk"):
        assert find_device(wanted, "input").id == "desk.monitor"
    assert find_device("desk", "output").id == "desk"
    with pytest.raises(MissingError, match="called 'Speaker'"):
        find_device("Speaker", "input")


def test_a_device_that_is_not_there_is_named_with_what_is_meant_perhaps(sound_server: SoundServer) -> None:
    sound_server.load("desk")
    with pytest.raises(MissingError, match=r"called 'deks\.monitor' \(did you mean 'desk\.monitor'\?\)") as raised:
        find_device("deks.monitor", "input")
    assert raised.value.hint == "See: workbench devices"


def test_where_the_sound_server_is_gone_portaudios_own_list_has_to_do(
    sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nowhere/pulse.sock")
    assert all(device.host != "PulseAudio" for device in devices())


def test_hosts_that_list_the_same_devices_again_are_left_out_and_twins_are_numbered() -> None:
    def port(name: str, inputs: int, outputs: int = 0) -> dict[str, Any]:
        return {
            "name": name,
            "max_input_channels": inputs,
            "max_output_channels": outputs,
            "default_samplerate": 44_100.0,
        }

    def host(name: str, *indices: int, default: int = -1) -> dict[str, Any]:
        return {
            "name": name,
            "devices": list(indices),
            "default_input_device": default,
            "default_output_device": -1,
        }

    ports = [port("Headset (cut", 1), port("Webcam", 2), port("Headset (whole)", 1), port("Webcam", 2, 2)]
    hosts = [host("MME", 0, default=0), host("Windows WASAPI", 1, 2, 3, default=2)]
    assert list(listed._own(ports, hosts)) == [
        (Device("Webcam", "Webcam", "input", 44_100, 2, False, "Windows WASAPI"), 1),
        (Device("Headset (whole)", "Headset (whole)", "input", 44_100, 1, True, "Windows WASAPI"), 2),
        (Device("Webcam #2", "Webcam", "input", 44_100, 2, False, "Windows WASAPI"), 3),
        (Device("Webcam", "Webcam", "output", 44_100, 2, False, "Windows WASAPI"), 3),
    ]
    assert list(listed._own([], [host("ALSA")])) == []


def test_a_device_that_another_program_holds_is_an_error_with_a_next_step(
    sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound_server.load("desk")
    monkeypatch.setattr(pulse, "variables", lambda token, **end: {"PULSE_SERVER": "unix:/nowhere/pulse.sock"})
    with pytest.raises(InputError, match="'Monitor of desk Speaker' cannot be opened: ") as raised:
        listed.open_stream(
            None, "input", lambda *given: None, finished=lambda: None, block_s=0.05, latency_s=0.1, token="a"
        )
    assert "workbench devices" in raised.value.hint
