"""One stream through its stages.

    capture -> chunks -> [VAD] -> activity -> Segmenter -> segments -> Packer -> windows -> [ASR] -> transcripts
                                                          speech <- [TTS] <- translations <- [translation] <-+

What stands in brackets is a pool of engines that other streams use too; the rest are pure steps on the loop. Between
the nodes, each a task, lie bounded edges, so a slow node makes those before it wait and memory does not grow with the
length of the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias, TypeVar, cast

from workbench import events, paths
from workbench.audio.recent import RecentAudio
from workbench.edge import Edge
from workbench.engines import Capture, Recognizer, Settings, StageKind
from workbench.errors import (
    InputError,
    MissingError,
    StageError,
    UnsupportedLanguage,
    UsageError,
    WorkbenchError,
    first_error,
    in_one_line,
)
from workbench.pool import Pool
from workbench.speech.packer import Packer, PackerOptions
from workbench.speech.segmenter import Segmenter, SegmenterOptions, SpeechEvent
from workbench.threads import to_thread
from workbench.types import Activity, AudioChunk, Speech, SpeechSegment, Transcript, Translation, Window

In = TypeVar("In")
Out = TypeVar("Out")
Emit: TypeAlias = Callable[[events.Event], None]

SAMPLE_RATE: Final = 16_000
"""Hertz, of everything between capture and ASR."""


@dataclass(frozen=True, slots=True)
class Stages:
    """What a stream runs through. The pools are started, and shared with other streams."""

    detector: Pool[AudioChunk, Activity] | None = None
    recognizer: Pool[Window, Transcript] | None = None
    translator: Pool[Transcript, Translation] | None = None
    synthesizer: Pool[Translation | Transcript, Speech] | None = None
    segmenter: SegmenterOptions = field(default_factory=SegmenterOptions)
    packer: PackerOptions = field(default_factory=PackerOptions)
    check: Callable[[Settings], None] = lambda settings: None
    """Raises `UnsupportedLanguage` when a stage cannot do what the settings, then complete, ask for."""


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
    ) -> None:
        """`play` takes synthesized speech: what is not taken yet holds the pipeline up.

        `tolerance` items of one stage that fail in a row end the stream; each one before is an `Error` event.
        """
        self.settings = settings
        self._capture = capture
        self._stages = stages
        self._emit = emit
        self._play = play
        self._tolerance = tolerance
        self._stopping = False
        self._heard = 0.0
        self._chunks: Edge[AudioChunk] = Edge(2)
        self._windows: Edge[Window] = Edge(2)
        self._transcripts: Edge[Transcript] = Edge(16)
        self._translations: Edge[Translation] = Edge(16)

    async def run(self) -> None:
        """From the first sample to the last result. Raises `WorkbenchError` when a stage fails.

        When cancelled, what waits is dropped and running threads are waited for.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read())
                tasks.create_task(self._detect())
                tasks.create_task(self._recognize())
                tasks.create_task(self._translate())
                tasks.create_task(self._speak())
        except BaseExceptionGroup as group:
            error = first_error(group)
            raise error from error.__cause__
        self._emit(events.Done(duration=self._heard, statistics=self.statistics()))

    def stop(self) -> None:
        """End the capture; what was captured is still worked on, and `run` returns when all of it is done."""
        self._stopping = True

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
            with _named(StageKind.CAPTURE, capture.name, position):
                await to_thread(lambda: opened.append(capture.open(self.settings)))
            self._emit(events.Ready(duration=capture.duration))
            while not self._stopping:
                with _named(StageKind.CAPTURE, capture.name, position):
                    if (chunk := await to_thread(next, opened[0], None)) is None:
                        break
                    position = chunk.end
                await self._chunks.put(chunk)
        finally:
            for source in opened:
                if close := getattr(source, "close", None):
                    with _named(StageKind.CAPTURE, capture.name, position):
                        await to_thread(close)
        self._chunks.close()

    async def _detect(self) -> None:
        recent = RecentAudio(SAMPLE_RATE)
        pool = self._stages.detector
        window_s = cast(Recognizer, self._stages.recognizer.engine).window_s
        longest_s = min(self._stages.segmenter.max_speech_s, window_s)
        segmenter = Segmenter(self._stages.segmenter.model_copy(update={"max_speech_s": longest_s}))
        packing = self._stages.packer
        packer = Packer(window_s if packing.packing else 0.0, packing.packing_pause_ms / 1000)

        def heard(activities: Iterable[Activity]) -> list[SpeechEvent]:
            return [event for activity in activities for event in segmenter.process(activity)]

        async def take(found: Iterable[SpeechEvent]) -> None:
            for event in found:
                if isinstance(event, events.SpeechEnded):
                    event = replace(event, end=min(event.end, recent.end))  # the last frame reaches beyond the audio
                self._emit(event)
                if isinstance(event, events.SpeechEnded):
                    audio = recent.cut(event.start, event.end)
                    await self._pass_on(packer.process(SpeechSegment(id=event.segment_id, audio=audio)))

        async with pool.open(self.settings) as stage:
            async for chunk in self._chunks:
                with _named(StageKind.CAPTURE, self._capture.name, recent.end):
                    recent.append(chunk)
                with _named(StageKind.VAD, pool.engine.name, chunk.start):
                    found = heard(await stage.process(chunk))
                await take(found)
                recent.forget(segmenter.needed_from)
            with _named(StageKind.VAD, pool.engine.name, recent.end):
                found = heard(await stage.flush())
            await take(found)
            await take(segmenter.flush())
        self._heard = recent.end
        await self._pass_on(packer.flush())
        self._windows.close()

    async def _pass_on(self, windows: Iterator[Window]) -> None:
        for window in windows:
            await self._windows.put(window)

    async def _recognize(self) -> None:
        async def take(window: Window, transcript: Transcript) -> None:
            self._emit(events.Transcript(transcript=transcript))
            self._emit(events.Progress(position=transcript.end, duration=self._capture.duration))
            if self._stages.translator is not None or self._stages.synthesizer is not None:
                await self._transcripts.put(transcript)

        first = await self._windows.peek()
        if first is not None and self.settings.language is None:
            await self._detect_language(first)
        await self._fan_out(StageKind.ASR, self._stages.recognizer, self._windows, take)
        self._transcripts.close()

    async def _detect_language(self, window: Window) -> None:
        """Once for the stream, before windows fan out, so that all of them agree."""
        pool = self._stages.recognizer
        async with pool.open(self.settings) as stage:
            with _named(StageKind.ASR, pool.engine.name, window.start):
                language = await stage.call(lambda engine: cast(Recognizer, engine).detect_language(window))
        if language is None:
            return
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

        if self._stages.translator is not None:
            await self._fan_out(StageKind.TRANSLATION, self._stages.translator, self._transcripts, take)
            self._translations.close()

    async def _speak(self) -> None:
        async def take(text: Translation | Transcript, speech: Speech) -> None:
            self._emit(events.Speech(speech=speech))
            if self._play is not None:
                await self._play(speech)

        if self._stages.synthesizer is not None:
            texts: Edge[Any] = self._transcripts if self._stages.translator is None else self._translations
            await self._fan_out(StageKind.TTS, self._stages.synthesizer, texts, take)

    async def _fan_out(
        self, kind: StageKind, pool: Pool[In, Out], items: Edge[Any], take: Callable[[Any, Out], Awaitable[None]]
    ) -> None:
        name, failures = pool.engine.name, 0

        def failed(item: In, error: Exception) -> None:
            nonlocal failures
            failures += 1
            problem = _explained(kind, name, getattr(item, "start", 0.0), error)
            if failures >= self._tolerance:
                raise problem from error
            self._emit(events.Error(code=problem.code, message=problem.message, hint=problem.hint, stage=kind))

        async def took(item: In, value: Out) -> None:
            nonlocal failures
            if not isinstance(value, _GIVES[kind]):
                failed(item, TypeError(f"it gave a {type(value).__name__}, not a {_GIVES[kind].__name__}"))
                return
            failures = 0
            await take(item, value)

        if await items.peek() is None:
            return
        async with pool.open(self.settings) as stage:  # only now: the language of the stream is known
            await stage.fan_out(items, took, failed, ahead=pool.engine.concurrency * pool.maximum + 1)


_GIVES: Final[Mapping[StageKind, type]] = {
    StageKind.ASR: Transcript,
    StageKind.TRANSLATION: Translation,
    StageKind.TTS: Speech,
}


@contextmanager
def _named(kind: StageKind, name: str, position: float) -> Iterator[None]:
    """Say which stage an engine's exception comes from, and where in the audio."""
    try:
        yield
    except Exception as error:
        raise _explained(kind, name, position, error) from error


def _explained(kind: StageKind, name: str, position: float, error: Exception) -> WorkbenchError:
    """An error that says itself what is to be done stays as it is."""
    if isinstance(error, UsageError | MissingError | InputError):
        return error
    ours = isinstance(error, WorkbenchError)
    minutes, seconds = divmod(position, 60)
    return StageError(
        f"{kind} engine {name!r} failed at {minutes:.0f}:{seconds:04.1f}: {error if ours else in_one_line(error)}",
        hint=(error.hint if isinstance(error, WorkbenchError) else "") or f"Details: {paths.log_file()}",
    )
