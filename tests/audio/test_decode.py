"""Decoding of real files: length, place in time, damage, memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from workbench.audio.decode import decode
from workbench.errors import InputError
from workbench.types import Samples

RATE = 16_000
Make = Callable[..., Path]
CONTAINERS = [
    ("a.wav", {"codec": "pcm_s16le"}, 0.0),
    ("a.flac", {"codec": "flac", "rate": 44_100, "layout": "stereo"}, 0.0),
    ("a.mp3", {"codec": "libmp3lame", "rate": 44_100, "layout": "stereo"}, 0.0),
    ("a.ogg", {"codec": "vorbis", "rate": 44_100, "layout": "stereo"}, 0.0),
    ("a.opus", {"codec": "libopus", "rate": 48_000}, 0.0),
    ("a.m4a", {"codec": "aac"}, 0.0),
    ("a.mp4", {"codec": "aac", "rate": 48_000, "layout": "stereo"}, 7.0),
    ("a.mkv", {"codec": "aac"}, 0.0),
    ("a.webm", {"codec": "libopus", "rate": 48_000}, 0.0),
]
PEAK = """
import sys
from pathlib import Path
from workbench.audio.decode import decode
seconds = sum(chunk.duration for chunk in decode(Path(sys.argv[1])))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seconds, int(peak.split()[1]) / 1024)
"""


def whole(path: Path, **options: Any) -> Samples:
    return np.concatenate([chunk.samples for chunk in decode(path, **options)])


def onset(samples: Samples) -> float:
    """Seconds up to the first sound."""
    return int(np.argmax(np.abs(samples) > 0.02)) / RATE


def lag(samples: Samples, reference: Samples) -> int:
    size = 1 << (len(samples) + len(reference)).bit_length()
    product = np.fft.rfft(samples, size) * np.conj(np.fft.rfft(reference, size))
    best = int(np.argmax(np.fft.irfft(product, size)))
    return best - size if best > size // 2 else best


def correlation(samples: Samples, reference: Samples) -> float:
    shift = lag(samples, reference)
    a, b = samples[max(shift, 0) :], reference[max(-shift, 0) :]
    n = min(len(a), len(b))
    return float(np.corrcoef(a[:n], b[:n])[0, 1])


def tone(hertz: float, seconds: float, rate: int = RATE) -> Samples:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def pitch(samples: Samples) -> float:
    """Hertz of the strongest tone."""
    return float(np.argmax(np.abs(np.fft.rfft(samples)))) * RATE / len(samples)


def int16(samples: Samples) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.rint(samples * 32767).astype(np.int16)


@pytest.mark.parametrize(("name", "spec", "picture_s"), CONTAINERS, ids=[name for name, _, _ in CONTAINERS])
def test_each_container_gives_the_speech_it_was_made_from(
    make_media: Make, speech: Samples, name: str, spec: dict[str, Any], picture_s: float
) -> None:
    warnings: list[str] = []
    decoded = whole(make_media(name, {"samples": speech, **spec}, picture_s=picture_s), warnings=warnings)
    assert abs(len(decoded) - len(speech)) <= 0.05 * RATE
    assert abs(lag(decoded, speech)) <= 0.01 * RATE
    assert correlation(decoded, speech) >= 0.99
    assert abs(onset(decoded) - onset(speech)) <= 0.01
    assert warnings == []


def test_chunks_join_without_holes_and_none_but_the_last_is_short(make_media: Make, speech: Samples) -> None:
    path = make_media("a.mp3", {"samples": speech, "codec": "libmp3lame", "rate": 44_100})
    chunks = list(decode(path, chunk_s=1.5))
    assert [chunk.start for chunk in chunks] == [1.5 * i for i in range(len(chunks))]
    assert {chunk.duration for chunk in chunks[:-1]} == {1.5}
    assert {(chunk.sample_rate, chunk.samples.dtype.name) for chunk in chunks} == {(RATE, "float32")}


@pytest.mark.parametrize("name", ["late.mp4", "late.mkv", "late.webm", "late.ts"])
def test_audio_that_starts_two_seconds_into_a_video_starts_there(make_media: Make, speech: Samples, name: str) -> None:
    codec = "libopus" if name == "late.webm" else "aac"
    path = make_media(name, {"samples": speech, "codec": codec, "rate": 48_000, "start": 2.0}, picture_s=9.0)
    decoded = whole(path)
    assert abs(onset(decoded) - onset(speech) - 2.0) <= 0.03  # AAC priming that a container cannot state is up to 21 ms
    assert not decoded[: 2 * RATE].any()
    assert correlation(decoded, speech) >= 0.99


@pytest.mark.parametrize(
    ("wanted", "hertz"), [(None, 400), (1, 400), ("2", 700), ("de", 700), ("ger", 700), ("en-US", 400)]
)
def test_a_track_is_chosen_by_number_or_language(make_media: Make, wanted: int | str | None, hertz: float) -> None:
    tracks = [
        {"samples": tone(hertz, 1.0), "codec": "aac", "language": language}
        for hertz, language in ((400, "eng"), (700, "ger"))
    ]
    assert pitch(whole(make_media("two.mkv", *tracks), track=wanted)) == pytest.approx(hertz, abs=2)


def test_digital_silence_stays_silence(make_media: Make) -> None:
    decoded = whole(make_media("a.flac", {"samples": np.zeros(3 * RATE, np.float32), "codec": "flac"}))
    assert len(decoded) == 3 * RATE
    assert not decoded.any()


@pytest.mark.parametrize("codec", ["pcm_s16le", "flac", "libmp3lame", "aac"])
def test_a_tenth_of_a_second_is_kept(make_media: Make, codec: str) -> None:
    suffix = {"pcm_s16le": "wav", "flac": "flac", "libmp3lame": "mp3", "aac": "m4a"}[codec]
    chunks = list(decode(make_media(f"a.{suffix}", {"samples": tone(440, 0.1), "codec": codec})))
    assert len(chunks) == 1
    assert chunks[0].duration == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("rate", [8_000, 22_050, 192_000])
def test_any_usual_rate_becomes_16_khz(write_wav: Make, rate: int) -> None:
    decoded = whole(write_wav("a.wav", int16(tone(1000, 1.0, rate))[:, None], rate))
    assert len(decoded) == RATE
    assert pitch(decoded) == pytest.approx(1000, abs=2)


def test_six_full_scale_channels_do_not_clip_and_the_centre_is_heard(make_media: Make) -> None:
    loud = np.tile(2 * tone(440, 1.0), (6, 1))
    mixed = whole(make_media("loud.flac", {"samples": loud, "codec": "flac", "layout": "5.1"}))
    assert np.abs(mixed).max() == pytest.approx(1.0, abs=0.01)
    centre = np.zeros_like(loud)
    centre[2] = loud[2]
    mixed = whole(make_media("centre.flac", {"samples": centre, "codec": "flac", "layout": "5.1"}))
    assert np.abs(mixed).max() > 0.25


@pytest.mark.parametrize("channels", [1, 3, 7, 13])
def test_channels_without_a_layout_are_mixed(write_wav: Make, channels: int) -> None:
    mixed = whole(write_wav("a.wav", int16(np.tile(tone(440, 0.5)[:, None], (1, channels)))))
    assert correlation(mixed, tone(440, 0.5)) > 0.99


def test_sixteen_channels_that_each_have_a_plane_are_mixed(make_media: Make) -> None:
    spec = {"samples": tone(440, 1.0), "codec": "libopus", "rate": 48_000, "layout": "hexadecagonal"}
    mixed = whole(make_media("a.opus", {**spec, "options": {"mapping_family": "255"}}))
    assert correlation(mixed, tone(440, 1.0)) > 0.99


def test_values_that_are_not_numbers_become_silence_and_are_counted(write_wav: Make) -> None:
    samples = tone(440, 1.0)
    samples[100:110] = np.nan
    samples[5000] = np.inf
    samples[6000] = 1e30
    warnings: list[str] = []
    decoded = whole(write_wav("a.wav", samples), warnings=warnings)
    assert np.isfinite(decoded).all()
    assert np.abs(decoded).max() <= 1.0
    assert not decoded[100:110].any()
    assert [w for w in warnings if "11 sample(s) that are not numbers" in w]


def test_a_file_of_nothing_but_nan_is_refused(write_wav: Make) -> None:
    with pytest.raises(InputError, match="no sample that is a number"):
        whole(write_wav("a.wav", np.full(RATE, np.nan, np.float32)))


@pytest.mark.parametrize("claimed", [0, 0x40000000, 0x7FFFF000, 0xFFFFFFFF])
def test_a_wav_with_a_wrong_length_in_its_header_is_read_to_its_end(write_wav: Make, claimed: int) -> None:
    assert len(whole(write_wav("a.wav", int16(tone(440, 1.0))[:, None], claimed=claimed))) == RATE


def test_a_wav_without_samples_is_refused(write_wav: Make) -> None:
    with pytest.raises(InputError, match="without samples"):
        whole(write_wav("a.wav", np.zeros((0, 1), np.int16)))


@pytest.mark.parametrize(("rate", "channels"), [(10**9, 1), (10, 1), (16_000, 255)])
def test_figures_that_cannot_be_audio_are_refused(write_wav: Make, rate: int, channels: int) -> None:
    with pytest.raises(InputError, match="cannot be audio"):
        whole(write_wav("a.wav", np.zeros((1000, channels), np.int16), rate))


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp3", "libmp3lame", {}),
        ("a.flac", "flac", {}),
        ("a.wav", "pcm_s16le", {}),
        ("a.mp4", "aac", {"movflags": "faststart"}),
        ("a.mkv", "aac", {}),
    ],
)
def test_a_file_that_was_cut_off_gives_what_is_there_and_a_warning(
    make_media: Make, speech: Samples, name: str, codec: str, options: dict[str, str]
) -> None:
    path = make_media(name, {"samples": speech, "codec": codec}, options=options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    warnings: list[str] = []
    decoded = whole(path, warnings=warnings)
    assert 0.4 * len(speech) < len(decoded) < 0.8 * len(speech)
    assert correlation(decoded, speech[: len(decoded)]) >= 0.99
    assert [w for w in warnings if "may be cut off" in w]


@pytest.mark.parametrize(("name", "codec"), [("a.flac", "flac"), ("a.mkv", "aac"), ("a.ogg", "libopus")])
def test_damage_in_the_middle_leaves_what_follows_in_its_place(
    make_media: Make, speech: Samples, name: str, codec: str
) -> None:
    path = make_media(name, {"samples": speech, "codec": codec, "rate": 48_000})
    spoil(path, 3000)
    warnings: list[str] = []
    decoded = whole(path, warnings=warnings)
    assert abs(len(decoded) - len(speech)) <= 0.05 * RATE
    assert abs(lag(decoded[-RATE:], speech[-RATE:])) <= 0.05 * RATE
    assert correlation(decoded[-RATE:], speech[-RATE:]) >= 0.95
    assert warnings


def test_damage_in_an_mp3_which_has_no_timestamps_loses_nothing_else(make_media: Make, speech: Samples) -> None:
    path = make_media("a.mp3", {"samples": speech, "codec": "libmp3lame"})
    spoil(path, 3000)
    warnings: list[str] = []
    decoded = whole(path, warnings=warnings)
    assert len(speech) - len(decoded) < 1.2 * RATE
    assert correlation(decoded[-RATE:], speech[-RATE:]) >= 0.95
    assert warnings


def spoil(path: Path, count: int) -> None:
    """Make zeros of `count` bytes in the middle."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + count] = bytes(count)
    path.write_bytes(data)


def test_closing_half_way_frees_the_file(make_media: Make, speech: Samples) -> None:
    path = make_media("a.mp3", {"samples": speech, "codec": "libmp3lame"})

    def is_open() -> bool:
        return str(path) in {file.path for file in psutil.Process().open_files()}

    chunks = decode(path, chunk_s=1.0)
    assert not is_open()
    next(chunks)
    assert is_open()
    chunks.close()
    assert not is_open()


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_memory_does_not_grow_with_the_length_of_the_file(make_media: Make, speech: Samples, tmp_path: Path) -> None:
    clip = make_media("clip.mp3", {"samples": speech, "codec": "libmp3lame"}, options={"write_xing": "0"}).read_bytes()
    figures = []
    for copies in (3, 200):
        path = tmp_path / f"{copies}.mp3"
        path.write_bytes(clip * copies)
        command = [sys.executable, "-c", PEAK, str(path)]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        figures.append([float(figure) for figure in result.stdout.split()])
    (short_s, short_mb), (long_s, long_mb) = figures
    assert long_s > 20 * 60
    assert long_s > 50 * short_s
    assert long_mb - short_mb < 4
    assert long_mb < 80
