"""What flows through a pipeline: plain frozen values.

Times are seconds on the stream's timeline, as floats. Samples are mono float32 in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.float32]
SAMPLE_RATE: Final = 16_000
"""Hertz, of all that is recorded, and of everything between capture and ASR."""


@dataclass(frozen=True, slots=True, eq=False)
class AudioChunk:
    """A stretch of audio, and where it lies on the timeline."""

    samples: Samples
    """Shape (n,), mono, [-1, 1]. Not to be written to: others may hold it."""
    sample_rate: int
    """Hertz."""
    start: float
    """Seconds on the timeline of the first sample."""

    @property
    def duration(self) -> float:
        return len(self.samples) / self.sample_rate

    @property
    def end(self) -> float:
        return self.start + self.duration


@dataclass(slots=True, eq=False)  # not frozen, which triples what making one costs: 1000 streams make 30,000 a second
class Activity:
    """How likely each of a run of frames is speech. Not to be changed: others may hold it."""

    start: float
    """Seconds on the timeline of the first frame."""
    frame_s: float
    """Length of one frame in seconds."""
    probabilities: Samples
    """Shape (n,), [0, 1], one for each frame."""

    @property
    def end(self) -> float:
        return self.start + self.frame_s * len(self.probabilities)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpeechSegment:
    """Someone speaking. A segment that still grows comes again, longer, with the same id."""

    id: int
    """Counts up in one stream; given by the core, so that engines can be swapped."""
    audio: AudioChunk
    is_final: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What one ASR call gets: speech segments, oldest first, joined with a short pause between them."""

    segments: tuple[SpeechSegment, ...]
    """At least one; all of one sample rate."""
    pause_s: float = 0.0
    """Seconds of silence put between two segments."""

    @property
    def sample_rate(self) -> int:
        return self.segments[0].audio.sample_rate

    @property
    def start(self) -> float:
        """Seconds on the timeline of the first sample."""
        return self.segments[0].audio.start

    @property
    def duration(self) -> float:
        """Seconds of `samples`, pauses included."""
        return sum(s.audio.duration for s in self.segments) + self.pause_s * (len(self.segments) - 1)

    @property
    def is_final(self) -> bool:
        return self.segments[-1].is_final

    @property
    def samples(self) -> Samples:
        if len(self.segments) == 1:
            return self.segments[0].audio.samples
        pause = np.zeros(round(self.pause_s * self.sample_rate), np.float32)
        parts = [part for segment in self.segments for part in (segment.audio.samples, pause)]
        return np.concatenate(parts[:-1])

    def locate(self, time: float) -> tuple[SpeechSegment, float]:
        """Map `time`, seconds into `samples`, to its segment and to seconds on the timeline.

        A time inside a pause maps to the end of the segment before it.
        """
        for segment in self.segments[:-1]:
            if time < segment.audio.duration + self.pause_s:
                break
            time -= segment.audio.duration + self.pause_s
        else:
            segment = self.segments[-1]
        return segment, segment.audio.start + min(max(time, 0.0), segment.audio.duration)

    def transcript(
        self, text: str, *, language: str, start: float, end: float, words: Sequence[Word] = ()
    ) -> Transcript:
        """Make the transcript of a part of this window; all times are seconds into `samples`.

        Each word is placed whole: a word whose middle lies in one segment does not reach into the next. Where there
        are words, they say where it starts and ends. A start inside a pause is the start of the segment after it.
        """
        placed = tuple(self._place(word) for word in words)
        if words:
            segment = self.locate((words[0].start + words[0].end) / 2)[0]
            located_start, located_end = placed[0].start, placed[-1].end
        else:
            segment, located_start = self._onset(start)
            located_end = self.locate(end)[1]
        return Transcript(
            segment_id=segment.id,
            text=text.strip(),
            language=language,
            start=located_start,
            end=max(located_start, located_end),
            words=placed,
            is_final=self.is_final,
        )

    def _onset(self, time: float) -> tuple[SpeechSegment, float]:
        segment, located = self.locate(time)
        index = self.segments.index(segment)
        if located >= segment.audio.end and index + 1 < len(self.segments):
            segment = self.segments[index + 1]
            located = segment.audio.start
        return segment, located

    def _place(self, word: Word) -> Word:
        segment, middle = self.locate((word.start + word.end) / 2)
        half = (word.end - word.start) / 2
        start = max(middle - half, segment.audio.start)
        return Word(start, max(start, min(middle + half, segment.audio.end)), word.text, word.probability)


@dataclass(frozen=True, slots=True)
class Word:
    start: float
    end: float
    text: str
    """With the space before it, where the script has one: joined, words give the transcript's text."""
    probability: float
    """[0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was said between `start` and `end`."""

    segment_id: int
    """Of the segment in which it starts."""
    text: str
    language: str
    """BCP-47."""
    start: float
    end: float
    words: tuple[Word, ...] = ()
    stable: str = ""
    """Prefix of an interim `text` that will stay."""
    is_final: bool = True

    def translated(self, text: str, language: str) -> Translation:
        """Make the translation of this transcript."""
        return Translation(
            segment_id=self.segment_id,
            text=text,
            language=language,
            start=self.start,
            end=self.end,
            is_final=self.is_final,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """A transcript in another language."""

    segment_id: int
    text: str
    language: str
    """BCP-47, of the translation."""
    start: float
    end: float
    is_final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Speech:
    """Synthesized audio; `audio.start` is where the text it speaks was said."""

    segment_id: int
    audio: AudioChunk


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle. Line breaks in the texts are where the lines break on screen."""

    start: float
    end: float
    text: str
    translation: str = ""
    speaker: str | None = None
    words: tuple[Word, ...] = ()
