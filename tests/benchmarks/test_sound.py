"""What the figures of capture rest on."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from benchmarks.sound import heard, speech


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_a_recording_that_is_whole_is_found_between_two_of_its_samples(rate: int) -> None:
    played = speech(2.0, rate)
    silence = np.zeros(rate + 1, np.float32)
    recorded = soxr.resample(np.concatenate([silence, played, silence]), rate, 16_000)
    result = heard(recorded, played, rate)
    assert result.lag_s == pytest.approx((rate + 1) / rate)
    assert result.correlation > 0.999999
    assert result.complete


def test_one_lost_block_is_seen_and_so_is_a_recording_that_ends_too_early() -> None:
    played = speech(2.0, 16_000)
    torn = np.concatenate([played[:16_000], played[16_800:], np.zeros(8_000, np.float32)])
    assert heard(torn, played, 16_000).correlation < 0.99
    assert not heard(played[:-100], played, 16_000).complete


def test_speech_goes_on_for_as_long_as_is_asked() -> None:
    assert len(speech(70.0, 16_000)) == 70 * 16_000
