"""Playing through a real sound server."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from benchmarks.sound import Heard, SoundServer, heard, speech
from tests.fakes import run, until
from workbench.audio import playback
from workbench.audio.playback import Player
from workbench.errors import MissingError, OutputError
from workbench.types import AudioChunk, Samples


def chunk(seconds: float, rate: int = 16_000) -> AudioChunk:
    return AudioChunk(speech(seconds, rate), rate, 0.0)


@asynccontextmanager
async def opened(device: str | None = None) -> AsyncIterator[Player]:
    player = Player(device)
    try:
        yield player
    finally:
        await player.close()


class Recording:
    """What is heard from a monitor, at 16 kHz."""

    def __init__(self, server: SoundServer, sink: str) -> None:
        self._process = server.record(sink)

    def read(self, seconds: float) -> Samples:
        assert self._process.stdout is not None
        data = self._process.stdout.read(round(seconds * 16_000) * 2)
        return np.frombuffer(data, np.int16).astype(np.float32) / np.float32(32768)

    def close(self) -> None:
        assert self._process.stdout is not None
        self._process.terminate()
        self._process.stdout.close()
        self._process.wait(60)


@pytest.mark.parametrize("rate", [16_000, 24_000])
def test_what_is_played_is_heard_whole_and_in_order(sound_server: SoundServer, rate: int) -> None:
    sound_server.load("desk")
    least = 0.9999 if rate == 16_000 else 0.999
    results = (played(sound_server, rate) for _ in range(3))  # a busy machine may come too late for a device
    assert any(result.complete and result.correlation >= least for result in results), "not once in three times"


def played(sound_server: SoundServer, rate: int) -> Heard:
    """How what comes out of a device agrees with what was played."""
    whole = chunk(3.0, rate)
    recording = Recording(sound_server, "desk")
    before = recording.read(2.0)

    async def play() -> None:
        async with opened() as player:
            third = len(whole.samples) // 3
            for first in range(0, 3 * third, third):
                await player.play(AudioChunk(whole.samples[first : first + third], rate, 0.0))
            await player.drain()

    run(play)
    result = heard(np.concatenate([before, recording.read(5.0)]), played_at_16_khz(whole), 16_000)
    recording.close()
    return result


def played_at_16_khz(audio: AudioChunk) -> Samples:
    import soxr

    samples: Samples = soxr.resample(audio.samples, audio.sample_rate, 16_000)
    return samples


def test_it_is_active_from_the_first_sample_until_it_was_heard_and_the_room_is_quiet(
    sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound_server.load("desk")
    monkeypatch.setattr(playback, "AFTER_S", 1.0)

    async def play() -> None:
        async with opened() as player:
            assert not player.active
            begin = time.monotonic()
            await player.play(chunk(1.0))
            assert player.active
            await player.drain()
            drained = time.monotonic()
            assert drained - begin >= 1.0
            assert player.active
            last = now = drained
            while player.active:
                last = now
                await asyncio.sleep(0.01)
                now = time.monotonic()
            assert last - drained <= 1.0
            assert time.monotonic() - begin >= 2.0

    run(play)


def test_it_takes_no_more_than_is_to_be_heard_soon_and_forgets_it_when_stopped(
    sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound_server.load("desk")
    monkeypatch.setattr(playback, "AHEAD_S", 1.0)

    async def play() -> None:
        async with opened() as player:
            begin = time.monotonic()
            await player.play(chunk(3.0))
            await player.play(chunk(100.0))  # waits until there is room
            assert time.monotonic() - begin >= 1.5
            player.stop_now()
            await player.drain()  # long before all of it could have been heard

    run(play)


def test_a_cancelled_play_leaves_the_player_usable(sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch) -> None:
    sound_server.load("desk")
    monkeypatch.setattr(playback, "AHEAD_S", 0.1)

    async def play() -> None:
        async with opened() as player:
            await player.play(chunk(5.0))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await player.play(chunk(1.0))
            player.stop_now()
            await player.play(chunk(0.2))
            await player.drain()

    run(play)


def test_the_device_is_let_go_while_there_is_nothing_to_say(
    sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound_server.load("desk")
    monkeypatch.setattr(playback, "_IDLE_S", 0.2)

    def streams() -> str:
        return sound_server.pactl("list", "short", "sink-inputs")

    async def play() -> None:
        async with opened() as player:
            for _ in range(2):
                await player.play(chunk(0.2))
                assert streams()
                await player.drain()
                await until(lambda: not streams())

    run(play)


def test_a_lost_output_is_told_and_opens_again_when_it_is_back(sound_server: SoundServer) -> None:
    sound_server.load("desk")

    async def play() -> None:
        async with opened("desk") as player:
            await player.play(chunk(2.0))
            sound_server.unload("desk")
            with pytest.raises(OutputError, match="'desk Speaker' stopped") as raised:
                await player.drain()
            assert "workbench devices" in raised.value.hint
            with pytest.raises(MissingError, match="there is no loudspeaker"):
                await player.play(chunk(0.2))
            sound_server.load("desk")
            await player.play(chunk(0.2))
            await player.drain()

    run(play)


def test_a_sound_server_that_hangs_does_not_keep_anyone_waiting(
    sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound_server.load("desk")
    monkeypatch.setattr(playback, "_STALLED_S", 0.5)

    async def play() -> None:
        async with opened() as player:
            await player.play(chunk(3.0))
            os.kill(sound_server.pid, signal.SIGSTOP)
            try:
                with pytest.raises(OutputError, match=r"took nothing for 0\.5 s"):
                    await player.drain()
                assert not player._waiting
            finally:
                os.kill(sound_server.pid, signal.SIGCONT)
            await player.play(chunk(0.2))

    run(play)
