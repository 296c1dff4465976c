"""A live session whose process is killed at any moment, and one that is stopped far behind, lose no word."""

from __future__ import annotations

import asyncio
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import workbench
from tests import fakes
from tests.fakes import Loudness, run, until
from workbench import sessions
from workbench.audio.spool import read_samples, stored_samples
from workbench.audio.wav import WavWriter
from workbench.builtin.file import FileCapture
from workbench.engines import Settings
from workbench.journal import read_journal
from workbench.live import Live, Source
from workbench.plugins import Registry
from workbench.profiles.schema import Profile, parse_profile
from workbench.sessions import Recording, State
from workbench.types import AudioChunk, Samples, Transcript, Window

RATE: Final = 16_000
KILLS: Final = 20
PACE: Final = 2.0
PROFILE: Final = """
schema = 1
name = "test"
[settings]
language = "en"
[vad]
engine = "loud"
options = { min_speech_ms = 60, min_silence_ms = 100, speech_pad_ms = 30 }
[asr]
engine = "levels"
"""
ROOT: Final = Path(__file__).parents[1]


class Loud(Loudness):
    name = "loud"

    def __init__(self, options: Any) -> None:
        super().__init__()


class Levels(workbench.Recognizer):
    """Hears each stretch of one loudness as a word: its level in hundredths."""

    name = "levels"
    work_s = 0.02
    """What a call takes, so that some are cut short by a kill."""
    gate = threading.Event()
    """Final text waits for it."""
    gate.set()

    def __init__(self, options: Any) -> None:
        """Takes none."""

    def process(self, item: Window, state: Settings) -> Iterator[Transcript]:
        time.sleep(self.work_s)
        if item.is_final:
            assert self.gate.wait(60)
        levels = np.round(np.abs(item.samples) * 100).astype(int)
        starts = np.flatnonzero(np.diff(levels, prepend=-1))
        lengths = np.diff(starts, append=len(levels))
        words = [str(levels[at]) for at, length in zip(starts, lengths, strict=True) if levels[at] and length > 160]
        yield item.transcript(" ".join(words), language="en", start=0.0, end=item.duration)


class Played(FileCapture):
    """Tells when it begins to play, by the monotonic clock."""

    name = "file"

    class Options(FileCapture.Options):
        began: int | None = None
        """A descriptor to write it to."""

    options: Options

    def open(self, settings: Settings) -> Iterator[AudioChunk]:
        chunks = super().open(settings)
        if self.options.began is not None:
            os.write(self.options.began, f"{time.monotonic()}\n".encode())
        return chunks


def registry() -> Registry:
    return fakes.registry(Loud, Levels, Played)


def profile(more: str = "") -> Profile:
    return parse_profile(PROFILE + more)


def talk(seconds: float) -> Samples:
    """Utterances of one to four words, from 1 to 50, with pauses between them that are long enough to end them."""
    chance, parts, said = random.Random(1), [np.zeros(RATE // 10, np.float32)], 0
    while sum(map(len, parts)) < seconds * RATE:
        for _ in range(chance.randint(1, 4)):
            said = said % 50 + 1
            parts.append(np.full(round(chance.uniform(0.08, 0.25) * RATE), said / 100, np.float32))
        parts.append(np.zeros(round(chance.uniform(0.2, 0.5) * RATE), np.float32))
    return np.concatenate(parts)


def write(path: Path, samples: Samples) -> Path:
    with WavWriter(path, RATE) as wav:
        wav.write(samples)
        wav.commit()
    return path


def words(recording: Recording) -> list[str]:
    return " ".join(caption.transcript.text for caption in recording.captions()).split()


async def recorded(source: Source, more: str = "") -> Recording:
    """A session of it, undisturbed."""
    async with Live(profile(more), registry()) as live:
        live.change()
        await live.settled()
        await live.start(source)
        await live.finished()
        assert live.recording is not None
        return live.recording


async def finished(recording: Recording) -> None:
    async with Live(profile(), registry()) as live:
        live.change()
        await live.settled()
        await live.finish(recording)
        await live.finished()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("WORKBENCH_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


def kill_again_and_again(path: Path, seed: int) -> None:
    """In a process of its own: record in one child after the other, and kill it.

    Writes for each how many seconds of audio the file had given, by the clock that it is played by.
    """
    chance = random.Random(seed)
    for _ in range(KILLS):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            capture = f"[capture]\nengine = 'file'\noptions = {{ began = {writing} }}"
            asyncio.run(recorded(Source(path=path, pace=PACE), capture))
        os.close(writing)
        with open(reading) as told:
            began = float(told.readline())
            ended, _, _ = select.select([told], [], [], chance.uniform(0.0, 1.5))
            assert not ended, "it ended by itself"
        given = (time.monotonic() - began) * PACE
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        sys.stdout.write(f"{given}\n")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has neither fork nor SIGKILL")
def test_kill_9_at_random_moments_keeps_what_was_captured_and_every_word_of_it(place: Path) -> None:
    seed = random.randrange(1_000_000)
    path = write(place / "talk.wav", talk(60.0))
    code = f"from tests.test_live_killed import *; kill_again_and_again(Path({str(path)!r}), {seed})"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    given = [float(line) for line in ran.stdout.splitlines()]
    assert len(given) == KILLS, ran.stderr
    killed = sorted(sessions.recordings(), key=lambda recording: recording.folder.stat().st_ctime_ns)
    missing = [seconds - recording.duration for seconds, recording in zip(given, killed, strict=True)]
    assert max(missing) <= 2.0, f"seed {seed}"
    assert min(missing) >= -0.5, f"seed {seed}: it was not the file's clock"
    assert {recording.state for recording in killed} <= {State.INTERRUPTED, State.FINISHED}
    assert any(recording.state is State.INTERRUPTED for recording in killed), f"seed {seed}"
    for recording in killed:
        _, damaged = read_journal(recording.folder / "journal.jsonl")
        assert damaged == 0
        played = read_samples(path, 0, stored_samples(recording.audio))
        if len(played):  # else it was killed before the first of it
            np.testing.assert_array_equal(read_samples(recording.audio, 0, len(played)), played)
        run(partial(finished, recording))
        assert recording.state is State.FINISHED
        if not len(played):
            continue
        undisturbed = run(partial(recorded, Source(path=recording.audio, pace=0.0)))
        assert words(recording) == words(undisturbed), f"seed {seed}"


def test_a_stop_with_five_seconds_behind_loses_no_word(place: Path) -> None:
    spoken = talk(6.0)
    path = write(place / "talk.wav", np.concatenate([spoken, np.zeros(60 * RATE, np.float32)]))
    Levels.gate.clear()

    async def test() -> None:
        async with Live(profile(), registry()) as live:
            live.change()
            await live.settled()
            await live.start(Source(path=path, pace=10.0))
            await until(lambda: live.status().captured >= len(spoken) / RATE)
            assert live.status().backlog > 5.0
            live.stop()
            Levels.gate.set()
            await live.finished()
            assert live.recording is not None
            expected = [str(level) for level in range(1, round(float(spoken.max()) * 100) + 1)]
            assert words(live.recording) == expected
            assert live.recording.state is State.FINISHED
            assert live.status().backlog == pytest.approx(0.0, abs=0.1)

    run(test)
