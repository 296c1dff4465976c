"""A WAV that grows: nothing that was stored is lost, whoever dies or whatever is full."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.audio import spool as module
from workbench.audio.decode import decode
from workbench.audio.spool import Spool, read_samples, stored_samples
from workbench.audio.wav import MOST_SAMPLES
from workbench.errors import InputError, OutputError
from workbench.types import Samples

RATE = 16_000
CHILD = """
import sys
from pathlib import Path
import numpy as np
from workbench.audio.spool import Spool
from workbench.errors import OutputError
spool = Spool(Path(sys.argv[1]))
try:
    for count in range(10_000_000):
        first = round(spool.end * 16_000)
        spool.append((np.arange(first, first + 160) % 30_000 / 32_768).astype(np.float32))
        print(first + 160, flush=True)
except OutputError as error:
    print(error.message)
    print(error.hint)
    end = spool.end
    assert len(spool.read(end - 0.01, 0.01)) == 160
    spool.close()
"""
FULL = 'mount -t tmpfs -o size=256k none "$1" && "$2" -c "$3" "$1/audio.wav" | tail -2; cp "$1/audio.wav" "$4"'


def numbered(first: int, count: int) -> Samples:
    """Samples that tell where they belong."""
    return (np.arange(first, first + count) % 30_000 / 32_768).astype(np.float32)


def in_the_words_of_others(path: Path) -> int:
    """How many samples a player finds."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return int(file.getnframes())


def everything(path: Path) -> Samples:
    return read_samples(path, 0, stored_samples(path))


def test_what_is_stored_is_read_back_to_the_last_bit(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "audio.wav")
    heard = (np.random.default_rng(1).integers(-32768, 32768, 50_000) / 32768).astype(np.float32)
    for part in np.array_split(heard, 23):
        spool.append(part)
    assert spool.end == 50_000 / RATE
    assert np.array_equal(spool.read(1.0, 1.0), heard[RATE : 2 * RATE])
    spool.close()
    assert np.array_equal(everything(spool.path), heard)
    assert in_the_words_of_others(spool.path) == 50_000
    decoded = np.concatenate([chunk.samples for chunk in decode(spool.path)])
    assert np.array_equal(decoded, heard)


def test_what_a_read_gets_is_what_is_there(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "audio.wav")
    spool.append(numbered(0, 1000))
    assert len(spool.read(0.05, 10.0)) == 200
    assert len(spool.read(0.0, 0.01)) == 160
    assert len(spool.read(5.0, 1.0, timeout_s=0.0)) == 0
    spool.close()
    assert len(spool.read(5.0, 1.0)) == 0
    assert len(spool.read(0.0, 1.0)) == 1000, "what is closed can be read"


def test_silence_counts_as_audio_and_takes_no_space(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "audio.wav")
    spool.append(numbered(0, 100))
    spool.append_silence(3600.0)
    spool.append(numbered(7, 100))
    spool.close()
    assert stored_samples(spool.path) == in_the_words_of_others(spool.path) == 3600 * RATE + 200
    assert np.array_equal(spool.read(3600.0, 1.0), np.concatenate([np.zeros(100, np.float32), numbered(7, 100)]))
    assert spool.path.stat().st_blocks * 512 < 1_000_000


def test_a_reader_waits_for_audio_and_is_woken_by_the_end(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "audio.wav")
    parts: list[Samples] = []

    def follow() -> None:
        position = 0
        while len(part := spool.read(position / RATE, 0.5)):
            parts.append(part)
            position += len(part)

    reader = threading.Thread(target=follow)
    reader.start()
    for first in range(0, 40_000, 400):
        spool.append(numbered(first, 400))
    spool.append_silence(0.1)
    spool.close()
    reader.join(10)
    assert not reader.is_alive()
    assert np.array_equal(np.concatenate(parts), np.concatenate([numbered(0, 40_000), np.zeros(1600, np.float32)]))


def test_a_spool_goes_on_where_it_ended(tmp_path: Path) -> None:
    for first in (0, 500, 1000):
        spool = Spool(tmp_path / "audio.wav")
        assert spool.end == first / RATE
        spool.append(numbered(first, 500))
        spool.close()
        spool.close()
    assert np.array_equal(everything(spool.path), numbered(0, 1500))


