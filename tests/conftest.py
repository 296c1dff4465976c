"""What tests with real sound devices need, and what holds for all tests: garbage, signals, which files come first."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import sound
from benchmarks.sound import SoundServer

gc.set_threshold(10_000)  # each screen of a test is garbage with cycles, among all that engines import: looking is slow

for _name in ("SIGINT", "SIGHUP"):  # ignored where tests run in the background, and so in each program that they start
    if (_number := getattr(signal, _name, None)) is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)

_LONG = (
    "test_live_devices.py",
    "test_workbench_faster_whisper.py",
    "test_serve_screen.py",
    "test_terminal.py",
    "test_microphone.py",
    "test_faults.py",
    "test_killed.py",
    "test_killed_real.py",
    "test_batches.py",
    "test_page.py",
    "test_live_killed.py",
    "test_real_speech.py",
)
"""Files of tests that take half a minute and more."""


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "loadscopereorder"):  # else pytest-xdist begins with the files of most tests
        config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first, so that no worker is left with one when the others are done."""
    first = {name: index for index, name in enumerate(_LONG)}
    items.sort(key=lambda item: first.get(Path(item.path).name, len(first)))


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
