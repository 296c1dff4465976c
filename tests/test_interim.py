"""Speech that is recognized while it goes on, in a pipeline of live audio whose source waits for the recognizer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import workbench
from tests.fakes import Loudness, run, until
from workbench import events
from workbench.audio.recent import RecentAudio
from workbench.engines import Settings
from workbench.errors import EngineError
from workbench.interim import Interim
from workbench.pipeline import Pipeline
from workbench.pool import Pool
from workbench.speech.segmenter import Segmenter, SegmenterOptions
from workbench.stages import LiveMode, Stages
from workbench.types import Activity, AudioChunk, Samples, SpeechSegment, Transcript, Translation, Window

RATE = 16_000
STEP = 1600
ENGLISH = Settings(language="en")
OPTIONS = SegmenterOptions(min_silence_ms=500, speech_pad_ms=100)


def speech(seconds: float) -> Samples:
    return np.full(round(seconds * RATE), 0.5, np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


@dataclass
class Script(workbench.Capture):
    """Gives samples in chunks of 0.1 s; calls what stands between them, in the capture's thread."""

    name = "script"
    parts: Sequence[Samples | Callable[[], object]]
    start: float = 0.0

    def open(self, settings: Settings) -> Iterator[AudioChunk]:
        position = self.start
        for part in self.parts:
            if callable(part):
                part()
                continue
            for first in range(0, max(1, len(part)), STEP):
                chunk = AudioChunk(part[first : first + STEP], RATE, position)
                position = chunk.end
                yield chunk


@dataclass
class Hears(workbench.Recognizer):
    """Says how many seconds it heard. `looks` counts windows of speech that goes on, `finals` the others."""

    name = "hears"
    windows: list[Window] = field(default_factory=list)
    error: Exception | None = None
    looks: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    finals: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def process(self, item: Window, state: Settings) -> Iterator[Transcript]:
        self.windows.append(item)
        (self.finals if item.is_final else self.looks).release()
        if self.error is not None and not item.is_final:
            raise self.error
        words = " ".join(map(str, range(1, 1 + int(item.duration / 0.5))))
        if words:
            yield item.transcript(words, language="en", start=0.0, end=item.duration)

    def after_a_look(self) -> None:
        assert self.looks.acquire(timeout=60), "nobody looked at the speech so far"

    def after_a_final(self) -> None:
        assert self.finals.acquire(timeout=60), "no final text was begun"

    @property
    def final_windows(self) -> list[Window]:
        return [window for window in self.windows if window.is_final]


def live(
    parts: Sequence[Samples | Callable[[], object]],
    recognizer: workbench.Recognizer | None,
    *,
    settings: Settings = ENGLISH,
    mode: LiveMode | None = None,
    translator: Any = None,
    detects: bool = True,
    during: Callable[[Pipeline, list[events.Event]], Any] | None = None,
    start: float = 0.0,
) -> tuple[list[events.Event], Pipeline]:
    seen: list[events.Event] = []

    async def main() -> Pipeline:
        engines = (Loudness() if detects else None, recognizer, translator)
        pools = [_pool(engine) for engine in engines]
        for pool in filter(None, pools):
            await pool.start()
        stages = Stages(pools[0], pools[1], pools[2], segmenter=OPTIONS)
        pipeline = Pipeline(Script(parts, start), stages, settings, seen.append, live=mode or LiveMode())
        try:
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(pipeline.run())
                if during is not None:
                    await during(pipeline, seen)
                    del task
        finally:
            for pool in filter(None, pools):
                await pool.close()
        return pipeline

    return seen, run(main)


def _pool(engine: Any) -> Any:
    return Pool(lambda: engine) if engine else None


def texts(seen: Sequence[events.Event], *, final: bool) -> list[str]:
    return [
        event.transcript.text
        for event in seen
        if isinstance(event, events.Transcript) and event.transcript.is_final is final
    ]


