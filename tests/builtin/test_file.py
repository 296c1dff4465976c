"""Capture from a file."""

from __future__ import annotations

import logging
import os
import struct
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given as given_examples
from hypothesis import settings
from hypothesis import strategies as st

from tests.audio.wavs import fmt, make, noise, riff
from tests.fakes import stopwatch
from workbench.audio.decode import decode
from workbench.audio.wav import WavWriter
from workbench.builtin.file import FileCapture
from workbench.engines import Settings
from workbench.errors import InputError, UsageError
from workbench.types import Samples

SAMPLES = Path(__file__).parents[2] / "samples"
WAYS = pytest.mark.parametrize("memory_mapping", [False, True], ids=["pread", "mmap"])
FORMS = [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (6, 8), (7, 8)]


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


def read(path: Path, *, memory_mapping: bool = False) -> tuple[Samples, list[str]]:
    """All samples of a file and its warnings. Chunks are 10 s but for the last, without holes."""
    file = FileCapture(FileCapture.Options(path=path, memory_mapping=memory_mapping))
    parts = list(file.open(Settings()))
    assert [part.start for part in parts] == [10.0 * number for number in range(len(parts))]
    assert {part.duration for part in parts[:-1]} <= {10.0}
    return np.concatenate([np.zeros(0, np.float32), *(part.samples for part in parts)]), file.warnings


def decoded(path: Path) -> tuple[Samples, list[str]]:
    warnings: list[str] = []
    parts = [part.samples for part in decode(path, warnings=warnings)]
    return np.concatenate([np.zeros(0, np.float32), *parts]), warnings


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "workbench.builtin.file")
    return caplog


@WAYS
@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize(("channels", "mask"), [(1, None), (2, 0x3), (6, 0x3F)])
def test_a_wav_at_16_khz_is_read_in_ranges_to_the_bit_as_it_is_decoded(
    tmp_path: Path,
    log: pytest.LogCaptureFixture,
    form: tuple[int, int],
    channels: int,
    mask: int | None,
    memory_mapping: bool,
) -> None:
    tag, bits = form
    head = fmt(tag=tag, bits=bits, channels=channels, mask=mask)
    path = make(tmp_path / "audio.wav", noise(tag, bits, 16_000 * 21 * channels), head)
    samples, warnings = read(path, memory_mapping=memory_mapping)
    np.testing.assert_allclose(samples, decoded(path)[0], rtol=0, atol=0 if channels < 3 else 1e-6)  # the sum's order
    assert warnings == []
    way = "memory mapping" if memory_mapping else "pread"
    assert log.messages == [f"'audio.wav' is read by {way}: 0.3 MB at a time instead of 1.3 MB"]


@settings(max_examples=25, deadline=None)
@given_examples(
    rate=st.sampled_from([8_000, 11_025, 16_001, 22_050, 32_000, 44_100, 48_000, 96_000]),
    length=st.integers(1, 1_100_000),
)
def test_a_wav_at_another_rate_is_read_in_ranges_to_the_bit_as_it_is_decoded(
    tmp_path_factory: pytest.TempPathFactory, rate: int, length: int
) -> None:
    path = make(tmp_path_factory.mktemp("file") / "audio.wav", noise(1, 16, length), fmt(rate=rate))
    samples, expected = read(path)[0], decoded(path)[0]
    assert np.array_equal(samples, expected)


def damaged(path: Path, what: str) -> Path:
    audio = noise(1, 16, 16_000 * 25)
    match what:
        case "cut off":
            make(path, audio)
            os.truncate(path, path.stat().st_size - 200_001)
        case "still growing":
            path.write_bytes(riff(fmt(), struct.pack("<4sI", b"data", 0xFFFFFFFF), audio))
        case "never finished":
            path.write_bytes(riff(fmt(), struct.pack("<4sI", b"data", 0), audio))
        case "torn in a sample":
            make(path, audio[:-1])
        case "no numbers":
            values = np.linspace(-1, 1, 16_000 * 25, dtype="<f4")
            values[16_000 * 15] = np.nan
            make(path, values.tobytes(), fmt(tag=3, bits=32))
    return path


@WAYS
@pytest.mark.parametrize(
    "what",
    ["cut off", "still growing", "never finished", "torn in a sample", "no numbers"],
)
def test_a_wav_with_anything_wrong_gives_what_decoding_gives_and_its_warnings(
    tmp_path: Path, log: pytest.LogCaptureFixture, what: str, memory_mapping: bool
) -> None:
    path = damaged(tmp_path / "audio.wav", what)
    samples, warnings = read(path, memory_mapping=memory_mapping)
    expected, expected_warnings = decoded(path)
    assert np.array_equal(samples, expected)
    assert warnings == expected_warnings
    assert "is decoded from its start" in log.messages[-1]


@pytest.mark.parametrize("audio", [b"", np.full(16_000, np.nan, "<f4").tobytes()], ids=["empty", "nan"])
def test_a_wav_without_sound_is_refused_as_when_it_is_decoded(tmp_path: Path, audio: bytes) -> None:
    path = make(tmp_path / "audio.wav", audio, fmt(tag=3, bits=32))
    with pytest.raises(InputError, match=r"without samples|no sample that is a number"):
        read(path)


@WAYS
def test_a_wav_that_is_cut_off_while_it_is_read_goes_on_with_what_is_left(tmp_path: Path, memory_mapping: bool) -> None:
    path = make(tmp_path / "audio.wav", noise(1, 16, 16_000 * 35))
    file = FileCapture(FileCapture.Options(path=path, memory_mapping=memory_mapping))
    chunks = file.open(Settings())
    given = [next(chunks)]
    os.truncate(path, 44 + 2 * 16_000 * 15)
    given += chunks
    assert [(part.start, part.duration) for part in given] == [(0.0, 10.0), (10.0, 5.0)]
    assert np.array_equal(np.concatenate([part.samples for part in given]), decoded(path)[0])
    assert len(file.warnings) == 1
    assert "may be cut off" in file.warnings[0]


def test_what_is_no_wav_is_decoded(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    path = SAMPLES / "dialogue.flac"
    assert np.array_equal(read(path)[0], decoded(path)[0])
    assert log.messages == ["'dialogue.flac' is decoded from its start: it is no WAV of plain samples"]


@WAYS
def test_closing_half_way_frees_the_file(tone: Path, memory_mapping: bool) -> None:
    open_before = len(os.listdir("/dev/fd"))
    chunks: Any = FileCapture(FileCapture.Options(path=tone, memory_mapping=memory_mapping)).open(Settings())
    next(chunks)
    assert len(os.listdir("/dev/fd")) > open_before
    chunks.close()
    assert len(os.listdir("/dev/fd")) == open_before


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
    for part in chunks:
        assert part.duration <= 0.1
        late.append(time.monotonic() - begin - part.end / pace)
    assert part.end == pytest.approx(12.0)
    assert min(late) >= 0
    assert min(late[-20:]) < 0.05  # nothing adds up; a busy machine may be late with some


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
    with stopwatch() as passed:
        assert list(chunks) == []
        assert passed() < 1
    closer.join()
    chunks.close()
    assert list(chunks) == []
