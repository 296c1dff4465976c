"""What is asked of the sound server itself."""

from __future__ import annotations

import queue
from uuid import uuid4

import pytest

from benchmarks.sound import SoundServer
from workbench.audio.pulse import Endpoint, SourceWatch, endpoints, variables


def test_each_source_and_sink_is_told_with_its_own_rate(sound_server: SoundServer) -> None:
    for rate in (16_000, 44_100, 48_000):
        sound_server.load(f"sink{rate}", rate)
    found = endpoints()
    assert found is not None
    assert [(end.name, end.sample_rate) for end in found if end.is_output] == [
        ("sink16000", 16_000),
        ("sink44100", 44_100),
        ("sink48000", 48_000),
    ]
    assert found[0] == Endpoint("sink16000.monitor", "Monitor of sink16000 Speaker", 16_000, 1, False, True, False)


def test_no_server_is_not_the_same_as_no_device(sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert endpoints() == []
    monkeypatch.setenv("PULSE_SERVER", "unix:/nowhere/pulse.sock")
    assert endpoints() is None


def test_a_watch_tells_where_its_own_stream_leads_and_whenever_that_changes(sound_server: SoundServer) -> None:
    for name in ("desk", "phone", "car"):
        sound_server.load(name)
    token, told = uuid4().hex, queue.Queue[tuple[str, str]]()
    streams = [sound_server.record("desk", variables(token)), sound_server.record("car", variables(uuid4().hex))]
    watch = SourceWatch(token, lambda *at: told.put(at))
    try:
        assert told.get(timeout=60) == ("desk.monitor", "Monitor of desk Speaker")
        for line in sound_server.pactl("list", "short", "source-outputs").splitlines():
            sound_server.pactl("move-source-output", line.split()[0], "phone.monitor")
        assert told.get(timeout=60) == ("phone.monitor", "Monitor of phone Speaker")
        assert told.empty()
    finally:
        watch.close()
        for stream in streams:
            stream.terminate()
            stream.communicate()
        watch.join()


def test_a_named_end_is_put_into_the_environment_and_a_default_one_is_left_to_the_server() -> None:
    assert variables("a", source="desk.monitor")["PULSE_SOURCE"] == "desk.monitor"
    assert variables("a", sink="desk")["PULSE_SINK"] == "desk"
    assert variables("a").keys() == {"PULSE_PROP_OVERRIDE"}
