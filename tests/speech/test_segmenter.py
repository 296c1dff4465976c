from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from workbench.events import SpeechEnded, SpeechStarted
from workbench.speech.segmenter import Segmenter, SegmenterOptions, SpeechEvent
from workbench.types import Activity

FRAME_S = 0.032
NO_PAD = SegmenterOptions(speech_pad_ms=0)


def activity(probabilities: Iterable[float], start: float = 0.0) -> Activity:
    return Activity(start, FRAME_S, np.array([*probabilities], np.float32))


def events(probabilities: Iterable[float], options: SegmenterOptions = NO_PAD, start: float = 0.0) -> list[SpeechEvent]:
    segmenter = Segmenter(options)
    return [*segmenter.process(activity(probabilities, start)), *segmenter.flush()]


def segments(made: Iterable[SpeechEvent]) -> list[tuple[float, float]]:
    return [(event.start, event.end) for event in made if isinstance(event, SpeechEnded)]


def frames(*counts: float) -> list[Any]:
    """Pairs of frame numbers as times."""
    times = [count * FRAME_S for count in counts]
    return [pytest.approx(pair) for pair in zip(times[::2], times[1::2], strict=True)]


def test_digital_silence_gives_no_segment() -> None:
    assert events([0.0] * 1000) == []


def test_speech_begins_and_ends_with_its_frames() -> None:
    assert segments(events([0.0] * 10 + [0.9] * 20 + [0.0] * 20)) == frames(10, 30)


def test_speech_is_announced_once_it_is_long_enough() -> None:
    segmenter = Segmenter(NO_PAD)
    announced = [
        frame
        for frame in range(20)
        if any(isinstance(e, SpeechStarted) for e in segmenter.process(activity([0.9], frame * FRAME_S)))
    ]
    assert announced == [7]  # 8 frames are 256 ms
    assert segmenter.speaking


def test_too_short_speech_is_never_announced() -> None:
    assert events([0.0] * 10 + [0.9] * 7 + [0.0] * 20) == []


def test_a_short_pause_does_not_end_speech() -> None:
    assert segments(events([0.9] * 10 + [0.0] * 9 + [0.9] * 10 + [0.0] * 20)) == frames(0, 29)


def test_a_long_pause_ends_speech_where_the_pause_began() -> None:
    made = events([0.9] * 10 + [0.0] * 11 + [0.9] * 10 + [0.0] * 20)
    assert segments(made) == frames(0, 10, 21, 31)
    assert [event.segment_id for event in made] == [0, 0, 1, 1]


def test_a_probability_between_the_thresholds_does_not_end_speech() -> None:
    assert segments(events([0.9] * 10 + [0.4] * 50 + [0.0] * 20)) == frames(0, 60)


def test_a_probability_between_the_thresholds_does_not_begin_speech() -> None:
    assert events([0.4] * 100) == []


def test_padding_is_added_on_both_sides() -> None:
    ((start, end),) = segments(events([0.0] * 10 + [0.9] * 20 + [0.0] * 20, SegmenterOptions(speech_pad_ms=100)))
    assert (start, end) == pytest.approx((10 * FRAME_S - 0.1, 30 * FRAME_S + 0.1))


def test_padding_does_not_reach_before_the_stream() -> None:
    ((start, _),) = segments(events([0.9] * 20 + [0.0] * 20, SegmenterOptions(speech_pad_ms=500), start=7.0))
    assert start == 7.0


def test_padding_does_not_reach_into_audio_that_is_not_heard_yet() -> None:
    options = SegmenterOptions(speech_pad_ms=500, min_silence_ms=0)
    segmenter = Segmenter(options)
    made = [*segmenter.process(activity([0.9] * 20 + [0.0]))]
    assert segments(made) == frames(0, 21)


def test_speech_that_goes_on_at_the_end_ends_there() -> None:
    assert segments(events([0.9] * 20 + [0.0] * 3)) == frames(0, 23)


def test_too_long_speech_is_cut_where_it_is_quietest_in_its_second_half() -> None:
    speech = [0.9] * 1000
    speech[100:105] = [0.1] * 5  # in the first half: not there
    speech[500:505] = [0.6] * 5
    speech[600:605] = [0.4] * 5
    speech[700:701] = [0.5]
    assert segments(events(speech, SegmenterOptions(max_speech_s=24.0, speech_pad_ms=0))) == frames(0, 602, 602, 1000)


def test_too_long_speech_that_pauses_goes_on_with_the_next_word() -> None:
    options = SegmenterOptions(max_speech_s=10.0, min_silence_ms=3000, speech_pad_ms=0)
    made = events([0.9] * 300 + [0.0] * 50 + [0.9] + [0.0] * 200, options)
    (_, cut), (start, end) = segments(made)
    assert start == cut
    assert end == pytest.approx(351 * FRAME_S)


def test_nothing_is_left_of_a_cut_in_the_final_pause() -> None:
    options = SegmenterOptions(max_speech_s=10.0, min_silence_ms=3000, speech_pad_ms=0)
    made = events([0.9] * 300 + [0.0] * 500, options)
    assert [type(event) for event in made] == [SpeechStarted, SpeechEnded]


def test_a_hole_in_time_ends_speech() -> None:
    segmenter = Segmenter(NO_PAD)
    made = [
        *segmenter.process(activity([0.9] * 20)),
        *segmenter.process(activity([0.9] * 20, start=5.0)),
        *segmenter.flush(),
    ]
    assert segments(made) == [pytest.approx((0.0, 0.64)), pytest.approx((5.0, 5.64))]


