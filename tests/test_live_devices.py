"""Captions of what a real device hears: the monitor of a sound server's null sink."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks import recording, sound
from benchmarks.recording import RATE
from benchmarks.sound import SoundServer
from benchmarks.wer import word_errors
from tests.fakes import stopwatch
from tests.real_speech import needs_engines
from workbench import events, sessions
from workbench.audio.spool import read_samples, stored_samples
from workbench.recording_info import State
from workbench.types import Samples

pytestmark = [
    needs_engines,
    pytest.mark.skipif(not recording.TRANSCRIPTS.is_file(), reason="set WORKBENCH_TEST_AUDIO to the test speech"),
]
PATIENCE_S = 60.0


class Listening:
    """`workbench live --json` in a process of its own; its events, and when each came."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.told: list[tuple[float, events.Event]] = []
        self._came = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._came:
                self.told.append((time.monotonic(), events.parse(json.loads(line))))
                self._came.notify_all()

    def until(self, wanted: Callable[[events.Event], bool], after: float = 0.0) -> tuple[float, events.Event]:
        """The first event that is `wanted` and came `after` that moment, and when it came."""

        def found() -> tuple[float, events.Event] | None:
            return next(((when, event) for when, event in self.told if when > after and wanted(event)), None)

        with self._came:
            assert self._came.wait_for(lambda: found() is not None, PATIENCE_S), [e.type for _, e in self.told][-20:]
            result = found()
        assert result is not None
        return result

    def stopped(self) -> list[events.Event]:
        """End it as Ctrl-C does. Gives all that it told."""
        self.process.send_signal(2)
        assert self.process.wait(PATIENCE_S) == 0
        self._reader.join()
        return [event for _, event in self.told]


@pytest.fixture
def listening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sound_server: SoundServer
) -> Iterator[Callable[..., Listening]]:
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"WORKBENCH_{name}_DIR", str(tmp_path / name.lower()))
    started: list[Listening] = []

    def start(device: str) -> Listening:
        """It captures."""
        words = ["--device", device, "--json", "--model", "tiny.en", "--language", "en"]
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench", "live", *words], stdout=subprocess.PIPE, env=os.environ, text=True
        )
        started.append(Listening(process))
        started[-1].until(is_a("ready"))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()
        one._reader.join()
        assert one.process.stdout is not None
        one.process.stdout.close()


def is_a(kind: str) -> Callable[[events.Event], bool]:
    return lambda event: event.type == kind


def is_final(event: events.Event) -> bool:
    return isinstance(event, events.Transcript) and event.transcript.is_final


def spoken(told: list[events.Event]) -> str:
    return " ".join(e.transcript.text for e in told if isinstance(e, events.Transcript) and e.transcript.is_final)


def clips(names: str) -> tuple[Samples, str]:
    found = [clip for clip in recording.real_clips() if clip.path.parent.name == "read" and clip.path.stem in names]
    return recording.samples(found), " ".join(clip.text for clip in found)


def play(server: SoundServer, samples: Samples) -> None:
    """To the end, after a moment in which the stream of a listener can begin to flow."""
    lead = np.zeros(RATE // 2, np.float32)
    assert server.play(np.concatenate([lead, samples]), RATE, "desk").wait(PATIENCE_S) == 0


def test_speech_that_is_played_comes_out_as_captions(
    sound_server: SoundServer, listening: Callable[..., Listening]
) -> None:
    samples, text = clips("jfk librivox-0890")
    sound_server.load("desk")
    live = listening("desk.monitor")
    play(sound_server, samples)
    _, first = live.until(is_a("speech_started"))
    assert isinstance(first, events.SpeechStarted)
    last = first.start + len(samples) / RATE - 4.0  # the pause at the end, and the last word
    live.until(lambda event: isinstance(event, events.SpeechEnded) and event.end > last)
    told = live.stopped()
    wrong, words = word_errors(text, spoken(told))
    assert wrong / words <= 0.06, spoken(told)
    assert not [event for event in told if isinstance(event, events.Overflow | events.Error)]
    (session,) = sessions.recordings()
    assert session.info().source == "Monitor of desk Speaker"
    heard = sound.heard(read_samples(session.audio, 0, stored_samples(session.audio)), samples, RATE)
    assert heard.complete
    assert heard.correlation >= 0.999


def test_a_sink_that_is_unloaded_is_named_within_2_seconds_and_goes_on_when_it_is_back(
    sound_server: SoundServer, listening: Callable[..., Listening]
) -> None:
    samples, _ = clips("librivox-0880")
    sound_server.load("desk")
    live = listening("desk.monitor")
    play(sound_server, samples)
    live.until(is_final)

    unloaded = time.monotonic()
    with stopwatch() as passed:
        sound_server.unload("desk")
        named, lost = live.until(is_a("device_lost"))
        assert passed() <= 2.0
    assert isinstance(lost, events.DeviceLost)
    assert lost.device == "Monitor of desk Speaker"

    sound_server.load("desk")
    back, returned = live.until(is_a("device_returned"))
    assert isinstance(returned, events.DeviceReturned)
    assert returned.end - returned.start == pytest.approx(back - named, abs=1.5)
    play(sound_server, samples)
    live.until(is_final, after=back)

    told = live.stopped()
    assert len(spoken(told).split()) == pytest.approx(
        2 * len(spoken([e for t, e in live.told if t < unloaded]).split()), abs=2
    )
    (session,) = sessions.recordings()
    assert session.state is State.FINISHED
    stored = read_samples(session.audio, 0, stored_samples(session.audio))
    gap = stored[round(returned.start * RATE) : round(returned.end * RATE)]
    assert not np.abs(gap).max(initial=0.0)
    for part in (stored[: round(returned.start * RATE)], stored[round(returned.end * RATE) :]):
        heard = sound.heard(part, samples[: 2 * RATE], RATE)
        assert heard.complete
        assert heard.correlation >= 0.999


def test_a_device_that_gives_nothing_but_silence_is_named_after_3_seconds(
    sound_server: SoundServer, listening: Callable[..., Listening]
) -> None:
    sound_server.load("desk")
    live = listening("desk.monitor")
    _, silent = live.until(is_a("no_signal"))
    assert isinstance(silent, events.NoSignal)
    assert silent.device == "Monitor of desk Speaker"
    assert silent.position == pytest.approx(3.0, abs=0.2)
    samples, _ = clips("librivox-0880")
    play(sound_server, samples)
    live.until(is_a("signal_returned"))
    live.until(is_final)
    live.stopped()
