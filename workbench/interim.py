"""Recognition of speech that is not over."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, Self, cast

from workbench import events
from workbench.audio.recent import RecentAudio
from workbench.engines import Recognizer, Settings, Translator
from workbench.errors import PoolClosed
from workbench.pool import Pool, Results, Stage
from workbench.speech.segmenter import Segmenter
from workbench.speech.stability import stabilizer
from workbench.types import AudioChunk, SpeechSegment, Transcript, Translation, Window

EVERY_S: Final = 0.3
"""Seconds of new audio that are worth another look."""
SHARE: Final = 0.6
"""Of the time at most, where a look takes longer than that."""
FIRST_S: Final = 2.0
"""Seconds in which the first word comes: until there is text, one look follows the other."""
_log = logging.getLogger(__name__)


class Interim:
    """Of the segment that grows: what was said so far, and its final text, begun before it is certain to be over.

    Interim text: while the recognizer has nothing else to do, the segment so far is recognized anew and what stays the
    same becomes stable. Final text: once all audio of the segment was heard, should the pause at its end last, that is
    recognized. When the pause has lasted, the text is often there; when it has not, it was one more interim text.

    Everything runs on the loop. An async context manager, which waits for running threads.
    """

    def __init__(
        self,
        recognizer: Pool[Window, Transcript],
        translator: Pool[Transcript, Translation] | None,
        emit: Callable[[events.Event], None],
        *,
        shows: bool,
        busy: Callable[[], bool],
    ) -> None:
        """`shows`: whether interim text is wanted. Without it, only final text is begun early.

        `busy`: whether final text waits for the recognizer.
        """
        self._recognizer = recognizer
        self._translator = translator if translator and cast(Translator, translator.engine).wants_interim else None
        self._emit = emit
        self._shows = shows
        self._busy = busy
        self._stage: Stage[Window, Transcript] | None = None
        self._translating: Stage[Transcript, Translation] | None = None
        self._settings: Settings | None = None
        self._stabilizer = stabilizer(cast(Recognizer, recognizer.engine).stability)
        self._segment_id = -1
        self._over = -1  # the last segment whose final text is there
        self._next_look = 0.0  # seconds on the timeline: not before
        self._latest: Window | None = None  # what was looked at last
        self._ahead: tuple[Window, Results[Transcript]] | None = None
        self._begun: dict[int, Results[Transcript]] = {}  # by id of the segment
        self._translated = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def use(self, settings: Settings) -> None:
        """Recognize with `settings` from now on."""
        if settings == self._settings:
            return
        await self._close()
        self._settings = settings
        self._stage = self._recognizer.open(settings)
        self._translating = self._translator.open(settings) if self._translator else None

    async def _close(self) -> None:
        stages = (self._stage, self._translating)
        self._stage = self._translating = None  # what ends now begins nothing more
        for stage in stages:
            if stage is not None:
                await stage.close()

    def follow(self, segmenter: Segmenter, recent: RecentAudio) -> None:
        """Look at the segment that grows, if there is reason to."""
        segment, stage = segmenter.speaking, self._stage
        if segment is None or stage is None or self._settings is None or stage.error:
            return
        if segment.segment_id != self._segment_id:
            self._segment_id, self._ahead, self._translated, self._next_look = segment.segment_id, None, "", 0.0
        end = segmenter.ending
        if end is None or self._settings.language is None:
            idle = not (self._busy() or stage.inbox or stage.running)
            if self._shows and idle and recent.end >= self._next_look:
                audio = recent.cut(segment.start, recent.end)
                self._look(stage, segment.segment_id, audio, segmenter, recent, is_final=False)
        elif self._ahead is None or not _reaches(self._ahead[0], end):
            audio = recent.cut(segment.start, end)
            self._ahead = self._look(stage, segment.segment_id, audio, segmenter, recent, is_final=True)

    def final(self, event: events.SpeechEnded) -> Window | None:
        """The window of speech that is over, if its recognition was begun; None: it was not."""
        ahead, self._ahead = self._ahead, None
        if ahead is None or event.segment_id != self._segment_id or not _reaches(ahead[0], event.end):
            return None
        self._begun[event.segment_id] = ahead[1]
        return ahead[0]

    def begun(self, window: Window) -> Results[Transcript] | None:
        """What `final` said was begun, once."""
        return self._begun.pop(window.segments[0].id, None)

    def over(self, window: Window) -> None:
        """The final text of `window` is there: no interim text of it comes any more."""
        self._over = max(self._over, window.segments[-1].id)

    def _look(
        self,
        stage: Stage[Window, Transcript],
        segment_id: int,
        audio: AudioChunk,
        segmenter: Segmenter,
        recent: RecentAudio,
        *,
        is_final: bool,
    ) -> tuple[Window, Results[Transcript]]:
        window = Window((SpeechSegment(id=segment_id, audio=audio, is_final=is_final),))
        self._next_look, self._latest = math.inf, window
        ended = partial(self._looked, window, segmenter, recent, recent.end)
        return window, stage.results(window, replaces=segment_id, ended=ended)

    def _looked(
        self,
        window: Window,
        segmenter: Segmenter,
        recent: RecentAudio,
        began: float,
        results: Results[Transcript],
    ) -> None:
        """Time is counted in the audio that came meanwhile."""
        segment_id = window.segments[0].id
        if results.error is not None and not isinstance(results.error, PoolClosed):
            _log.warning("speech that goes on could not be recognized", exc_info=results.error)
        if segment_id != self._segment_id:
            return
        if results.made and self._shows and segment_id > self._over:
            self._show(_joined(results.made))
        if window is not self._latest:  # one that has not ended has taken its place
            return
        self._next_look = max(began + EVERY_S, recent.end + (recent.end - began) * (1 - SHARE) / SHARE)
        if not results.made and not results.error and began < window.start + FIRST_S:
            self._next_look = math.nextafter(began, math.inf)
            self.follow(segmenter, recent)

    def _show(self, transcript: Transcript) -> None:
        transcript = self._stabilizer.update(transcript)
        self._emit(events.Transcript(transcript=transcript))
        stable = transcript.stable.strip()
        if self._translating is not None and stable != self._translated and not self._translating.error:
            self._translated = stable
            part = replace(transcript, text=stable, words=())
            ended = partial(self._translate_shown, part)
            self._translating.results(part, replaces=transcript.segment_id, ended=ended)

    def _translate_shown(self, part: Transcript, results: Results[Translation]) -> None:
        if results.error is not None and not isinstance(results.error, PoolClosed):
            _log.warning("interim text could not be translated", exc_info=results.error)
        if results.made and part.segment_id == self._segment_id > self._over:
            text = " ".join(translation.text for translation in results.made)
            translation = replace(results.made[0], text=text, is_final=False)
            self._emit(events.Translation(transcript=part, translation=translation))


def _reaches(window: Window, end: float) -> bool:
    audio = window.segments[0].audio
    return abs(audio.end - end) <= 1.0 / audio.sample_rate


def _joined(transcripts: Sequence[Transcript]) -> Transcript:
    """Several sentences as one interim text."""
    words = tuple(word for transcript in transcripts for word in transcript.words)
    text = "".join(word.text for word in words) if words else " ".join(t.text for t in transcripts)
    return replace(transcripts[0], text=text.strip(), end=transcripts[-1].end, words=words, is_final=False)