def test_another_frame_length_ends_speech() -> None:
    segmenter = Segmenter(NO_PAD)
    made = [*segmenter.process(activity([0.9] * 20))]
    made += segmenter.process(Activity(0.64, 0.01, np.full(40, 0.9, np.float32)))
    assert segments([*made, *segmenter.flush()]) == [pytest.approx((0.0, 0.64)), pytest.approx((0.64, 1.04))]


@pytest.mark.parametrize("probability", [0.0, 0.9])
def test_frames_that_do_not_last_are_refused_and_change_nothing(probability: float) -> None:
    segmenter, nonsense = Segmenter(NO_PAD), Activity(0.0, 0.0, np.full(20, probability, np.float32))
    with pytest.raises(ValueError, match=r"frames of 0\.0 s"):
        segmenter.process(nonsense)
    made = [*segmenter.process(activity([0.9] * 20))]
    with pytest.raises(ValueError, match=r"frames of 0\.0 s"):
        segmenter.process(nonsense)
    made += segmenter.process(activity([0.9] * 20, start=5.0))
    assert segments([*made, *segmenter.flush()]) == [pytest.approx((0.0, 0.64)), pytest.approx((5.0, 5.64))]


@pytest.mark.parametrize("before", [1, 17, 145, 146, 200])
@pytest.mark.parametrize("frame", [480, 512])
def test_half_a_frame_that_is_not_heard_always_begins_anew(before: int, frame: int) -> None:
    """As after a flush with half a frame waiting: were it a matter of rounding, speech would be cut in two later."""
    segmenter, origin, frame_s = Segmenter(NO_PAD), 100 / 16_000, frame / 16_000
    made = [*segmenter.process(Activity(origin, frame_s, np.zeros(before, np.float32)))]
    for count in range(300):
        start = (100 + (before + count) * frame + frame // 2) / 16_000
        made += segmenter.process(Activity(start, frame_s, np.full(1, 0.9, np.float32)))
    assert len(segments([*made, *segmenter.flush()])) == 1


@pytest.mark.parametrize(
    "wrong", [{"threshold": 1.0}, {"max_speech_s": 0.5}, {"min_silence_ms": -1}, {"speech_pad_ms": 9999}]
)
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        SegmenterOptions.model_validate(wrong)


runs = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.34, 0.36, 0.49, 0.5, 0.7, 1.0]), st.integers(1, 80)), min_size=1, max_size=30
).map(lambda parts: [probability for probability, count in parts for _ in range(count)])
choices = st.builds(
    SegmenterOptions,
    threshold=st.sampled_from([0.3, 0.5, 0.8]),
    hysteresis=st.sampled_from([0.0, 0.15, 0.6]),
    min_speech_ms=st.integers(0, 1000),
    min_silence_ms=st.integers(0, 3000),
    speech_pad_ms=st.integers(0, 500),
    max_speech_s=st.sampled_from([2.0, 3.7, 10.0]),
)


@given(runs, choices, st.sampled_from([0.0, 12.345]))
def test_segments_are_ordered_apart_within_the_stream_and_short_enough(
    probabilities: list[float], options: SegmenterOptions, start: float
) -> None:
    made = events(probabilities, options, start)
    assert [type(event) for event in made] == [SpeechStarted, SpeechEnded] * (len(made) // 2)
    assert [event.segment_id for event in made] == [i // 2 for i in range(len(made))]
    before = start
    for began, ended in zip(made[::2], made[1::2], strict=True):
        assert isinstance(ended, SpeechEnded)
        assert began.start == ended.start
        assert before <= ended.start < ended.end <= start + len(probabilities) * FRAME_S + 1e-9
        assert ended.end - ended.start <= options.max_speech_s + 1e-6
        before = ended.end


@given(runs, choices, st.data())
def test_events_do_not_depend_on_how_activity_is_split(
    probabilities: list[float], options: SegmenterOptions, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(probabilities)), max_size=10)))
    segmenter = Segmenter(options)
    made: list[SpeechEvent] = []
    for first, last in zip([0, *cuts], [*cuts, len(probabilities)], strict=True):
        made += segmenter.process(activity(probabilities[first:last], first * FRAME_S))
    assert [*made, *segmenter.flush()] == events(probabilities, options)


@given(runs, choices)
def test_all_audio_of_a_segment_to_come_is_still_needed(probabilities: list[float], options: SegmenterOptions) -> None:
    segmenter = Segmenter(options)
    needed = 0.0
    for frame, probability in enumerate(probabilities):
        made = [*segmenter.process(activity([probability], frame * FRAME_S))]
        assert all(event.start >= needed - 1e-9 for event in made)
        assert segmenter.needed_from >= needed - 1e-9
        assert (frame + 1) * FRAME_S - segmenter.needed_from <= max(options.max_speech_s, 0.5) + 1e-6
        needed = segmenter.needed_from


@given(runs, choices)
def test_every_long_run_of_clear_speech_is_in_segments(probabilities: list[float], options: SegmenterOptions) -> None:
    made = segments(events(probabilities, options))
    clear = np.array(probabilities) >= options.threshold
    edges = np.flatnonzero(np.diff(np.concatenate([[0], clear.astype(np.int8), [0]])))
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if (last - first) * FRAME_S >= options.min_speech_ms / 1000:
            covered = sum(max(0.0, min(end, last * FRAME_S) - max(start, first * FRAME_S)) for start, end in made)
            assert covered == pytest.approx((last - first) * FRAME_S)
