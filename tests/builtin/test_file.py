"""Capture from a file."""

from __future__ import annotations

from pathlib import Path

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
