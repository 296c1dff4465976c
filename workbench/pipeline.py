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
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, cast

from workbench import events
from workbench.drifting import DriftCheck
from workbench.edge import Edge
from workbench.engines import Capture, Recognizer, Settings, StageKind
from workbench.errors import UnsupportedLanguage, first_error
from workbench.interim import Interim
from workbench.kept import Item, Kept, begins
from workbench.node import Emit, In, Node, Out
from workbench.pool import Pool, Results, Stage
from workbench.pool.results import Values
from workbench.segmentation import Segmentation
from workbench.speech.drift import Drift
from workbench.speech.quality import Quality
from workbench.speech.repeats import RepeatFilter
from workbench.stage_errors import named
from workbench.stages import LiveMode, Stages
from workbench.threads import to_thread
from workbench.types import AudioChunk, Speech, Transcript, Translation, Window

_log = logging.getLogger(__name__)


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
        self._told_until = 0.0
        self._capture = capture
        self._stages = stages
        self._emit = emit
        self._play = play
        self._stopping = False

        def node(kind: StageKind, pool: Pool[In, Out] | None) -> Node[In, Out] | None:
            return Node(kind, pool, emit, tolerance, kept) if pool is not None else None

        self._recognizer = node(StageKind.ASR, stages.recognizer)
        self._translator = node(StageKind.TRANSLATION, stages.translator)
        self._synthesizer = node(StageKind.TTS, stages.synthesizer)
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
    def _failing_from(self) -> float | None:
        return self._recognizer.failing_from if self._recognizer else None

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
            if self._translator:
                self._untranslated.append(window.start)
            if self._translator or self._synthesizer:
                await self._transcripts.put(transcript)

        def begun(window: Window) -> Results[Transcript] | None:
            return self._interim.begun(window) if self._interim else None

        def done(window: Window) -> None:
            self._unrecognized.popleft()
            if self._interim:
                self._interim.over(window)
                self._tell_progress()

        def checked(stage: Stage[Window, Transcript], window: Window, values: Values[Transcript]) -> Values[Transcript]:
            return self._check.beside(stage, window, self.settings, values) if self._check else values

        if node := self._recognizer:
            first = await self._windows.peek()
            if node.pool.max_batch > 1 and not self._live:
                self._check = DriftCheck(self._capture.duration)
            if self._kept and self._kept.language and self.settings.language is None:
                self._is_spoken(self._kept.language)
            if first is not None and self.settings.language is None:
                await self._detect_language(node.pool, first)
            await node.run(lambda: self.settings, self._windows, take, done, begun=begun, checked=checked)
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
            if self._synthesizer:
                await self._translations.put(translation)

        def done(transcript: Transcript) -> None:
            self._untranslated.popleft()
            self._tell_progress()

        if self._translator:
            await self._translator.run(lambda: self.settings, self._transcripts, take, done)
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

        if self._synthesizer:
            texts: Edge[Any] = self._translations if self._translator else self._transcripts
            await self._synthesizer.run(lambda: self.settings, texts, take)
