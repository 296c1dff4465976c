"""From the audio of one stream to windows of speech: found by the detector, cut into segments, packed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Self, cast

from workbench import events
from workbench.audio.recent import RecentAudio
from workbench.engines import Recognizer, Settings, StageKind
from workbench.interim import Interim
from workbench.kept import Kept
from workbench.listening import Listener
from workbench.speech.cache import joined
from workbench.speech.packer import Packer
from workbench.speech.quality import Quality, quality
from workbench.speech.segmenter import Segmenter, SpeechEvent
from workbench.stage_errors import named
from workbench.stages import LiveMode, Stages
from workbench.types import SAMPLE_RATE, Activity, AudioChunk, SpeechSegment, Window


class Segmentation:
    """An async context manager. `process` takes the chunks of one stream, `flush` gives what comes after the last.

    Without a recognizer speech is only told, without a detector only how much audio there is.
    """

    def __init__(
        self,
        source: str,
        stages: Stages,
        settings: Settings,
        emit: Callable[[events.Event], None],
        live: LiveMode | None,
        kept: Kept | None,
    ) -> None:
        """`source` is the name of the capture."""
        self.heard = 0.0
        """Seconds of audio."""
        self.needed_from = live.start if live else 0.0
        """Seconds on the timeline: what comes before is in no segment to come."""
        self.next_segment = live.first_segment if live else 0
        """The id that the next segment gets."""
        self.interim: Interim | None = None
        """Where speech that goes on is recognized; set before the first chunk."""
        self._source = source
        self._stages = stages
        self._settings = settings
        self._emit = emit
        self._live = live
        self._kept = kept
        self._activities: list[Activity] = []  # of a file
        self._ended: list[events.SpeechEnded] = []
        self._recent = RecentAudio(SAMPLE_RATE)
        self._listener: Listener | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        recognizer, options, packing = self._stages.recognizer, self._stages.segmenter, self._stages.packer
        window_s = cast(Recognizer, recognizer.engine).window_s if recognizer else math.inf
        longest_s = min(options.max_speech_s, window_s)
        self._segmenter = Segmenter(options.model_copy(update={"max_speech_s": longest_s}), next_id=self.next_segment)
        self._packer = Packer(window_s if packing.packing and not self._live else 0.0, packing.packing_pause_ms / 1000)
        if (pool := self._stages.detector) is not None:
            known = self._kept.activity if self._kept else None
            listener = Listener(pool, self._settings, self._emit, known=known, has_spares=not self._live)
            self._listener = await self._stack.enter_async_context(listener)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def is_speech(self) -> bool:
        """Whether somebody speaks at the end of the audio so far."""
        return self._segmenter.speaking is not None

    @property
    def quality(self) -> Quality | None:
        """How well a file was cut into segments, once it was; None where that is not known."""
        activity = joined(self._activities)
        return quality(self._ended, activity, self._stages.segmenter.threshold) if activity else None

    async def process(self, chunk: AudioChunk) -> Iterator[Window]:
        """Windows that are complete, each found when it is asked for: they must be taken to the last.

        `needed_from` moves on after that. Raises `StageError` when no detector is left.
        """
        if self._listener is None:
            self.heard = self.needed_from = chunk.end
            return iter(())
        if not len(chunk.samples):
            return iter(())
        with named(StageKind.CAPTURE, self._source, self._recent.end):
            self._recent.append(chunk)
        return self._windows(self._cut(await self._listener.process(chunk)))

    async def flush(self, *, is_whole: bool) -> Iterator[Window]:
        """As `process`. `is_whole`: what was heard is the whole file."""
        if self._listener is None:
            return iter(())
        return self._last_windows(self._cut(await self._listener.flush()), is_whole)

    async def follow(self, settings: Settings) -> None:
        """Let speech that goes on be recognized, with `settings`."""
        if self.interim and self._listener:
            await self.interim.use(settings)
            self.interim.follow(self._segmenter, self._recent)

    def _cut(self, activities: Sequence[Activity]) -> list[SpeechEvent]:
        if not self._live:
            self._activities += activities
        return [event for activity in activities for event in self._segmenter.process(activity)]

    def _windows(self, found: Iterable[SpeechEvent]) -> Iterator[Window]:
        yield from self._told(found)
        self._recent.forget(self._segmenter.needed_from)
        self.heard = self._recent.end
        self.next_segment, self.needed_from = self._segmenter.next_id, self._segmenter.needed_from

    def _last_windows(self, found: Iterable[SpeechEvent], is_whole: bool) -> Iterator[Window]:
        yield from self._told(found)
        yield from self._told(self._segmenter.flush())
        if self._kept and is_whole and not (self._kept.activity or (self._listener and self._listener.is_spare)):
            self._kept.keep_activity(self._activities)
        self.heard = self.needed_from = max(self._recent.end, self.needed_from)  # there may have been no audio
        self.next_segment = self._segmenter.next_id
        yield from self._packer.flush()

    def _told(self, found: Iterable[SpeechEvent]) -> Iterator[Window]:
        """Tell what was found, and give the windows it makes."""
        for event in found:
            if not isinstance(event, events.SpeechEnded):
                self._emit(event)
                continue
            event = replace(event, end=min(event.end, self._recent.end))  # the last frame reaches beyond the audio
            self._emit(event)
            if not self._live:
                self._ended.append(event)
            if self._stages.recognizer is not None:
                begun = self.interim.final(event) if self.interim else None
                audio = self._recent.cut(event.start, event.end)
                segment = SpeechSegment(id=event.segment_id, audio=audio)
                yield from [begun] if begun else self._packer.process(segment)
