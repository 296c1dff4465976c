"""Where speech begins and ends: a state machine over probabilities. Time is counted in audio.

After `get_speech_timestamps` and `VADIterator` of Silero VAD. What differs, since events leave while audio still comes:
speech is announced once it is long enough, padding never reaches into what is not heard yet, and speech that gets too
long is cut where it is quietest instead of in its longest pause.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field

from workbench.engines import Options
from workbench.events import SpeechEnded, SpeechStarted
from workbench.types import Activity

SpeechEvent: TypeAlias = SpeechStarted | SpeechEnded

_SMOOTHING_S: Final = 0.16
"""A cut is made in the middle of the quietest stretch of this length: one quiet frame may lie inside a word."""
_ROUNDING: Final = 1e-6
"""Frames. Durations that are whole frames stay so in floating point."""


class SegmenterOptions(Options):
    threshold: float = Field(0.5, gt=0.0, lt=1.0)
    """Speech begins at this probability."""
    hysteresis: float = Field(0.15, ge=0.0, lt=1.0)
    """Speech pauses when the probability falls below the threshold by more than this."""
    min_speech_ms: int = Field(250, ge=0, le=1000)
    """Shorter speech is ignored."""
    min_silence_ms: int = Field(300, ge=0, le=5000)
    """A shorter pause does not end speech."""
    speech_pad_ms: int = Field(200, ge=0, le=500)
    """Audio added before and after speech."""
    max_speech_s: float = Field(29.0, ge=2.0, le=600.0)
    """A longer segment, padding included, is cut where it is quietest in its second half."""


@dataclass(slots=True)
class _Speech:
    """Speech that goes on, or pauses for less than would end it."""

    first: int
    """Frame with which it began."""
    start: float
    """Of its segment, padding included; seconds on the timeline."""
    last: float
    """The most frames since the origin that its segment may end with."""
    is_rest: bool = False
    """Whether a segment was cut off before it: then no length is too short."""
    is_announced: bool = False
    pause: int | None = None
    """Frame with which the pause at its end began."""
    probabilities: list[float] = field(default_factory=list)
    """From `first` on."""


class Segmenter:
    """Speech of one stream. Not bound to a thread; a call takes microseconds."""

    __slots__ = (
        "_count",
        "_floor",
        "_frame_s",
        "_max_s",
        "_min_silence",
        "_min_silence_s",
        "_min_speech",
        "_min_speech_s",
        "_origin",
        "_pad_s",
        "_quiet",
        "_speech",
        "_threshold",
        "next_id",
    )

    def __init__(self, options: SegmenterOptions, *, next_id: int = 0) -> None:
        """`next_id` is that of the first segment."""
        self.next_id = next_id
        """Of the segment that is announced next."""
        self._threshold = options.threshold
        self._quiet = max(options.threshold - options.hysteresis, 0.01)
        self._min_speech_s = options.min_speech_ms / 1000
        self._min_silence_s = options.min_silence_ms / 1000
        self._pad_s = options.speech_pad_ms / 1000
        self._max_s = options.max_speech_s
        self._speech: _Speech | None = None
        self._floor = 0.0  # seconds: no later segment begins before
        self._origin = 0.0  # seconds: where frame 0 begins
        self._frame_s = 0.0
        self._min_speech = self._min_silence = 0  # frames
        self._count = 0  # frames since the origin

    @property
    def speaking(self) -> SpeechStarted | None:
        """The segment that was announced and has not ended."""
        speech = self._speech
        if speech is None or not speech.is_announced:
            return None
        return SpeechStarted(segment_id=self.next_id - 1, start=speech.start)

    @property
    def ending(self) -> float | None:
        """Seconds on the timeline: where that segment ends if the pause at its end lasts, once all of it was heard."""
        if self._speech is None or self._speech.pause is None:
            return None
        end = self._time(self._speech.pause) + self._pad_s
        return end if end <= self._time(self._count) else None

    @property
    def needed_from(self) -> float:
        """Seconds on the timeline: audio before this is in no segment to come."""
        return self._speech.start if self._speech else self._padded(self._count)

    def process(self, activity: Activity) -> Sequence[SpeechEvent]:
        """What is decided by `activity`. It continues the one before; after a hole in time, speech begins anew.

        Raises `ValueError` for frames that do not last.
        """
        frame_s = activity.frame_s
        if not frame_s > 0:
            raise ValueError(f"frames of {frame_s} s")
        told: list[SpeechEvent] = []
        after = activity.start - self._origin - self._count * frame_s
        if frame_s != self._frame_s or abs(after) > frame_s * (0.5 - _ROUNDING):
            told += self.flush()
            self._begin(activity)
        for probability in activity.probabilities.tolist():
            speech = self._speech
            if speech is None:
                if probability < self._threshold:
                    self._count += 1
                    continue
                speech = self._speech = self._speech_at(self._count, self._padded(self._count))
            self._step(speech, probability, told)
        return told

    def flush(self) -> Sequence[SpeechEvent]:
        """The end of speech that goes on where the audio ends."""
        speech, self._speech = self._speech, None
        return [self._end(speech, self._time(self._count))] if speech and speech.is_announced else []

    def _begin(self, activity: Activity) -> None:
        self._origin, self._frame_s, self._count = activity.start, activity.frame_s, 0
        self._floor = max(self._floor, activity.start)
        self._min_speech, self._min_silence = self._frames(self._min_speech_s), self._frames(self._min_silence_s)

    def _speech_at(self, frame: int, start: float) -> _Speech:
        last = (start + self._max_s - self._origin) / self._frame_s - 1 + _ROUNDING
        return _Speech(frame, start, last)

    def _step(self, speech: _Speech, probability: float, told: list[SpeechEvent]) -> None:
        """Take the next frame of `speech`."""
        speech.probabilities.append(probability)
        frame = self._count
        self._count += 1
        if probability >= self._threshold:
            speech.pause = None
        elif probability < self._quiet:
            if speech.pause is None:
                speech.pause = frame
            if frame - speech.pause >= self._min_silence:
                self._finish(speech, speech.pause, told)
                return
        if not speech.is_announced and speech.pause is None and self._is_long_enough(speech):
            told.append(self._announce(speech))
        if self._count > speech.last:
            self._cut(speech, told)

    def _is_long_enough(self, speech: _Speech) -> bool:
        return speech.is_rest or self._count - speech.first >= self._min_speech

    def _finish(self, speech: _Speech, pause: int, told: list[SpeechEvent]) -> None:
        """The pause is long enough: speech has ended where it began."""
        if speech.is_announced:
            told.append(self._end(speech, min(self._time(pause) + self._pad_s, self._time(self._count))))
        self._speech = None

    def _cut(self, speech: _Speech, told: list[SpeechEvent]) -> None:
        """End a segment that is as long as it may be; speech goes on in a new one, once there is speech in it.

        What was not announced until now is hardly more than a pause, and is dropped.
        """
        self._speech = None
        if not speech.is_announced:
            return
        at = self._quietest(speech)
        told.append(self._end(speech, self._time(at)))
        kept = speech.probabilities[at - speech.first :]
        rest = self._speech = self._speech_at(at, self._floor)
        rest.is_rest, rest.pause, rest.probabilities = True, speech.pause, kept
        if rest.pause is None or rest.pause > at:
            told.append(self._announce(rest))

    def _quietest(self, speech: _Speech) -> int:
        """The frame in the second half of a segment around which the probability is lowest."""
        middle = (speech.start + self._time(self._count)) / 2
        first = max(speech.first + 1, math.ceil((middle - self._origin) / self._frame_s))
        first = min(first, self._count - 1)
        return first + quietest(np.array(speech.probabilities[first - speech.first :]), self._frame_s)

    def _announce(self, speech: _Speech) -> SpeechStarted:
        speech.is_announced = True
        self.next_id += 1
        return SpeechStarted(segment_id=self.next_id - 1, start=speech.start)

    def _end(self, speech: _Speech, end: float) -> SpeechEnded:
        self._floor = end
        return SpeechEnded(segment_id=self.next_id - 1, start=speech.start, end=end)

    def _padded(self, frame: int) -> float:
        """Where a segment begins whose speech begins with `frame`."""
        return max(self._floor, self._time(frame) - self._pad_s)

    def _time(self, frame: int) -> float:
        return self._origin + frame * self._frame_s

    def _frames(self, seconds: float) -> int:
        """The fewest frames that last as long."""
        return math.ceil(seconds / self._frame_s - _ROUNDING)


def quietest(probabilities: npt.NDArray[np.floating], frame_s: float) -> int:
    """The frame in the middle of where speech is least likely; of several such, the last. Of at least one frame."""
    width = min(len(probabilities), max(1, round(_SMOOTHING_S / frame_s)))
    smooth = np.convolve(probabilities, np.full(width, 1 / width), "valid").round(6)
    return len(smooth) - 1 - int(np.argmin(smooth[::-1])) + width // 2
