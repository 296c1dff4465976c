"""What tests with real sound devices need, and how often all tests look for garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from benchmarks import sound
from benchmarks.sound import SoundServer

gc.set_threshold(10_000)  # each screen of a test is garbage with cycles, among all that engines import: looking is slow


@pytest.fixture(scope="session")
def _running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoundServer]:
    if reason := sound.missing():
        pytest.skip(reason)
    with sound.sound_server(tmp_path_factory.mktemp("sound")) as server:
        yield server


@pytest.fixture
def sound_server(_running_server: SoundServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    """A sound server of this test run, and the one that this process uses; with no device in it."""
    from workbench.audio.devices import devices
    from workbench.errors import MissingError

    for name, value in _running_server.environment.items():
        monkeypatch.setenv(name, value)
    _running_server.load("probe")
    try:
        found = devices()
    except MissingError as error:
        pytest.skip(f"{error}: {sound.INSTALL}")
    if not any(device.host == "PulseAudio" for device in found):
        pytest.skip(f"PortAudio does not reach PulseAudio: {sound.INSTALL}")
    _running_server.unload()
    yield _running_server
    _running_server.unload()
