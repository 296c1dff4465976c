"""Ranges of WAV files: the same audio as when they are decoded, whoever reads them and however."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import struct
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.wavs import chunk, fmt, make, noise, riff
from workbench.audio.decode import decode
from workbench.audio.mapped import MemoryMappedAudio, NotPcmWav
from workbench.audio.wav import WavWriter
from workbench.errors import InputError, UsageError
from workbench.types import Samples

RATE = 16_000
WAYS = pytest.mark.parametrize("memory_mapping", [False, True], ids=["pread", "mmap"])
FORMS = [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (6, 8), (7, 8)]
needs_proc = pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux's /proc")


def whole(path: Path, rate: int = RATE) -> Samples:
    """What decoding from the start gives."""
    return np.concatenate([np.zeros(0, np.float32), *(part.samples for part in decode(path, sample_rate=rate))])


@pytest.fixture
def minute(tmp_path: Path) -> Path:
    """60 s whose samples tell where they belong, as far as 16 bits can."""
    return make(tmp_path / "minute.wav", (np.arange(60 * RATE) % 32_000).astype("<i2").tobytes())


@WAYS
@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize(("channels", "mask"), [(1, None), (2, None), (2, 0x3), (3, 0x7), (6, 0x3F), (8, 0x63F)])
def test_a_range_is_the_same_as_in_the_decoded_file(
    tmp_path: Path, form: tuple[int, int], channels: int, mask: int | None, memory_mapping: bool
) -> None:
    tag, bits = form
    head = fmt(tag=tag, bits=bits, channels=channels, mask=mask)
    path = make(tmp_path / "audio.wav", noise(tag, bits, 3000 * channels), head)
    expected = whole(path)
    with MemoryMappedAudio(path, memory_mapping=memory_mapping) as audio:
        assert audio.is_mapped == memory_mapping
        assert (audio.sample_rate, audio.channels, audio.duration) == (RATE, channels, 3000 / RATE)
        np.testing.assert_allclose(audio.read(), expected, atol=2e-6)
        np.testing.assert_allclose(audio.read(1001 / RATE, 2002 / RATE), expected[1001:2002], atol=2e-6)


def test_what_this_program_writes_comes_back_to_the_bit(tmp_path: Path) -> None:
    samples = (np.arange(-16_000, 16_000) / 32_768).astype(np.float32)
    with WavWriter(tmp_path / "audio.wav", RATE) as writer:
        writer.write(samples)
        writer.commit()
    with MemoryMappedAudio(tmp_path / "audio.wav") as audio:
        assert np.array_equal(audio.read(), samples)


@WAYS
@settings(max_examples=30, deadline=None)
@given(edges=st.lists(st.floats(0.0, 11.0), min_size=1, max_size=6))
def test_ranges_that_touch_join_without_a_hole(
    tmp_path_factory: pytest.TempPathFactory, edges: list[float], memory_mapping: bool
) -> None:
    path = make(
        tmp_path_factory.mktemp("ranges") / "audio.wav",
        (np.arange(110_250) % 30_000).astype("<i2").tobytes(),
        fmt(rate=11_025),
    )
    edges = [0.0, *sorted(edges), 11.0]
    with MemoryMappedAudio(path, memory_mapping=memory_mapping) as audio:
        parts = [audio.read(start, end) for start, end in pairwise(edges)]
        assert np.array_equal(np.concatenate(parts), audio.read())


@WAYS
def test_beyond_the_ends_there_is_nothing(minute: Path, memory_mapping: bool) -> None:
    with MemoryMappedAudio(minute, memory_mapping=memory_mapping) as audio:
        assert len(audio.read(-5.0, 1.0)) == RATE
        assert len(audio.read(59.0, 1e9)) == RATE
        assert len(audio.read(60.0, 61.0)) == len(audio.read(2.0, 1.0)) == len(audio.read(1.0, 1.0)) == 0


@WAYS
def test_a_wav_without_audio_is_empty(tmp_path: Path, memory_mapping: bool) -> None:
    with MemoryMappedAudio(make(tmp_path / "audio.wav", b""), memory_mapping=memory_mapping) as audio:
        assert audio.duration == 0.0
        assert len(audio.read()) == 0


@WAYS
def test_values_that_are_no_numbers_are_silence_and_loud_ones_are_clipped(tmp_path: Path, memory_mapping: bool) -> None:
    values = np.array([np.nan, np.inf, -np.inf, 3.0, -3.0, 1e300, 0.5], "<f8")
    path = make(tmp_path / "audio.wav", values.tobytes(), fmt(tag=3, bits=64))
    with MemoryMappedAudio(path, memory_mapping=memory_mapping) as audio:
        assert audio.read().tolist() == [0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.5]


@WAYS
def test_a_file_above_4_gib_is_read_at_its_end(tmp_path: Path, memory_mapping: bool) -> None:
    length = 3 << 30  # samples: 53 hours
    sizes = chunk(b"ds64", struct.pack("<QQQI", 2 * length + 72, 2 * length, length, 0))
    head = riff(sizes, fmt(), struct.pack("<4sI", b"data", 0xFFFFFFFF), kind=b"RF64")
    path = tmp_path / "large.wav"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 2 * length)
        file.seek(-2 * RATE, os.SEEK_END)
        file.write(np.full(RATE, 16_384, "<i2").tobytes())
        file.write(b"LIST")
    if path.stat().st_blocks * 512 > 1 << 20:
        pytest.skip("needs a file system with sparse files")
    with MemoryMappedAudio(path, memory_mapping=memory_mapping) as audio:
        assert audio.duration == length / RATE
        last = audio.read(audio.duration - 2.0)
    assert last[:RATE].tolist() == [0.0] * RATE
    assert last[RATE:].tolist() == [0.5] * RATE


@WAYS
def test_threads_share_one(minute: Path, memory_mapping: bool) -> None:
    with MemoryMappedAudio(minute, memory_mapping=memory_mapping) as audio, ThreadPoolExecutor(8) as threads:
        expected = audio.read()
        for start, samples in enumerate(threads.map(lambda start: audio.read(start % 60, start % 60 + 5), range(240))):
            assert np.array_equal(samples, expected[start % 60 * RATE :][: 5 * RATE])


def _sum(audio: MemoryMappedAudio, start: float) -> float:
    with audio:
        return float(audio.read(start, start + 1.0).sum())


@WAYS
def test_processes_share_one(minute: Path, memory_mapping: bool) -> None:
    with MemoryMappedAudio(minute, memory_mapping=memory_mapping) as audio:
        expected = [float(audio.read(start, start + 1.0).sum()) for start in range(4)]
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
            assert list(processes.map(_sum, [audio] * 4, range(4))) == expected
        with pickle.loads(pickle.dumps(audio)) as other:
            assert other.is_mapped == memory_mapping


@WAYS
def test_a_file_that_is_cut_off_meanwhile_is_an_error_and_not_the_end_of_the_process(
    minute: Path, memory_mapping: bool
) -> None:
    with MemoryMappedAudio(minute, memory_mapping=memory_mapping) as audio:
        os.truncate(minute, 30 * 2 * RATE + 44)
        assert len(audio.read(0.0, 30.0)) == 30 * RATE
        with pytest.raises(InputError, match="cut off while it was read") as caught:
            audio.read(29.0, 31.0)
        assert "Read it again" in caught.value.hint
        with pytest.raises(InputError):
            audio.read(50.0, 51.0)


def test_a_file_that_shrinks_all_the_time_ends_no_process_that_reads_it_by_pread(minute: Path) -> None:
    code = """
