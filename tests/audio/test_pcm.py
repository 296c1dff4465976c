"""Raw audio in pieces of any length."""

from __future__ import annotations

import math
import struct
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.audio.pcm import SAMPLE_RATES, Cutter, Decoder
from workbench.errors import InputError, UsageError
from workbench.types import Samples


def decoded(cutter: Cutter, decoder: Decoder, *pieces: Any) -> Samples:
    return np.concatenate([*(decoder.decode(cutter.cut(piece)) for piece in pieces), decoder.end()])


@given(st.binary(max_size=200).filter(lambda data: len(data) % 2 == 0), st.lists(st.integers(0, 200)))
def test_bytes_cut_anywhere_give_the_same_samples(data: bytes, places: list[int]) -> None:
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    samples = decoded(Cutter(16_000, "pcm_s16le"), Decoder(16_000, 16_000), *pieces)
    assert samples.tolist() == [value / 32768 for (value,) in struct.iter_unpack("<h", data)]


def test_every_way_to_hand_audio_over_gives_the_same() -> None:
    pcm = np.array([0, 1, -1, 32767, -32768], "<i2")
    ways = [pcm, pcm.tobytes(), bytearray(pcm.tobytes()), pcm.data, pcm / np.float32(32768)]
    for way in ways:
        samples = decoded(Cutter(16_000, "pcm_s16le"), Decoder(16_000, 16_000), way)
        assert samples.dtype == np.float32
        assert samples.tolist() == (pcm / 32768).tolist()


def test_what_was_handed_over_may_be_written_to_afterwards() -> None:
    octets = bytearray(8)
    for mine in (octets, np.frombuffer(octets, np.int16), np.frombuffer(octets, np.float32)[:4]):
        octets[:] = bytes(8)
        pcm = Cutter(16_000, "pcm_s16le").cut(mine)
        octets[:] = b"\x3f" * 8
        assert Decoder(16_000, 16_000).decode(pcm).any() == np.False_


def test_floats_beyond_one_are_clipped() -> None:
    data = struct.pack("<3f", 0.5, 7.0, -1e30)
    assert decoded(Cutter(16_000, "pcm_f32le"), Decoder(16_000, 16_000), data).tolist() == [0.5, 1.0, -1.0]


def test_a_sample_that_was_cut_in_two_is_forgotten_at_the_end() -> None:
    cutter = Cutter(16_000, "pcm_s16le")
    assert cutter.cut(b"\x01") == b""
    cutter.end()
    assert cutter.cut(b"\x02\x00") == b"\x02\x00"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (struct.pack("<f", math.nan), "not numbers"),
        (np.array([math.inf], np.float32), "not numbers"),
        (np.zeros((2, 2), np.int16), "2 dimensions"),
        (np.zeros(2), "float64"),
    ],
)
def test_what_is_no_audio_is_refused_and_nothing_of_it_taken(data: Any, complaint: str) -> None:
    cutter = Cutter(16_000, "pcm_f32le")
    half, rest = struct.pack("<f", 0.25)[:2], struct.pack("<f", 0.25)[2:]
    cutter.cut(half)
    with pytest.raises(InputError, match=complaint):
        cutter.cut(rest + data if isinstance(data, bytes) else data)
    assert decoded(cutter, Decoder(16_000, 16_000), rest).tolist() == [0.25]


@pytest.mark.parametrize(
    ("rate", "encoding"), [(7_999, "pcm_s16le"), (SAMPLE_RATES[-1] + 1, "pcm_s16le"), (8_000, "mp3")]
)
def test_a_format_there_is_not_is_refused(rate: int, encoding: str) -> None:
    with pytest.raises(UsageError):
        Cutter(rate, encoding)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_rates_are_resampled_to_the_same_length_in_pieces_and_after_an_end(rate: int) -> None:
    tone = (np.sin(np.arange(rate) * 2 * np.pi * 300 / rate) * 20_000).astype(np.int16)
    decoder, cutter = Decoder(rate, 16_000), Cutter(rate, "pcm_s16le")
    for _ in range(2):
        samples = decoded(cutter, decoder, *(tone[at : at + 441] for at in range(0, len(tone), 441)))
        assert len(samples) == 16_000
        expected = np.sin(np.arange(16_000) * 2 * np.pi * 300 / 16_000) * 20_000 / 32768
        assert np.abs(samples - expected)[200:-200].max() < 1e-3