def test_text_shows_while_someone_speaks_and_the_final_one_comes_once() -> None:
    ear = Hears()
    seen, _ = live([speech(1.0), ear.after_a_look, speech(1.0), ear.after_a_look, silence(1.0)], ear)
    assert texts(seen, final=False)[0] in ("1", "1 2")
    assert texts(seen, final=True) == ["1 2 3 4"]
    order = [event.type for event in seen if event.type in ("transcript", "progress")]
    assert order[-1] == "progress", "nothing of the segment comes after it is done"


def test_what_stays_of_two_looks_is_stable() -> None:
    ear = Hears()
    seen, _ = live([speech(1.0), ear.after_a_look, speech(1.0), ear.after_a_look, speech(1.0), silence(1.0)], ear)
    interim = [e.transcript for e in seen if isinstance(e, events.Transcript) and not e.transcript.is_final]
    assert all(transcript.text.startswith(transcript.stable) for transcript in interim)
    assert interim[0].stable == ""
    assert interim[-1].stable


def test_final_text_is_begun_in_the_pause_and_recognized_once() -> None:
    ear = Hears()
    seen, _ = live([speech(2.0), silence(0.3), ear.after_a_final, silence(0.7)], ear)
    ended = next(event for event in seen if isinstance(event, events.SpeechEnded))
    (window,) = ear.final_windows
    assert window.segments[0].audio.end == pytest.approx(ended.end, abs=1e-3)
    assert texts(seen, final=True) == ["1 2 3 4"]


def test_speech_that_goes_on_after_a_pause_is_recognized_whole() -> None:
    ear = Hears()
    seen, _ = live([speech(1.0), silence(0.3), ear.after_a_final, speech(1.0), silence(1.0)], ear)
    assert texts(seen, final=True) == ["1 2 3 4"]
    assert len(ear.final_windows) == 2, "once in the pause, once at the end"


def test_without_interim_text_the_final_one_is_still_begun_early() -> None:
    ear = Hears()
    seen, _ = live([speech(2.0), silence(0.3), ear.after_a_final, silence(0.7)], ear, mode=LiveMode(interim=False))
    assert texts(seen, final=False) == []
    assert texts(seen, final=True) == ["1 2 3 4"]
    assert len(ear.windows) == 1


def test_a_look_that_fails_costs_nothing_but_itself(caplog: pytest.LogCaptureFixture) -> None:
    ear = Hears(error=RuntimeError("no luck"))
    seen, _ = live([speech(1.0), ear.after_a_look, speech(1.0), silence(1.0)], ear)
    assert texts(seen, final=True) == ["1 2 3 4"]
    assert not [event for event in seen if isinstance(event, events.Error)]
    assert "speech that goes on could not be recognized" in caplog.text