@given(left=st.integers(0, 301))
def test_a_file_that_was_cut_anywhere_goes_on_at_a_whole_sample(
    tmp_path_factory: pytest.TempPathFactory, left: int
) -> None:
    path = tmp_path_factory.mktemp("spool") / "audio.wav"
    spool = Spool(path)
    spool.append(numbered(0, 200))
    spool.close()
    os.truncate(path, 44 + left)
    spool = Spool(path)
    assert in_the_words_of_others(path) == left // 2, "the header is right again at once"
    spool.append(numbered(left // 2, 100))
    spool.close()
    assert np.array_equal(everything(path), numbered(0, left // 2 + 100))


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "audio.wav"
    for other in (b"", b"text", b"RIFF" + bytes(60)):
        path.write_bytes(other)
        with pytest.raises(OutputError, match="is not a 16-bit mono WAV at 16000 Hz"):
            Spool(path)
        assert path.read_bytes() == other
    path.unlink()
    Spool(path, 8000).close()
    with pytest.raises(OutputError, match="at 16000 Hz"):
        Spool(path)


def test_a_full_wav_is_refused_and_stays_a_wav(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "audio.wav")
    spool.append_silence((MOST_SAMPLES - 10) / RATE)
    with pytest.raises(OutputError, match="4 GiB") as caught:
        spool.append(numbered(0, 11))
    assert "1 day, 13:16:" in caught.value.hint
    assert "new session" in caught.value.hint
    spool.append(numbered(0, 10))
    with pytest.raises(OutputError, match="4 GiB"):
        spool.append_silence(1.0)
    spool.close()
    assert in_the_words_of_others(spool.path) == MOST_SAMPLES


def test_at_most_two_seconds_are_not_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_disk: list[int] = []

    def sync(descriptor: int) -> None:
        os.fsync(descriptor)
        on_disk.append(in_the_words_of_others(tmp_path / "audio.wav"))

    monkeypatch.setattr(module, "sync_data", sync)
    spool = Spool(tmp_path / "audio.wav")
    for first in range(0, 10 * RATE, 800):
        spool.append(numbered(first, 800))
        assert (first + 800 - on_disk[-1]) / RATE < 1.1
    assert len(on_disk) == 11, "and not after each piece"
    spool.close()


def test_an_error_of_the_disk_says_what_is_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "audio.wav")
    spool.append(numbered(0, 2 * RATE))

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "sync_data", fail)
    with pytest.raises(OutputError, match="Input/output error") as caught:
        spool.append(numbered(2 * RATE, RATE))
    assert caught.value.hint.startswith("The 0:00:02 of audio before are stored")
    assert spool.end == 2.0, "what was refused is not there"
    with pytest.raises(OutputError):
        spool.close()
    assert len(spool.read(9.0, 1.0)) == 0, "readers are woken all the same"
    assert np.array_equal(everything(spool.path), numbered(0, 2 * RATE))


def test_a_spool_that_cannot_be_opened_leaves_no_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Spool(tmp_path / "audio.wav").close()
    monkeypatch.setattr(module, "sync_data", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(OutputError, match="Input/output error"):
        Spool(tmp_path / "audio.wav")


def test_audio_that_is_gone_is_an_error_of_the_input(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "audio.wav")
    spool.append(numbered(0, 100))
    spool.path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        spool.read(0.0, 1.0)
    spool.close()


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no folder"):
        Spool(tmp_path / "missing" / "audio.wav")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_kill_9_at_any_moment_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    path, chance = tmp_path / "audio.wav", random.Random(3)
    for _ in range(5):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(chance.randrange(1, 300)):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        said = [int(line) for line in child.stdout.read().splitlines() if line]
        child.wait()
        child.stdout.close()
        stored = stored_samples(path)
        assert stored >= max(said, default=0)
        assert stored - in_the_words_of_others(path) <= 2 * RATE, "a player finds it before it is repaired"
        assert np.array_equal(everything(path), numbered(0, stored))
    spool = Spool(path)
    spool.close()
    assert in_the_words_of_others(path) == stored


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
def test_what_was_stored_before_a_limit_stays_readable(tmp_path: Path) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_001, 100_001))\n" + CHILD
    command = [sys.executable, "-c", limited, str(tmp_path / "audio.wav")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "too large" in said[-2]
    assert said[-1].startswith("The 0:00:03 of audio before are stored and can be read.")
    assert in_the_words_of_others(tmp_path / "audio.wav") == 49_920
    assert np.array_equal(everything(tmp_path / "audio.wav"), numbered(0, 49_920)), "pieces are stored whole or not"


def test_a_full_disk_is_called_full_and_what_was_stored_stays_readable(tmp_path: Path) -> None:
    unshare, copy = shutil.which("unshare"), tmp_path / "copy.wav"
    disk = tmp_path / "disk"
    disk.mkdir()
    script = ["sh", "-c", FULL, "sh", str(disk), sys.executable, CHILD, str(copy)]
    for command in [[unshare, "-m", *script], [unshare, "-rm", *script]] if unshare else []:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if "full" in result.stdout:
            message, hint = result.stdout.splitlines()
            assert "the disk is full" in message
            assert hint.startswith("The 0:00:08 of audio before are stored and can be read. Free some space")
            assert in_the_words_of_others(copy) == stored_samples(copy)
            assert np.array_equal(everything(copy), numbered(0, stored_samples(copy)))
            return
    pytest.skip("a small disk cannot be mounted here: neither as root nor in a user namespace")
