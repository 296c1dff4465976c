"""Times of windows, and what is recognized in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.types import AudioChunk, SpeechSegment, Transcript, Translation, Window, Word

RATE = 16_000


def _segment(number: int, start: float, seconds: float, *, is_final: bool = True) -> SpeechSegment:
    samples = np.full(round(seconds * RATE), number + 1, np.float32)
    return SpeechSegment(id=number, audio=AudioChunk(samples, RATE, start), is_final=is_final)


TWO = Window((_segment(0, 10.0, 1.0), _segment(1, 60.0, 2.0)), pause_s=0.5)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    segments = []
    end = 0.0
    for number in range(draw(st.integers(1, 5))):
        start = end + draw(st.floats(0, 100))
        segments.append(_segment(number, start, draw(st.integers(1, 500)) / 100))
        end = segments[-1].audio.end
    return Window(tuple(segments), pause_s=draw(st.floats(0, 2)))


def test_a_chunk_knows_where_it_ends() -> None:
    chunk = AudioChunk(np.zeros(8_000, np.float32), RATE, 2.0)
    assert (chunk.duration, chunk.end) == (0.5, 2.5)


def test_segments_are_joined_with_a_pause_between_them() -> None:
    samples = TWO.samples
    assert len(samples) == 3.5 * RATE == TWO.duration * TWO.sample_rate
    assert samples.dtype == np.float32
    assert set(samples[:RATE]) == {1}
    assert set(samples[RATE : RATE * 3 // 2]) == {0}
    assert set(samples[RATE * 3 // 2 :]) == {2}


def test_the_samples_of_a_single_segment_are_not_copied() -> None:
    segment = _segment(0, 0.0, 1.0)
    assert Window((segment,), pause_s=0.5).samples is segment.audio.samples


def test_a_window_is_final_when_its_last_segment_is() -> None:
    assert TWO.is_final
    assert not Window((_segment(0, 0.0, 1.0), _segment(1, 2.0, 1.0, is_final=False))).is_final


@pytest.mark.parametrize(
    ("time", "segment", "located"),
    [(-1.0, 0, 10.0), (0.0, 0, 10.0), (0.5, 0, 10.5), (1.0, 0, 11.0), (1.2, 0, 11.0), (1.5, 1, 60.0), (2.5, 1, 61.0),
     (99.0, 1, 62.0)],
)  # fmt: skip
def test_a_time_is_located_on_the_timeline(time: float, segment: int, located: float) -> None:
    assert (TWO.locate(time)[0].id, TWO.locate(time)[1]) == pytest.approx((segment, located))


@given(windows(), st.floats(0, 1))
def test_every_sample_is_located_where_it_was_recorded(window: Window, place: float) -> None:
    index = min(int(place * len(window.samples)), len(window.samples) - 1)
    number = int(window.samples[index]) - 1
    if number < 0:
        return  # in a pause
    before = sum(len(segment.audio.samples) for segment in window.segments[:number])
    offset = index - before - number * round(window.pause_s * RATE)
    segment, located = window.locate((index + 0.5) / RATE)
    rounding = number / RATE  # a pause is a whole number of samples
    expected = window.segments[number].audio.start + (offset + 0.5) / RATE
    assert segment.id == number or abs(located - expected) <= 2 * rounding
    if segment.id == number:
        assert located == pytest.approx(expected, abs=rounding + 1e-9)


@given(windows(), st.floats(-5, 50), st.floats(-5, 50))
def test_later_in_the_window_is_never_earlier_on_the_timeline(window: Window, one: float, other: float) -> None:
    first, last = sorted((one, other))
    assert window.locate(first)[1] <= window.locate(last)[1]


@given(windows())
def test_the_duration_is_that_of_the_samples(window: Window) -> None:
    assert window.duration == pytest.approx(len(window.samples) / RATE, abs=len(window.segments) / RATE)


def test_a_transcript_lies_where_its_words_do() -> None:
    words = (Word(0.2, 0.4, " one", 0.9), Word(1.6, 2.0, " two", 0.8))
    transcript = TWO.transcript(" one two", language="en", start=0.0, end=3.5, words=words)
    assert transcript.text == "one two"
    assert (transcript.segment_id, transcript.start, transcript.end) == pytest.approx((0, 10.2, 60.5))
    assert [(word.text, word.probability) for word in transcript.words] == [(" one", 0.9), (" two", 0.8)]
    placed = [time for word in transcript.words for time in (word.start, word.end)]
    assert placed == pytest.approx([10.2, 10.4, 60.1, 60.5])


def test_a_transcript_belongs_to_the_segment_of_its_first_word() -> None:
    words = (Word(1.6, 2.0, "late", 1.0),)
    transcript = TWO.transcript("late", language="en", start=0.9, end=2.0, words=words)
    assert (transcript.segment_id, transcript.start) == pytest.approx((1, 60.1))


def test_a_word_does_not_reach_into_the_next_segment() -> None:
    transcript = TWO.transcript("x", language="en", start=0.0, end=2.0, words=[Word(0.6, 1.8, "x", 1.0)])
    (word,) = transcript.words
    assert (word.start, word.end) == pytest.approx((10.4, 11.0))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0.0, 0.9, (0, 10.0, 10.9)),
        (0.0, 1.3, (0, 10.0, 11.0)),  # ends in the pause: where the segment before it ends
        (1.3, 2.5, (1, 60.0, 61.0)),  # starts in the pause: where the segment after it starts
        (1.1, 1.2, (1, 60.0, 60.0)),
        (2.5, 2.0, (1, 61.0, 61.0)),
        (3.5, 9.0, (1, 62.0, 62.0)),
    ],
)
def test_a_transcript_without_words_is_placed_by_its_times(
    start: float, end: float, expected: tuple[int, float, float]
) -> None:
    transcript = TWO.transcript("x", language="en", start=start, end=end)
    assert (transcript.segment_id, transcript.start, transcript.end) == pytest.approx(expected)


times = st.floats(-1, 40)


@given(windows(), times, times, st.lists(st.tuples(times, st.floats(0, 3)), max_size=6))
def test_whatever_an_engine_says_a_transcript_lies_within_its_window(
    window: Window, start: float, end: float, spans: list[tuple[float, float]]
) -> None:
    words = [Word(at, at + length, "w", 1.0) for at, length in sorted(spans)]
    transcript = window.transcript("x", language="en", start=start, end=end, words=words)
    first, last = window.segments[0].audio.start, window.segments[-1].audio.end
    assert first <= transcript.start <= transcript.end <= last
    for word in transcript.words:
        home = [s.audio for s in window.segments if s.audio.start <= word.start and word.end <= s.audio.end]
        assert home, "a word lies in one segment"
        assert word.start <= word.end
    (segment,) = (s.audio for s in window.segments if s.id == transcript.segment_id)
    assert segment.start <= transcript.start <= segment.end


def test_a_translation_keeps_its_place() -> None:
    transcript = Transcript(segment_id=3, text="Hi", language="en", start=1.0, end=2.0, is_final=False)
    assert transcript.translated("Hallo", "de") == Translation(
        segment_id=3, text="Hallo", language="de", start=1.0, end=2.0, is_final=False
    )