def test_text_goes_on_where_its_translator_is_broken(caplog: pytest.LogCaptureFixture) -> None:
    class Breaks(workbench.Translator):
        name = "breaks"
        pairs = (("en", "de"),)
        wants_interim = True

        def __init__(self) -> None:
            """Takes no options."""

        def process(self, item: Transcript, state: Settings) -> Iterator[Translation]:
            raise EngineError("for good")

    async def test() -> tuple[list[Transcript], list[events.Event]]:
        seen: list[events.Event] = []
        pool, translator, recent, segmenter = (
            Pool(Hears),
            Pool(Breaks, max_replacements=0),
            RecentAudio(RATE),
            Segmenter(OPTIONS),
        )
        async with pool, translator, Interim(pool, translator, seen.append, shows=True, busy=lambda: False) as interim:
            await interim.use(ENGLISH)
            for samples in (speech(1.0), speech(1.0), speech(1.0), silence(0.3), silence(0.5)):
                said = float(samples[0] > 0)
                frames = np.full(len(samples) // STEP, said, np.float32)
                recent.append(AudioChunk(samples, RATE, recent.end))
                decided = segmenter.process(Activity(recent.end - len(samples) / RATE, STEP / RATE, frames))
                interim.follow(segmenter, recent)
                await pool.drain()
                await translator.drain()
            assert translator.broken
            (ended,) = [event for event in decided if isinstance(event, events.SpeechEnded)]
            window = interim.final(ended)
            assert window is not None
            results = interim.begun(window)
            assert results is not None
            return await results.collect(), seen

    (final,), seen = run(test)
    assert final.text == "1 2 3 4 5 6"
    assert len(texts(seen, final=False)) >= 3
    assert "could not be delivered" not in caplog.text


def test_the_first_word_is_looked_for_again_at_once_in_what_came_meanwhile() -> None:
    @dataclass
    class HearsLate(Hears):
        may_end: threading.Event = field(default_factory=threading.Event)

        def process(self, item: Window, state: Settings) -> Iterator[Transcript]:
            yield from super().process(item, state)
            assert self.may_end.wait(60)

    async def during(pipeline: Pipeline, _: list[events.Event]) -> None:
        await until(lambda: pipeline.reached > 0.65)
        ear.may_end.set()

    ear = HearsLate()
    seen, _ = live([speech(0.4), ear.after_a_look, speech(0.3), ear.after_a_look, silence(1.0)], ear, during=during)
    first, second, *_rest = ear.windows
    assert first.duration < 0.5 <= second.duration, "the source gives nothing until there was a second look"
    assert texts(seen, final=False)[0] == "1"


def test_final_text_takes_the_place_of_a_look_that_still_waits() -> None:
    """As while the only engine works for another session."""
    opened = threading.Event()

    class Shut(Hears):
        def process(self, item: Window, state: Settings) -> Iterator[Transcript]:
            assert opened.wait(60)
            yield from super().process(item, state)

    async def test() -> list[Transcript]:
        pool, recent, segmenter = Pool(lambda: ear), RecentAudio(RATE), Segmenter(OPTIONS)
        async with pool, Interim(pool, None, lambda _: None, shows=True, busy=lambda: False) as interim:
            await interim.use(ENGLISH)
            other = Window((SpeechSegment(id=9, audio=AudioChunk(speech(0.4), RATE, 0.0)),))
            elsewhere = pool.open(ENGLISH).results(other)
            await until(lambda: pool.statistics().running == 1)
            for samples, said in ((speech(1.0), 1.0), (silence(0.3), 0.0), (silence(0.5), 0.0)):
                frames = np.full(len(samples) // STEP, said, np.float32)
                recent.append(AudioChunk(samples, RATE, recent.end))
                decided = segmenter.process(Activity(recent.end - len(samples) / RATE, STEP / RATE, frames))
                interim.follow(segmenter, recent)
            (ended,) = [event for event in decided if isinstance(event, events.SpeechEnded)]
            window = interim.final(ended)
            assert window is not None
            results = interim.begun(window)
            assert results is not None
            opened.set()
            await elsewhere.collect()
            return await results.collect()

    ear = Shut()
    (final,) = run(test)
    assert final.text == "1 2"
    assert [window.is_final for window in ear.windows] == [True, True], "the look was not worth its time any more"


def test_a_segment_without_text_is_told_to_be_over() -> None:
    ear = Hears()
    seen, _ = live([speech(0.3), silence(1.0)], ear)
    assert texts(seen, final=True) == []
    (progress,) = [event for event in seen if isinstance(event, events.Progress)]
    assert 0.4 <= progress.position <= 1.3


def test_a_translator_that_wants_it_gets_what_is_stable() -> None:
    class Whispers(workbench.Translator):
        name = "whispers"
        wants_interim = True

        def process(self, item: Transcript, state: Settings) -> Iterator[workbench.Translation]:
            yield item.translated(f"<{item.text}>", "xx")

    ear = Hears()
    parts: list[Any] = [speech(1.0), ear.after_a_look, speech(1.0), ear.after_a_look, speech(1.0), ear.after_a_look]
    seen, _ = live([*parts, speech(0.5), silence(1.0)], ear, translator=Whispers(None))
    translations = [event.translation for event in seen if isinstance(event, events.Translation)]
    interim = [translation.text for translation in translations if not translation.is_final]
    assert interim
    assert all("<" + " ".join(map(str, range(1, 9))) + ">" != text for text in interim)
    assert [translation.text for translation in translations if translation.is_final] == ["<1 2 3 4 5 6 7>"]


def test_another_pipeline_goes_on_where_nobody_speaks() -> None:
    ear = Hears()
    hand_over = threading.Event()

    async def during(pipeline: Pipeline, seen: list[events.Event]) -> None:
        await until(lambda: any(event.type == "speech_started" for event in seen))
        pipeline.hand_over()
        hand_over.set()

    parts: list[Any] = [speech(1.0), hand_over.wait, speech(1.0), silence(1.0), speech(9.0)]
    seen, first = live(parts, ear, during=during, mode=LiveMode(first_segment=5))
    assert first.handed_over
    assert "done" not in [event.type for event in seen]
    assert texts(seen, final=True) == ["1 2 3 4"]
    assert [event.segment_id for event in seen if isinstance(event, events.SpeechEnded)] == [5]
    assert 2.1 <= first.position <= 3.0
    assert first.next_segment == 6

    rest = [silence(3.0 - first.position), speech(1.0), silence(1.0)]
    more, second = live(rest, Hears(), mode=LiveMode(first_segment=first.next_segment), start=first.position)
    assert texts(more, final=True) == ["1 2"]
    started = next(event for event in more if isinstance(event, events.SpeechStarted))
    assert started.segment_id == 6
    assert started.start == pytest.approx(2.9, abs=0.05)
    assert second.position == pytest.approx(5.0, abs=0.05)


def test_one_that_heard_nothing_hands_over_where_it_began() -> None:
    async def during(pipeline: Pipeline, seen: list[events.Event]) -> None:
        pipeline.hand_over()

    _, pipeline = live([silence(0.0), silence(0.0)], Hears(), start=100.0, mode=LiveMode(start=100.0), during=during)
    assert (pipeline.handed_over, pipeline.position) == (True, 100.0)


def test_no_audio_is_no_speech_that_was_missed() -> None:
    _, pipeline = live([silence(0.0)], Hears(), start=100.0, mode=LiveMode(start=100.0))
    assert pipeline.position == 100.0


def test_the_language_that_was_detected_holds_for_what_follows() -> None:
    class Polyglot(Hears):
        def detect_language(self, window: Window) -> str:
            return "pt"

    ear = Polyglot()
    parts: list[Any] = [speech(1.0), ear.after_a_look, silence(1.0), ear.after_a_final]
    parts += [speech(1.0), silence(0.3), ear.after_a_final, silence(1.0)]
    seen, pipeline = live(parts, ear, settings=Settings())
    assert pipeline.settings.language == "pt"
    assert texts(seen, final=True) == ["1 2", "1 2"]


def test_without_a_recognizer_speech_is_only_found() -> None:
    seen, pipeline = live([speech(1.0), silence(1.0)], None)
    assert [event.type for event in seen] == ["ready", "speech_started", "speech_ended", "done"]
    assert pipeline.position == pytest.approx(2.0)


def test_without_a_detector_audio_only_flows_by() -> None:
    seen, pipeline = live([speech(1.0), silence(1.0)], None, detects=False)
    assert [event.type for event in seen] == ["ready", "done"]
    assert pipeline.position == pytest.approx(2.0)


def test_cancelling_waits_for_the_look_that_runs() -> None:
    entered, opened = threading.Event(), threading.Event()
    left: list[str] = []

    class Slow(Hears):
        def process(self, item: Window, state: Settings) -> Iterator[Transcript]:
            entered.set()
            assert opened.wait(60)
            left.append("the thread")
            yield from ()

    async def during(pipeline: Pipeline, seen: list[events.Event]) -> None:
        await asyncio.to_thread(entered.wait, 60)
        asyncio.get_running_loop().call_later(0.05, opened.set)
        raise KeyError("enough")

    with pytest.raises(ExceptionGroup) as caught:
        live([speech(1.0), entered.wait, silence(1.0)], Slow(), during=during)
    assert caught.group_contains(KeyError)
    assert left == ["the thread"]
