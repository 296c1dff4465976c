"""Capture through PortAudio, from the monitors of a real sound server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.sound import SoundServer, heard, speech
from tests.fakes import stopwatch
from workbench.audio import portaudio
from workbench.audio.devices import Device, OpenStream
from workbench.builtin import microphone
from workbench.builtin.microphone import MicrophoneCapture
from workbench.engines import Settings
from workbench.errors import DeviceLost, InputError, MissingError
from workbench.types import AudioChunk, Samples


def capture(device: str | None = None) -> MicrophoneCapture:
    return MicrophoneCapture(MicrophoneCapture.Options(device=device))


def opened(source: MicrophoneCapture) -> closing[Any]:
    """Its chunks, and the device is let go at the end."""
    return closing(source.open(Settings()))


def take(chunks: Iterator[AudioChunk], until: float) -> Samples:
    """What comes until that second; chunks follow each other without holes and are short."""
    taken = [next(chunks)]
    while taken[-1].end < until:
        taken.append(next(chunks))
        assert taken[-1].start == pytest.approx(taken[-2].end)
    assert max(chunk.duration for chunk in taken) <= 0.2
    assert {chunk.sample_rate for chunk in taken} == {16_000}
    return np.concatenate([chunk.samples for chunk in taken])


def lost(chunks: Iterator[AudioChunk]) -> tuple[DeviceLost, float]:
    """Why it was lost, and seconds since the last chunk."""
    with stopwatch() as passed:
        last = passed()
        try:
            for _ in chunks:
                last = passed()
        except DeviceLost as error:
            return error, passed() - last
    pytest.fail("it just ended")


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_what_is_played_is_heard_without_a_sample_lost(sound_server: SoundServer, rate: int) -> None:
    sound_server.load("loud", rate)
    source, played = capture("loud.monitor"), speech(3.0, rate)
    with opened(source) as chunks:
        assert source.label == "Monitor of loud Speaker"
        before = take(chunks, 2.0)  # what is played now is heard up to 2 s earlier or later: a null sink takes its time
        player = sound_server.play(played, rate, "loud")
        result = heard(np.concatenate([before, take(chunks, 7.5)]), played, rate)
        assert player.wait(60) == 0
    assert result.complete
    assert result.correlation >= 0.9999
    assert source.overflows == 0


def test_a_lost_device_is_named_within_2_seconds_and_opens_again_when_it_is_back(sound_server: SoundServer) -> None:
    sound_server.load("desk")
    source = capture("desk.monitor")
    with opened(source) as chunks:
        take(chunks, 0.1)
        sound_server.unload("desk")
        error, seconds = lost(chunks)
    assert "'Monitor of desk Speaker' gives no sound any more" in error.message
    assert "workbench devices" in error.hint
    assert seconds < 2
    with pytest.raises(MissingError, match=r"called 'desk\.monitor'|there is no microphone"):
        source.open(Settings())
    sound_server.load("desk")
    with opened(source) as chunks:
        assert next(chunks).start == 0.0


def test_it_does_not_go_on_from_another_device_when_one_was_named(sound_server: SoundServer) -> None:
    sound_server.load("other")
    sound_server.load("desk")
    with opened(capture("desk.monitor")) as chunks:
        take(chunks, 0.1)
        sound_server.unload("desk")
        error, seconds = lost(chunks)
    assert "'Monitor of other Speaker'" in error.message
    assert seconds < 2


def test_when_any_default_source_is_wanted_it_goes_on_from_the_next_and_says_which(sound_server: SoundServer) -> None:
    sound_server.load("other", default=False)
    sound_server.load("desk")
    source = capture()
    with opened(capture("other.monitor")) as other, opened(source) as chunks:
        take(other, 0.1)  # keeps it awake
        end = len(take(chunks, 0.1)) / 16_000
        assert source.label == "Monitor of desk Speaker"
        sound_server.unload("desk")
        take(chunks, end + 1.0)
        assert source.label == "Monitor of other Speaker"


def test_a_sound_server_that_hangs_is_a_lost_device_and_closing_does_not_wait_for_it(sound_server: SoundServer) -> None:
    sound_server.load("desk")
    source = capture("desk.monitor")
    with opened(source) as chunks:
        take(chunks, 0.1)
        os.kill(sound_server.pid, signal.SIGSTOP)
        try:
            error, seconds = lost(chunks)
            assert seconds < 2
            assert "nothing came for 1.5 s" in error.message
            with stopwatch() as passed:
                chunks.close()
                assert passed() < 2
            with pytest.raises(InputError, match="gave no answer"):
                source.open(Settings())
        finally:
            os.kill(sound_server.pid, signal.SIGCONT)
    with opened(source) as chunks:
        assert next(chunks).start == 0.0


def test_closing_from_another_thread_ends_a_wait_and_leaves_no_thread(sound_server: SoundServer) -> None:
    sound_server.load("desk")
    before = threading.active_count()
    with opened(capture()) as chunks:
        closer = threading.Timer(0.05, chunks.close)  # the first chunk takes a second or two
        closer.start()
        with stopwatch() as passed:
            assert list(chunks) == []
            assert passed() < 1
        closer.join()
    with pytest.raises(StopIteration):
        next(chunks)
    assert threading.active_count() == before


def test_nothing_is_written_into_the_screen_when_a_device_is_lost(sound_server: SoundServer) -> None:
    sound_server.load("desk")
    program = (
        "import sys\n"
        "from workbench.builtin.microphone import MicrophoneCapture as M\n"
        "from workbench.engines import Settings\n"
        "from workbench.errors import DeviceLost\n"
        "try:\n"
        "    for chunk in M(M.Options()).open(Settings()):\n"
        "        print('heard', flush=True)\n"
        "except DeviceLost:\n"
        "    print('ours', file=sys.stderr)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "heard\n"
    sound_server.unload("desk")
    assert child.communicate(timeout=60)[1] == "ours\n"


Callback = Callable[[Samples, int, Any, Any], None]


@pytest.fixture
def callbacks(monkeypatch: pytest.MonkeyPatch) -> list[Callback]:
    """Devices of 16 kHz that a test itself gives sound, instead of PortAudio: what it would call."""
    device = Device("a", "Desk", "input", 16_000, 1, True, "Fake")
    made: list[Callback] = []

    def open_stream(wanted: str | None, kind: str, callback: Callback, **how: Any) -> OpenStream:
        made.append(callback)
        return OpenStream(device, object(), is_pulse=False)

    monkeypatch.setattr(microphone, "open_stream", open_stream)
    monkeypatch.setattr(portaudio, "close", lambda stream: None)
    monkeypatch.setattr(portaudio, "close_later", lambda stream: None)
    return made


def block(value: float) -> Samples:
    return np.full((800, 1), value, np.float32)


def test_blocks_that_nobody_took_in_time_are_counted_and_time_goes_on(callbacks: list[Callback]) -> None:
    source = capture()
    with opened(source) as chunks:
        for _ in range(200 + 3):
            callbacks[0](block(0.5), 800, None, SimpleNamespace(input_overflow=False))
        assert source.overflows == 3
        assert len(take(chunks, 10.0)) == 160_000
        callbacks[0](block(0.25), 800, None, SimpleNamespace(input_overflow=False))
        late = next(chunks)
    assert (late.start, late.duration) == (10.0, 0.2)
    assert not late.samples[:2400].any()
    assert (late.samples[2400:] == 0.25).all()


def test_overflows_that_the_device_reports_are_counted(callbacks: list[Callback]) -> None:
    source = capture()
    with opened(source) as chunks:
        callbacks[0](block(0.5), 800, None, SimpleNamespace(input_overflow=True))
        assert len(next(chunks).samples) == 800
    assert source.overflows == 1


def test_what_the_callback_was_given_may_be_overwritten_afterwards(callbacks: list[Callback]) -> None:
    with opened(capture()) as chunks:
        given = block(0.5)
        callbacks[0](given, 800, None, SimpleNamespace(input_overflow=False))
        given[:] = 0.0
        assert (next(chunks).samples == 0.5).all()


def test_without_portaudio_it_says_what_to_install_and_the_rest_works(tmp_path: Any) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    program = (
        "from workbench.builtin.microphone import MicrophoneCapture as M\n"
        "from workbench.engines import Settings\n"
        "from workbench.errors import MissingError\n"
        "try:\n"
        "    M(M.Options()).open(Settings())\n"
        "except MissingError as error:\n"
        "    print(error, error.hint)\n"
    )
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    ran = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert ran.stderr == ""
    assert "PortAudio is not on this machine" in ran.stdout
    assert "nstall" in ran.stdout
