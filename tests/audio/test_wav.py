"""WAV files that are written as audio comes."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import numpy as np
import pytest

from workbench.audio.decode import decode
from workbench.audio.wav import SpeechTrack, WavWriter
from workbench.errors import OutputError
from workbench.types import AudioChunk, Samples

RATE = 16_000


def read(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return (np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768).astype(np.float32)


def ones(seconds: float, start: float, rate: int = RATE, value: float = 0.5) -> AudioChunk:
    return AudioChunk(np.full(round(seconds * rate), value, np.float32), rate, start)


def test_what_is_written_is_read_back_by_others_and_by_us(tmp_path: Path, speech: Samples) -> None:
    path = tmp_path / "out.wav"
    with WavWriter(path, RATE) as writer:
        for part in np.array_split(speech, 7):
            writer.write(part)
        writer.commit()
    assert np.abs(read(path) - speech).max() <= 1 / 32768
    decoded = np.concatenate([chunk.samples for chunk in decode(path)])
    assert np.abs(decoded - speech).max() <= 1 / 32768
    assert os.listdir(tmp_path) == ["out.wav"]


def test_values_out_of_range_are_clipped_and_what_is_no_number_is_silent(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "out.wav", RATE) as writer:
        writer.write(np.array([1.5, -7.0, np.nan, np.inf, 0.0], np.float32))
        writer.commit()
    assert read(tmp_path / "out.wav").tolist() == [32767 / 32768, -1.0, 0.0, 32767 / 32768, 0.0]


def test_without_commit_there_is_no_file(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "out.wav", RATE) as writer:
        writer.write(np.zeros(100_000, np.float32))
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_there_is_not_overwritten_by_default(tmp_path: Path) -> None:
    (tmp_path / "out.wav").write_bytes(b"old")
    with pytest.raises(OutputError, match="exists already"):
        WavWriter(tmp_path / "out.wav", RATE)
    assert (tmp_path / "out.wav").read_bytes() == b"old"


def test_more_than_a_wav_can_hold_is_refused(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "out.wav", RATE) as writer:
        writer.written = 2**31 - 100
        with pytest.raises(OutputError, match="4 GiB"):
            writer.write(np.zeros(100, np.float32))


def test_speech_lies_where_its_text_was_said(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "out.wav", RATE) as writer:
        track = SpeechTrack(writer)
        assert [track.add(ones(0.5, 1.0)), track.add(ones(0.25, 3.0))] == [1.0, 3.0]
        assert track.end == 3.25
        writer.commit()
    loud = read(tmp_path / "out.wav") > 0.4
    expected = np.zeros(round(3.25 * RATE), bool)
    expected[RATE : RATE + RATE // 2] = expected[3 * RATE :] = True
    assert np.array_equal(loud, expected)


def test_speech_that_takes_longer_delays_the_next_and_overlaps_nothing(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "out.wav", RATE) as writer:
        track = SpeechTrack(writer)
        assert track.add(ones(2.0, 0.0, value=0.2)) == 0.0
        assert track.add(ones(1.0, 1.0, value=0.4)) == 2.0
        assert track.add(ones(1.0, 2.5, value=0.6)) == 3.0
        writer.commit()
    assert np.allclose(read(tmp_path / "out.wav")[:: RATE // 2], [0.2] * 4 + [0.4] * 2 + [0.6] * 2, atol=1e-4)


def test_a_piece_of_another_rate_keeps_its_length(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "out.wav", RATE) as writer:
        track = SpeechTrack(writer)
        track.add(ones(1.0, 0.0, rate=24_000))
        assert track.end == 1.0
