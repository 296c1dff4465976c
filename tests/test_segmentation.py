"""Windows of speech, and how far they reach; what a whole stream makes of them is in `test_pipeline`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.fakes import Answers, Loudness, run
from workbench import events
from workbench.engines import Settings
from workbench.pool import Pool
from workbench.segmentation import Segmentation
from workbench.speech.packer import PackerOptions
from workbench.stages import LiveMode, Stages
from workbench.types import SAMPLE_RATE, AudioChunk

ALONE = PackerOptions(packing=False)


def chunk(start: float, *parts: tuple[float, float]) -> AudioChunk:
    """Of (loudness, seconds)."""
    samples = [np.full(round(seconds * SAMPLE_RATE), level, np.float32) for level, seconds in parts]
    return AudioChunk(np.concatenate(samples), SAMPLE_RATE, start)


def segmented(check: Callable[[Segmentation, list[events.Event]], Any], **more: Any) -> None:
    """Call `check` with one that has a detector and a recognizer."""

    async def test() -> None:
        seen: list[events.Event] = []
        async with Pool(Loudness) as detector, Pool(Answers) as recognizer:
            stages = Stages(detector, recognizer, packer=ALONE)
            async with Segmentation("tape", stages, Settings(), seen.append, more.get("live"), None) as segmentation:
                await check(segmentation, seen)

    run(test)


def test_nothing_counts_as_done_until_all_windows_of_a_chunk_are_taken() -> None:
    async def check(segmentation: Segmentation, seen: list[events.Event]) -> None:
        words = [(0.5, 1.0), (0.0, 1.0)] * 3
        windows = await segmentation.process(chunk(0.0, *words))
        for number in range(1, 4):
            window = next(windows)
            assert (window.segments[0].id, segmentation.needed_from) == (number - 1, 0.0)
            assert sum(isinstance(event, events.SpeechEnded) for event in seen) == number, "the next is not told yet"
        assert list(windows) == []
        assert segmentation.heard == 6.0
        assert segmentation.needed_from > 5.0
        assert segmentation.next_segment == 3

    segmented(check)


def test_what_is_said_at_the_end_is_flushed_and_a_whole_file_has_a_quality() -> None:
    async def check(segmentation: Segmentation, seen: list[events.Event]) -> None:
        assert list(await segmentation.process(chunk(0.0, (0.0, 1.0), (0.5, 1.0)))) == []
        assert segmentation.is_speech
        (window,) = await segmentation.flush(is_whole=True)
        assert window.segments[0].audio.end == pytest.approx(2.0, abs=0.05)
        assert segmentation.heard == segmentation.needed_from == 2.0
        assert segmentation.quality is not None

    segmented(check)


def test_live_audio_goes_on_with_the_numbers_and_the_time_it_is_given() -> None:
    async def check(segmentation: Segmentation, seen: list[events.Event]) -> None:
        assert (segmentation.next_segment, segmentation.needed_from) == (7, 3.0)
        (window,) = await segmentation.process(chunk(3.0, (0.5, 1.0), (0.0, 1.0)))
        assert window.segments[0].id == 7
        assert segmentation.quality is None

    segmented(check, live=LiveMode(first_segment=7, start=3.0))


def test_without_a_detector_audio_only_passes() -> None:
    async def test() -> None:
        async with Segmentation("tape", Stages(), Settings(), lambda event: None, None, None) as segmentation:
            assert list(await segmentation.process(chunk(0.0, (0.5, 2.0)))) == []
            assert list(await segmentation.flush(is_whole=True)) == []
            assert segmentation.heard == segmentation.needed_from == 2.0
            assert not segmentation.is_speech

    run(test)
