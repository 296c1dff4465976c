"""Capture from a file."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from workbench.audio.wav import WavWriter
from workbench.builtin.file import FileCapture
from workbench.engines import Settings
from workbench.errors import InputError, UsageError


def capture(path: Path, track: int | str | None = None) -> FileCapture:
    return FileCapture(FileCapture.Options(path=path, track=track))


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    with WavWriter(tmp_path / "tone.wav", 48_000) as writer:
        writer.write(np.sin(np.arange(48_000 * 12) / 20).astype(np.float32))
        writer.commit()
    return tmp_path / "tone.wav"


def test_it_gives_16_khz_mono_and_knows_the_length_before_the_first_chunk(tone: Path) -> None:
    file = capture(tone)
    assert file.duration is None
    chunks = file.open(Settings())
    assert file.duration == 12.0
    given = list(chunks)
    assert {chunk.sample_rate for chunk in given} == {16_000}
    assert [chunk.start for chunk in given] == [0.0, 10.0]
    assert given[-1].end == 12.0
    assert file.warnings == []


def test_what_cannot_be_read_is_refused_before_any_audio_flows(tmp_path: Path, tone: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        capture(tmp_path / "missing.wav").open(Settings())
    with pytest.raises(InputError, match="no audio track 2"):
        capture(tone, track=2).open(Settings())


def test_a_file_that_was_cut_off_warns_when_it_ends(tone: Path) -> None:
    tone.write_bytes(tone.read_bytes()[:-100_000])
    file = capture(tone)
    assert list(file.open(Settings()))
    assert len(file.warnings) == 1
    assert "may be cut off" in file.warnings[0]


def paced(path: Path, pace: float) -> Any:
    """A file as if it were said now."""
    return FileCapture(FileCapture.Options(path=path, pace=pace))


def test_it_is_labelled_with_the_name_of_the_file(tone: Path) -> None:
    file = capture(tone)
    file.open(Settings())
    assert file.label == "tone.wav"


@pytest.mark.parametrize("pace", [4.0, 8.0])
def test_at_a_pace_each_chunk_leaves_when_it_would_have_been_said(tone: Path, pace: float) -> None:
    chunks = paced(tone, pace).open(Settings())
    begin = time.monotonic()
    late = []
    for chunk in chunks:
        assert chunk.duration <= 0.1
        late.append(time.monotonic() - begin - chunk.end / pace)
    assert chunk.end == pytest.approx(12.0)
    assert min(late) >= 0
    assert np.median(late[-20:]) < 0.05  # nothing adds up


def test_it_catches_up_when_the_one_who_takes_was_late(tone: Path) -> None:
    now = [100.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workbench.builtin.file.time", SimpleNamespace(monotonic=lambda: now[0]))
        chunks = paced(tone, 1.0).open(Settings())
        next_begins = time.monotonic()
        patch.setattr(threading.Event, "wait", lambda self, timeout: now.__setitem__(0, now[0] + timeout))
        next(chunks)
        now[0] += 5
        assert [next(chunks).end for _ in range(50)][-1] == pytest.approx(5.1)
    assert time.monotonic() - next_begins < 5
    assert now[0] == pytest.approx(105.1)


def test_after_a_pause_it_goes_on_at_its_pace(tone: Path) -> None:
    now = [100.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workbench.builtin.file.time", SimpleNamespace(monotonic=lambda: now[0]))
        chunks: Any = paced(tone, 1.0).open(Settings())
        patch.setattr(threading.Event, "wait", lambda self, timeout: now.__setitem__(0, now[0] + timeout))
        next(chunks)
        now[0] += 5
        chunks.resume()
        assert [next(chunks).end for _ in range(10)][-1] == pytest.approx(1.1)
    assert now[0] == pytest.approx(106.1)


def test_closing_ends_a_wait_at_once_from_another_thread(tone: Path) -> None:
    chunks = paced(tone, 0.001).open(Settings())
    closer = threading.Timer(0.05, chunks.close)
    closer.start()
    begin = time.monotonic()
    assert list(chunks) == []
    assert time.monotonic() - begin < 1
    closer.join()
    chunks.close()
    assert list(chunks) == []
