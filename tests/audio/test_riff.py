"""Headers of WAV files, whoever wrote them."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audio.wavs import chunk, fmt, riff
from workbench.audio.riff import NotPcmWav, PcmLayout, pcm_layout

AUDIO = bytes(range(32))


def layout(data: bytes, size: int | None = None) -> PcmLayout:
    return pcm_layout(io.BytesIO(data), len(data) if size is None else size)


def test_a_plain_wav_is_read() -> None:
    found = layout(riff(fmt(channels=2, rate=44_100), chunk(b"data", AUDIO)))
    assert (found.encoding, found.width, found.sample_rate, found.channels) == ("integer", 2, 44_100, 2)
    assert (found.start, found.length, found.step, found.end) == (44, 8, 4, 76)
    assert found.places == ()


def test_chunks_before_the_audio_are_passed_over_odd_ones_too() -> None:
    found = layout(riff(chunk(b"LIST", b"odd"), fmt(), chunk(b"cue ", b""), chunk(b"data", AUDIO)))
    assert found.length == 16
    assert found.start == 44 + 8 + 4 + 8


def test_the_speakers_of_an_extensible_wav_are_named() -> None:
    assert layout(riff(fmt(channels=6, mask=0x3F), chunk(b"data", AUDIO))).places == (
        *("FL", "FR", "FC", "LFE", "BL", "BR"),
    )


@pytest.mark.parametrize("mask", [0, 0x3, 0x7F, 1 << 31 | 0x1F])
def test_a_mask_of_another_number_of_speakers_names_none(mask: int) -> None:
    assert layout(riff(fmt(channels=6, mask=mask), chunk(b"data", AUDIO))).places == ()


@pytest.mark.parametrize("claimed", [0, 0xFFFFFFFF, 0x7FFFFFFF, 33])
def test_audio_of_a_recording_that_was_not_finished_reaches_to_the_end_of_the_file(claimed: int) -> None:
    header = riff(fmt())
    assert layout(header + struct.pack("<4sI", b"data", claimed) + AUDIO).length == 16


def test_half_a_sample_at_the_end_is_left_out() -> None:
    assert layout(riff(fmt(channels=2), chunk(b"data", AUDIO[:-1]))).length == 7


def test_what_follows_the_audio_is_no_audio() -> None:
    assert layout(riff(fmt(), chunk(b"data", AUDIO), chunk(b"LIST", b"tail"))).length == 16


@pytest.mark.parametrize("kind", [b"RF64", b"BW64"])
def test_sizes_beyond_32_bits_stand_in_a_chunk_of_their_own(kind: bytes) -> None:
    large = 5 << 30
    sizes = chunk(b"ds64", struct.pack("<QQQI", large + 100, large, large // 2, 0))
    data = riff(sizes, fmt(), struct.pack("<4sI", b"data", 0xFFFFFFFF), kind=kind)
    assert layout(data, size=len(data) + large + 1000).length == large // 2
    assert layout(data, size=len(data) + 2000).length == 1000


def test_an_rf64_that_was_not_finished_reaches_to_the_end_of_the_file() -> None:
    sizes = chunk(b"ds64", bytes(28))
    assert layout(riff(sizes, fmt(), struct.pack("<4sI", b"data", 0xFFFFFFFF), kind=b"RF64") + AUDIO).length == 16


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"ID3\x04" + bytes(100),
        b"fLaC" + bytes(100),
        riff(fmt(), chunk(b"data", AUDIO), kind=b"RIFX"),
        riff(fmt(), chunk(b"data", AUDIO), form=b"AVI "),
        riff(fmt()),
        riff(fmt())[:-1],
        riff(chunk(b"data", AUDIO)),
        riff(chunk(b"data", AUDIO), fmt()),
        riff(chunk(b"fmt ", bytes(14)), chunk(b"data", AUDIO)),
        riff(fmt(channels=0), chunk(b"data", AUDIO)),
        riff(fmt(channels=9), chunk(b"data", AUDIO)),
        riff(fmt(rate=10), chunk(b"data", AUDIO)),
        riff(fmt(rate=1_000_000_000), chunk(b"data", AUDIO)),
        riff(fmt(bits=12, step=2), chunk(b"data", AUDIO)),
        riff(fmt(bits=64), chunk(b"data", AUDIO)),
        riff(fmt(tag=3, bits=16), chunk(b"data", AUDIO)),
        riff(fmt(tag=0x55, bits=0), chunk(b"data", AUDIO)),
        riff(fmt(tag=0x11, bits=4), chunk(b"data", AUDIO)),
        riff(fmt(step=3), chunk(b"data", AUDIO)),
        riff(fmt(mask=4, subformat=bytes(14)), chunk(b"data", AUDIO)),
        riff(chunk(b"fmt ", fmt(mask=4)[8:30]), chunk(b"data", AUDIO)),
        riff(chunk(b"ds64", bytes(8)), fmt(), kind=b"RF64"),
        riff(*[chunk(b"junk", b"")] * 2000, fmt(), chunk(b"data", AUDIO)),
    ],
)
def test_what_is_no_wav_of_plain_samples_is_to_be_decoded_instead(data: bytes) -> None:
    with pytest.raises(NotPcmWav) as caught:
        layout(data)
    assert "Decode it" in caught.value.hint


@given(
    kind=st.sampled_from([b"RIFF", b"RF64", b"BW64"]),
    form=st.sampled_from([(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (6, 8), (7, 8)]),
    channels=st.integers(1, 8),
    rate=st.integers(1000, 768_000),
    mask=st.none() | st.integers(0, 0xFFFFFFFF),
    before=st.lists(
        st.tuples(st.sampled_from([b"LIST", b"bext", b"JUNK", b"fact"]), st.binary(max_size=9)), max_size=5
    ),
    between=st.lists(st.tuples(st.sampled_from([b"LIST", b"PAD "]), st.binary(max_size=9)), max_size=3),
    audio=st.binary(max_size=300),
    after=st.binary(max_size=20),
)
def test_any_header_says_where_its_samples_lie(
    kind: bytes,
    form: tuple[int, int],
    channels: int,
    rate: int,
    mask: int | None,
    before: list[tuple[bytes, bytes]],
    between: list[tuple[bytes, bytes]],
    audio: bytes,
    after: bytes,
) -> None:
    tag, bits = form
    head = [
        chunk(b"ds64", struct.pack("<QQQI", 0, len(audio), 0, 0)) if kind != b"RIFF" else b"",
        *(chunk(*one) for one in before),
        fmt(tag=tag, channels=channels, rate=rate, bits=bits, mask=mask),
        *(chunk(*one) for one in between),
    ]
    is_open = not audio
    size = len(audio) if kind == b"RIFF" else 0xFFFFFFFF
    data = riff(*head, struct.pack("<4sI", b"data", size), kind=kind)
    found = layout(data + audio + after)
    assert (found.start, found.step) == (len(data), channels * bits // 8)
    assert found.length == (len(after) if is_open else len(audio)) // found.step
    assert (found.sample_rate, found.channels) == (rate, channels)
    assert len(found.places) in (0, channels)


@given(st.data())
def test_a_damaged_header_is_read_or_refused_and_never_reaches_beyond_the_file(data: st.DataObject) -> None:
    sizes = chunk(b"ds64", struct.pack("<QQQI", 1 << 40, 1 << 33, 0, 0))
    kind = data.draw(st.sampled_from([b"RIFF", b"RF64"]))
    octets = bytearray(riff(sizes, chunk(b"LIST", b"odd"), fmt(mask=4), chunk(b"data", AUDIO), kind=kind))
    for place in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=4)):
        octets[place] = data.draw(st.integers(0, 255))
    cut = octets[: data.draw(st.integers(0, len(octets)))]
    try:
        found = layout(bytes(cut))
    except NotPcmWav:
        return
    assert 0 <= found.start <= found.end <= len(cut)
    assert found.channels * found.width == found.step > 0
