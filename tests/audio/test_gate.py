from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.audio.gate import Gate
from workbench.types import AudioChunk

RATE = 100
"""Positions in the tests are hundredths of a second: whole samples."""


def turned(*positions: int) -> Gate:
    gate = Gate()
    for position in positions:
        gate.turn(position / RATE)
    return gate


def ones(first: int, count: int) -> AudioChunk:
    return AudioChunk(np.ones(count, np.float32), RATE, first / RATE)


def test_what_was_not_muted_comes_through_as_it_is() -> None:
    chunk = ones(10, 5)
    assert turned().let_through(chunk) is chunk
    assert turned(2, 10).let_through(chunk) is chunk
    assert turned(16, 20).let_through(chunk) is chunk


def test_what_was_muted_to_the_end_is_silent_to_the_end() -> None:
    gate = turned(12)
    assert gate.is_muted
    assert gate.let_through(ones(10, 5)).samples.tolist() == [1, 1, 0, 0, 0]
    assert not gate.let_through(ones(1000, 5)).samples.any()


@given(st.lists(st.integers(0, 60), unique=True).map(sorted), st.integers(0, 60), st.integers(0, 20))
def test_every_sample_is_silent_that_was_muted_and_no_other(turns: list[int], first: int, count: int) -> None:
    chunk = ones(first, count)
    heard = turned(*turns).let_through(chunk)
    muted = [sum(turn <= place for turn in turns) % 2 == 1 for place in range(first, first + count)]
    assert (heard.samples == 0).tolist() == muted
    assert (heard.start, heard.sample_rate) == (chunk.start, RATE)
    assert chunk.samples.all(), "what others hold is left alone"
