"""A sealed line is what was sealed, or nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.jobs.sealed import seal, unseal

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
    max_leaves=8,
)


@given(data=st.dictionaries(st.text(), JSON, min_size=1), seed=st.binary(max_size=64))
def test_what_was_sealed_comes_back_and_is_a_line_of_json(data: dict[str, object], seed: bytes) -> None:
    line, digest = seal(data, seed)
    assert unseal(line, seed) == (data, digest)
    assert line.count(b"\n") == 1
    assert json.loads(line) | data == json.loads(line) | {"length": json.loads(line)["length"]} | data


def test_another_seed_opens_nothing() -> None:
    line, digest = seal({"a": 1}, b"one")
    assert unseal(line, b"two") is None
    assert unseal(line, digest) is None


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_seen_wherever_it_is(place: int, bit: int) -> None:
    line = bytearray(seal({"index": 3, "text": "wörd"}, b"seed")[0])
    line[place % len(line)] ^= 1 << bit
    assert unseal(bytes(line), b"seed") is None


def test_a_line_that_is_cut_or_goes_on_is_none() -> None:
    line = seal({"index": 3}, b"seed")[0]
    assert all(unseal(line[:end], b"seed") is None for end in range(len(line)))
    assert unseal(line + b" ", b"seed") is None
    assert unseal(b" " + line, b"seed") is None


def test_values_that_are_no_json_become_some() -> None:
    moment = datetime(2026, 11, 21, 9, 8, tzinfo=UTC)
    data = {"path": Path("/a"), "at": moment, "level": np.float32(0.5), "half": "\ud83d"}
    unsealed = unseal(seal(data, b"")[0], b"")
    assert unsealed is not None
    assert unsealed[0] == {"path": "/a", "at": "2026-11-21T09:08:00+00:00", "level": 0.5, "half": "\ud83d"}
