"""One stream through its stages.

    capture -> chunks -> [VAD] -> activity -> Segmenter -> segments -> Packer -> windows -> [ASR] -> transcripts
                                                          speech <- [TTS] <- translations <- [translation] <-+

What stands in brackets is a pool of engines that other streams use too; the rest are pure steps on the loop. Between
the nodes, each a task, lie bounded edges, so a slow node makes those before it wait and memory does not grow with the
length of the stream. Of live audio each segment is a window of its own, and is recognized while it grows.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias, TypeVar, cast

from workbench import events
from workbench.drifting import DriftCheck
from workbench.edge import Edge
from workbench.engines import Capture, Recognizer, Settings, StageKind
from workbench.errors import UnsupportedLanguage, first_error, is_expected
from workbench.interim import Interim
from workbench.kept import Item, Keeping, Kept, begins
from workbench.pool import Pool, Results, Stage
from workbench.pool.results import Values
from workbench.segmentation import Segmentation
from workbench.speech.drift import Drift
from workbench.speech.packer import PackerOptions
from workbench.speech.quality import Quality
from workbench.speech.repeats import RepeatFilter
from workbench.speech.segmenter import SegmenterOptions
from workbench.stage_errors import explained, is_out_of_memory, named
from workbench.threads import to_thread
from workbench.types import Activity, AudioChunk, Speech, Transcript, Translation, Window

In = TypeVar("In")
Out = TypeVar("Out")
Emit: TypeAlias = Callable[[events.Event], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stages:
    """What a stream runs through. The pools are started, and shared with other streams.

    Without a recognizer speech is only found, without a detector audio only flows by.
    """

    detector: Pool[AudioChunk, Activity] | None = None
    recognizer: Pool[Window, Transcript] | None = None
    translator: Pool[Transcript, Translation] | None = None
    synthesizer: Pool[Translation | Transcript, Speech] | None = None
    segmenter: SegmenterOptions = field(default_factory=SegmenterOptions)
    packer: PackerOptions = field(default_factory=PackerOptions)
    check: Callable[[Settings], None] = lambda settings: None
    """Raises `UnsupportedLanguage` when a stage cannot do what the settings, then complete, ask for."""


@dataclass(frozen=True, slots=True)
class LiveMode:
    """That a stream is heard while it is made: every segment is recognized at once, and while it grows."""

    interim: bool = True
    """Whether interim text is wanted."""
    first_segment: int = 0
    """The id of the first segment."""
    start: float = 0.0
    """Seconds on the timeline: where the capture begins."""


class Pipeline:
    """Runs once. `emit` observes: it is called on the loop, and must neither block nor raise."""

    def __init__(
        self,
        capture: Capture,
        stages: Stages,
        settings: Settings,
        emit: Emit,
        *,
        play: Callable[[Speech], Awaitable[None]] | None = None,
        tolerance: int = 1,
        live: LiveMode | None = None,
        kept: Kept | None = None,
    ) -> None:
        """`play` takes synthesized speech: what is not taken yet holds the pipeline up.

        `tolerance` items of one stage that fail in a row end the stream; each one before is an `Error` event. `kept`
        has what was made of the same file before, and takes what is made now.
        """
        self.settings = settings
        self.handed_over = False
        """Whether it ended before the capture did, at `position`, for another pipeline to go on there."""
        self._live = live
        self._kept = kept
        self._segmentation = Segmentation(capture.name, stages, settings, emit, live, kept)
        self._interim: Interim | None = None
        self._check: DriftCheck | None = None
        self._handing_over = False
        self._unrecognized: deque[Window] = deque()
        self._untranslated: deque[float] = deque()  # seconds on the timeline: where transcripts start
        self._failing_from: float | None = None  # seconds: where the first window starts of those that fail in a row
        self._told_until = 0.0
        self._capture = capture
        self._stages = stages
        self._emit = emit
        self._play = play
        self._tolerance = tolerance
        self._stopping = False
        self._chunks: Edge[AudioChunk] = Edge(2)
        self._windows: Edge[Window] = Edge(2)
        self._transcripts: Edge[Transcript] = Edge(16)
        self._translations: Edge[Translation] = Edge(16)

    async def run(self) -> None:
        """From the first sample to the last result. Raises `WorkbenchError` when a stage fails.

        When cancelled, what waits is dropped and running threads are waited for.
        """
        try:
            async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
                if self._live and self._stages.recognizer:
                    interim = Interim(
                        self._stages.recognizer,
                        self._stages.translator,
                        self._emit,
                        shows=self._live.interim,
                        busy=lambda: bool(self._unrecognized),
                    )
                    self._interim = self._segmentation.interim = await stack.enter_async_context(interim)
                tasks.create_task(self._read())
                tasks.create_task(self._detect())
                tasks.create_task(self._recognize())
                tasks.create_task(self._translate())
                tasks.create_task(self._speak())
        except BaseExceptionGroup as group:
            error = first_error(group)
            raise error from error.__cause__
        if not self.handed_over and not (self._live and self._failing_from is not None):
            self._emit(events.Done(duration=self._segmentation.heard, statistics=self.statistics()))

    def stop(self) -> None:
        """End the capture; what was captured is still worked on, and `run` returns when all of it is done."""
        self._stopping = True

    def hand_over(self) -> None:
        """End as soon as nobody speaks: `run` returns when all before is done. Another goes on at `position`."""
        self._handing_over = True

    @property
    def position(self) -> float:
        """Seconds on the timeline: everything before is recognized and translated, or it failed alone."""
        found = [self._segmentation.needed_from]
        if self._unrecognized:
            found.append(self._unrecognized[0].start)
        if self._untranslated:
            found.append(self._untranslated[0])
        if self._failing_from is not None:
            found.append(self._failing_from)
        return min(found)

    @property
    def reached(self) -> float:
        """Seconds on the timeline: everything said before is recognized, but for speech that goes on."""
        return (
            self._unrecognized[0].segments[-1].audio.end
            if self._unrecognized
            else max(self._segmentation.heard, self.position)
        )

    @property
    def next_segment(self) -> int:
        """The id that the next segment gets."""
        return self._segmentation.next_segment

    @property
    def quality(self) -> Quality | None:
        """How well a file was cut into segments, once it was; None where that is not known."""
        return self._segmentation.quality

    @property
    def drift(self) -> Drift | None:
        """How far texts of windows that were recognized together are from those of each alone; None: not compared."""
        return self._check.drift if self._check and self._check.drift.windows else None

    def statistics(self) -> dict[str, Any]:
        edges: dict[str, Edge[Any]] = {
            "chunks": self._chunks,
            "windows": self._windows,
            "transcripts": self._transcripts,
            "translations": self._translations,
        }
        return {name: edge.statistics()._asdict() for name, edge in edges.items()}

    # nodes

    async def _read(self) -> None:
        capture, position = self._capture, 0.0
        opened: list[Iterator[AudioChunk]] = []  # filled in the thread: whoever is cancelled meanwhile gets no value
        try:
            with named(StageKind.CAPTURE, capture.name, position):
                await to_thread(lambda: opened.append(capture.open(self.settings)))
            self._emit(events.Ready(duration=capture.duration))
            while not self._stopping:
                with named(StageKind.CAPTURE, capture.name, position):
                    if (chunk := await to_thread(next, opened[0], None)) is None:
                        break
                    position = chunk.end
                await self._chunks.put(chunk)
        finally:
            for source in opened:
                if close := getattr(source, "close", None):
                    with named(StageKind.CAPTURE, capture.name, position):
                        await to_thread(close)
        self._chunks.close()

    async def _detect(self) -> None:
        async with self._segmentation as segmentation:
            async for chunk in self._chunks:
                for window in await segmentation.process(chunk):
                    await self._pass_on(window)
                await segmentation.follow(self.settings)
                if self._handing_over and not segmentation.is_speech:
                    await self._leave()
                    return
            for window in await segmentation.flush(is_whole=not self._stopping):
                await self._pass_on(window)
        self._windows.close()

    async def _leave(self) -> None:
        """The rest of the audio is for another pipeline."""
        self.handed_over = self._stopping = True
        self._windows.close()
        async for _ in self._chunks:
            pass

    async def _pass_on(self, window: Window) -> None:
        self._unrecognized.append(window)
        await self._windows.put(window)

    async def _recognize(self) -> None:
        repeats = RepeatFilter()

        async def take(window: Window, transcript: Transcript) -> None:
            if repeats.drops(window, transcript):
                _log.info("left out at %.1f s, said again over silence: %s", transcript.start, transcript.text)
                return
            self._emit(events.Transcript(transcript=transcript))
            if not self._live:
                self._emit(events.Progress(position=transcript.end, duration=self._capture.duration))
            if self._stages.translator is not None or self._stages.synthesizer is not None:
                if self._stages.translator is not None:
                    self._untranslated.append(window.start)
                await self._transcripts.put(transcript)

        def begun(window: Window) -> Results[Transcript] | None:
            return self._interim.begun(window) if self._interim else None

        def done(window: Window) -> None:
            self._unrecognized.popleft()
            if self._interim:
                self._interim.over(window)
                self._tell_progress()

        if (pool := self._stages.recognizer) is not None:
            first = await self._windows.peek()
            if pool.max_batch > 1 and not self._live:
                self._check = DriftCheck(self._capture.duration)
            if self._kept and self._kept.language and self.settings.language is None:
                self._is_spoken(self._kept.language)
            if first is not None and self.settings.language is None:
                await self._detect_language(pool, first)
            await self._fan_out(StageKind.ASR, pool, self._windows, take, begun, done)
        self._transcripts.close()

    async def _detect_language(self, pool: Pool[Window, Transcript], window: Window) -> None:
        """Once for the stream, before windows fan out, so that all of them agree."""
        async with pool.open(self.settings) as stage:
            with named(StageKind.ASR, pool.engine.name, window.start):
                if self._kept:
                    await begins(self._kept, Item.of(StageKind.ASR, window))
                language = await stage.call(lambda engine: cast(Recognizer, engine).detect_language(window))
        if language is not None:
            self._is_spoken(language)
            if self._kept:
                self._kept.keep_language(language)

    def _is_spoken(self, language: str) -> None:
        """Raises `UnsupportedLanguage` where a stage cannot do what is asked for in it."""
        self.settings = replace(self.settings, language=language)
        self._emit(events.LanguageDetected(language=language))
        try:
            self._stages.check(self.settings)
        except UnsupportedLanguage as error:
            hint = f"{error.hint} Say what is spoken (--language {language}): engines are then chosen for it.".lstrip()
            raise UnsupportedLanguage(f"the language was detected as {language!r}: {error}", hint=hint) from error

    async def _translate(self) -> None:
        async def take(transcript: Transcript, translation: Translation) -> None:
            self._emit(events.Translation(transcript=transcript, translation=translation))
            if self._stages.synthesizer is not None:
                await self._translations.put(translation)

        def done(transcript: Transcript) -> None:
            self._untranslated.popleft()
            self._tell_progress()

        if (pool := self._stages.translator) is not None:
            await self._fan_out(StageKind.TRANSLATION, pool, self._transcripts, take, done=done)
            self._translations.close()

    def _tell_progress(self) -> None:
        """Of live audio: that of files is told by transcript."""
        if self._live and self.position > self._told_until:
            self._told_until = self.position
            self._emit(events.Progress(position=self.position, duration=self._capture.duration))

    async def _speak(self) -> None:
        async def take(text: Translation | Transcript, speech: Speech) -> None:
            self._emit(events.Speech(speech=speech))
            if self._play is not None:
                await self._play(speech)

        if self._stages.synthesizer is not None:
            texts: Edge[Any] = self._transcripts if self._stages.translator is None else self._translations
            await self._fan_out(StageKind.TTS, self._stages.synthesizer, texts, take)

    async def _fan_out(
        self,
        kind: StageKind,
        pool: Pool[In, Out],
        items: Edge[Any],
        take: Callable[[Any, Out], Awaitable[None]],
        begun: Callable[[Any], Results[Out] | None] = lambda item: None,
        done: Callable[[Any], None] = lambda item: None,
    ) -> None:
        name, failures = pool.engine.name, 0

        def failed(item: In, error: Exception) -> None:
            nonlocal failures
            failures += 1
            if kind is StageKind.ASR and self._failing_from is None:
                self._failing_from = getattr(item, "start", 0.0)
            problem = explained(kind, name, getattr(item, "start", 0.0), error)
            if failures >= self._tolerance or is_out_of_memory(error):
                raise problem from problem.__cause__
            _log.warning("%s", problem, exc_info=None if is_expected(problem) else problem)
            self._emit(events.Error(code=problem.code, message=problem.message, hint=problem.hint, stage=kind))

        async def took(item: In, value: Out) -> None:
            nonlocal failures
            if not isinstance(value, _GIVES[kind]):
                failed(item, TypeError(f"it gave a {type(value).__name__}, not a {_GIVES[kind].__name__}"))
                return
            failures = 0
            if kind is StageKind.ASR:
                self._failing_from = None
            await take(item, value)

        if await items.peek() is None:
            return
        async with pool.open(self.settings) as stage:  # only now: the language of the stream is known
            keeping = Keeping(self._kept, kind, stage, _GIVES[kind], pool.at_once) if self._kept else None
            submit: Callable[[In], Values[Out]] = keeping.begin if keeping else stage.results

            def begin(item: In) -> Values[Out]:
                with named(kind, name, getattr(item, "start", 0.0)):  # where all engines are broken
                    return begun(item) or self._checked(stage, item, submit(item))

            await stage.fan_out(
                keeping.paced(items) if keeping else items,
                took,
                failed,
                ahead=pool.at_once + 1,
                begin=begin,
                done=done,
            )

    def _checked(self, stage: Stage[In, Out], item: In, values: Values[Out]) -> Values[Out]:
        if self._check is None or not isinstance(item, Window):
            return values
        return cast(Values[Out], self._check.beside(cast(Any, stage), item, self.settings, cast(Any, values)))


_GIVES: Final[Mapping[StageKind, type]] = {
    StageKind.ASR: Transcript,
    StageKind.TRANSLATION: Translation,
    StageKind.TTS: Speech,
}