import sys
from pathlib import Path
from workbench.audio.mapped import MemoryMappedAudio
from workbench.errors import InputError
audio, refused = MemoryMappedAudio(Path(sys.argv[1])), 0
print("ready", flush=True)
while refused < 100:
    try:
        audio.read()
    except InputError:
        refused += 1
"""
    command = [sys.executable, "-c", code, str(minute)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"ready\n"
        size = minute.stat().st_size
        while reader.poll() is None:
            os.truncate(minute, 4096)
            os.truncate(minute, size)
    assert reader.returncode == 0


@WAYS
def test_a_file_that_is_replaced_meanwhile_is_read_on(minute: Path, memory_mapping: bool) -> None:
    with MemoryMappedAudio(minute, memory_mapping=memory_mapping) as audio:
        before = audio.read(1.0, 2.0)
        other = minute.with_name("other.wav")
        make(other, bytes(100))
        os.replace(other, minute)
        assert np.array_equal(audio.read(1.0, 2.0), before)


def test_a_file_system_that_cannot_map_is_read_all_the_same(minute: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object, **options: object) -> None:
        raise OSError(19, "No such device")

    monkeypatch.setattr("mmap.mmap", refused)
    with MemoryMappedAudio(minute, memory_mapping=True) as audio:
        assert not audio.is_mapped
        assert len(audio.read(1.0, 2.0)) == RATE


def test_a_disk_that_fails_is_named(minute: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(*arguments: object) -> bytes:
        raise OSError(5, "Input/output error")

    with MemoryMappedAudio(minute) as audio:
        monkeypatch.setattr("os.pread", failed)
        with pytest.raises(InputError, match=r"minute\.wav' cannot be read: Input/output error"):
            audio.read(1.0, 2.0)


@needs_proc
def test_pages_of_a_mapped_file_that_were_read_do_not_stay_in_memory(tmp_path: Path) -> None:
    path = make(tmp_path / "audio.wav", np.ones(16 << 20, "<i2").tobytes())

    def mapped_kib() -> int:
        smaps = Path("/proc/self/smaps").read_text().split(str(path))[1]
        return int(smaps.split("Rss:")[1].split()[0])

    with MemoryMappedAudio(path, memory_mapping=True) as audio:
        for start in range(0, int(audio.duration), 30):
            audio.read(start, start + 30.0)
        assert mapped_kib() == 0


def test_nothing_stays_open(minute: Path) -> None:
    open_before = len(os.listdir("/dev/fd"))
    for memory_mapping in (False, True):
        with MemoryMappedAudio(minute, memory_mapping=memory_mapping) as audio:
            audio.read(0.0, 1.0)
    minute.write_bytes(b"no audio at all")
    with pytest.raises(NotPcmWav):
        MemoryMappedAudio(minute)
    assert len(os.listdir("/dev/fd")) == open_before


def test_what_is_no_plain_wav_is_named_and_can_be_decoded(tmp_path: Path) -> None:
    path = tmp_path / "audio.wav"
    path.write_bytes(b"ID3" + bytes(100))
    with pytest.raises(NotPcmWav, match=r"audio\.wav': this is no WAV") as caught:
        MemoryMappedAudio(path)
    assert "Decode it" in caught.value.hint
    assert isinstance(caught.value, InputError)


def test_no_file_a_folder_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        MemoryMappedAudio(tmp_path / "none.wav")
    with pytest.raises(UsageError, match="is a directory"):
        MemoryMappedAudio(tmp_path)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(InputError, match="is empty"):
        MemoryMappedAudio(tmp_path / "empty.wav")
