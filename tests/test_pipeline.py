"""One stream through fake stages whose turns are arranged by events, never by sleeping."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import workbench
from workbench import events
from workbench.engines import Settings, StageKind
from workbench.errors import EngineError, InputError, StageError, UnsupportedLanguage
from workbench.pipeline import Pipeline
from workbench.pool import Pool
from workbench.speech.packer import PackerOptions
from workbench.speech.segmenter import SegmenterOptions
from workbench.stages import Stages
from workbench.types import Samples

RATE = 16_000
PADDED = SegmenterOptions(speech_pad_ms=100)


def speech(seconds: float) -> Samples:
    return np.full(round(seconds * RATE), 0.5, np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def recording(*lengths: float) -> Samples:
    """Speech of these lengths in seconds, a second of silence after each."""
    return np.concatenate([part for length in lengths for part in (speech(length), silence(1.0))])


class Tape(workbench.Capture):
    name = "tape"

    def __init__(self, samples: Samples, chunk_s: float = 1.0, error: Exception | None = None) -> None:
        self.samples, self.step, self.error = samples, round(chunk_s * RATE), error
        self.read = 0
        self.closed = threading.Event()

    def open(self, settings: Settings) -> Iterator[workbench.AudioChunk]:
        self.duration = len(self.samples) / RATE
        try:
            for start in range(0, len(self.samples), self.step):
                self.read += 1
                yield workbench.AudioChunk(self.samples[start : start + self.step], RATE, start / RATE)
            if self.error is not None:
                raise self.error
        finally:
            self.closed.set()


class Loudness(workbench.Detector[None]):
    """A frame of 0.1 s is speech when it is loud. Chunks are whole frames here."""

    name = "loudness"

    def open(self, settings: Settings) -> None:
        return None

    def process(self, item: workbench.AudioChunk, state: None) -> list[workbench.Activity]:
        frames = item.samples.reshape(-1, RATE // 10)
        return [workbench.Activity(item.start, 0.1, np.abs(frames).max(axis=1).astype(np.float32))]


class Lengths(workbench.Recognizer):
    """Says how long each window is."""

    name = "lengths"

    def __init__(self, options: Any = None, concurrency: int = 1, window_s: float = 30.0) -> None:
        self.concurrency, self.window_s = concurrency, window_s
        self.detections = 0

    def detect_language(self, window: workbench.Window) -> str | None:
        self.detections += 1
        return "en"

    def process(self, item: workbench.Window, state: Settings) -> Iterator[workbench.Transcript]:
        self.before(item)
        yield item.transcript(f"{item.duration:.1f}", language=state.language or "?", start=0.0, end=item.duration)

    def before(self, item: workbench.Window) -> None:
        """What a test arranges."""


class Upper(workbench.Translator):
    name = "upper"

    def process(self, item: workbench.Transcript, state: Settings) -> Iterator[workbench.Translation]:
        yield item.translated(f"<{item.text}>", "xx")


class Beep(workbench.Synthesizer):
    name = "beep"

    def process(self, item: Any, state: Settings) -> Iterator[workbench.Speech]:
        for piece in range(3):
            audio = workbench.AudioChunk(np.full(10, piece, np.float32), RATE, item.start)
            yield workbench.Speech(segment_id=item.segment_id, audio=audio)


def run(
    capture: workbench.Capture,
    recognizer: workbench.Recognizer,
    *,
    during: Callable[[Pipeline], Awaitable[None]] | None = None,
    settings: Settings | None = None,
    play: Any = None,
    tolerance: int = 1,
    translator: workbench.Translator | None = None,
    synthesizer: workbench.Synthesizer | None = None,
    check: Callable[[Settings], None] = lambda settings: None,
    packing: bool = False,
    detector: workbench.Detector[Any] | None = None,
) -> list[events.Event]:
    """Everything the pipeline emits; `during` runs beside it, and may cancel it."""
    seen: list[events.Event] = []

    async def main() -> None:
        def pool_of(engine: Any) -> Any:
            return Pool(lambda: engine) if engine else None

        pools = [pool_of(engine) for engine in (detector or Loudness(None), recognizer, translator, synthesizer)]
        for pool in pools:
            if pool:
                await pool.start()
        heard, recognized, translated, spoken = pools
        stages = Stages(
            heard, recognized, translated, spoken, segmenter=PADDED, packer=PackerOptions(packing=packing), check=check
        )
        pipeline = Pipeline(capture, stages, settings or Settings(), seen.append, play=play, tolerance=tolerance)
        try:
            if during is None:
                await pipeline.run()
            else:
                task = asyncio.create_task(pipeline.run())
                await during(pipeline)
                await task
        finally:
            for pool in pools:
                if pool:
                    await pool.close()

    async def bounded() -> None:
        async with asyncio.timeout(60):
            await main()

    asyncio.run(bounded())
    return seen


def transcripts(seen: Sequence[events.Event]) -> list[workbench.Transcript]:
    return [event.transcript for event in seen if isinstance(event, events.Transcript)]


def test_each_stretch_of_speech_becomes_a_transcript_where_it_was_said() -> None:
    found = transcripts(run(Tape(recording(2.0, 3.0)), Lengths()))
    assert [t.text for t in found] == ["2.1", "3.2"]  # with the padding
    assert found[0].start == pytest.approx(0.0)
    assert found[1].start == pytest.approx(2.9, abs=0.01)
    assert found[1].end == pytest.approx(6.1, abs=0.01)


def test_packing_makes_one_window_of_what_fits() -> None:
    found = transcripts(run(Tape(recording(2.0, 3.0, 4.0)), Lengths(), packing=True))
    assert len(found) == 1
    assert (found[0].start, found[0].end) == pytest.approx((0.0, 11.1), abs=0.01)


def test_digital_silence_gives_nothing_but_its_length() -> None:
    seen = run(Tape(silence(5.0)), Lengths())
    assert [event.type for event in seen] == ["ready", "done"]
    assert isinstance(seen[-1], events.Done)
    assert seen[-1].duration == pytest.approx(5.0)


def test_results_come_in_order_when_a_later_window_is_done_first() -> None:
    second_is_done = threading.Event()

    class LaterFirst(Lengths):
        def before(self, item: workbench.Window) -> None:
            if item.duration < 2.5:
                assert second_is_done.wait(60)
            else:
                second_is_done.set()

    found = transcripts(run(Tape(recording(2.0, 3.0)), LaterFirst(concurrency=2)))
    assert [t.text for t in found] == ["2.1", "3.2"]


def test_the_language_is_detected_once_and_holds_for_all_windows() -> None:
    recognizer = Lengths(concurrency=2)
    seen = run(Tape(recording(1.0, 1.0, 1.0)), recognizer)
    assert recognizer.detections == 1
    assert [t.language for t in transcripts(seen)] == ["en"] * 3
    assert [event.language for event in seen if isinstance(event, events.LanguageDetected)] == ["en"]


def test_the_detected_language_is_told_to_what_translates_and_speaks() -> None:
    told: list[str | None] = []

    class Translates(Upper):
        def open(self, settings: Settings) -> Settings:
            told.append(settings.language)
            return settings

    class Speaks(Beep):
        def open(self, settings: Settings) -> Settings:
            told.append(settings.language)
            return settings

    run(Tape(recording(1.0)), Lengths(), translator=Translates(None), synthesizer=Speaks(None))
    assert told == ["en", "en"]


def test_a_language_that_is_given_is_not_detected() -> None:
    recognizer = Lengths()
    assert transcripts(run(Tape(recording(1.0)), recognizer, settings=Settings(language="fr")))[0].language == "fr"
    assert recognizer.detections == 0


def test_what_a_detected_language_makes_impossible_is_refused_before_recognition() -> None:
    def check(settings: Settings) -> None:
        assert settings.language == "en"
        raise UnsupportedLanguage("not from English")

    seen: list[str] = []

    class Recording(Lengths):
        def before(self, item: workbench.Window) -> None:
            seen.append("recognized")

    with pytest.raises(UnsupportedLanguage, match="not from English"):
        run(Tape(recording(1.0)), Recording(), check=check)
    assert not seen


def test_stop_works_off_what_was_captured() -> None:
    tape = Tape(np.concatenate([recording(2.0)] * 200))
    reached = threading.Event()

    class Signalling(Lengths):
        def before(self, item: workbench.Window) -> None:
            reached.set()

    async def stop(pipeline: Pipeline) -> None:
        await asyncio.to_thread(reached.wait, 60)
        pipeline.stop()

    seen = run(tape, Signalling(), during=stop)
    assert tape.closed.is_set()
    assert tape.read < 200
    assert sum(isinstance(event, events.SpeechEnded) for event in seen) == len(transcripts(seen)) > 0
    assert seen[-1].type == "done"


def test_cancelling_waits_for_the_running_thread_and_closes_the_capture() -> None:
    tape = Tape(np.concatenate([recording(2.0)] * 20))
    entered, release, left = threading.Event(), threading.Event(), threading.Event()

    class Held(Lengths):
        def before(self, item: workbench.Window) -> None:
            entered.set()
            assert release.wait(60)
            left.set()

    async def main() -> None:
        pools: Sequence[Any] = [Pool(lambda: Loudness(None)), Pool(lambda: Held())]
        for pool in pools:
            await pool.start()
        pipeline = Pipeline(tape, Stages(*pools), Settings(language="en"), lambda event: None)
        task = asyncio.create_task(pipeline.run())
        await asyncio.to_thread(entered.wait, 60)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=0.05)
        assert not done
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert left.is_set()
        assert tape.closed.is_set()
        for pool in pools:
            await pool.close()

    asyncio.run(main())


def test_a_capture_that_is_cancelled_while_it_opens_is_closed() -> None:
    entered, release, closed = threading.Event(), threading.Event(), threading.Event()

    class Device:
        """Open from the start, as microphones are."""

        def __iter__(self) -> Device:
            return self

        def __next__(self) -> workbench.AudioChunk:
            raise StopIteration

        def close(self) -> None:
            closed.set()

    class Slow(workbench.Capture):
        name = "slow"

        def open(self, settings: Settings) -> Iterator[workbench.AudioChunk]:
            entered.set()
            assert release.wait(60)
            return Device()

    async def main() -> None:
        async with Pool(lambda: Loudness(None)) as detector, Pool(lambda: Lengths()) as recognizer:
            pipeline = Pipeline(Slow(None), Stages(detector, recognizer), Settings(), lambda event: None)
            task = asyncio.create_task(pipeline.run())
            await asyncio.to_thread(entered.wait, 60)
            task.cancel()
            release.set()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert closed.is_set()


def test_a_slow_recognizer_makes_the_capture_wait() -> None:
    tape = Tape(np.concatenate([recording(2.0)] * 100))
    entered, release = threading.Event(), threading.Event()

    class Held(Lengths):
        def before(self, item: workbench.Window) -> None:
            entered.set()
            assert release.wait(60)

    async def look(pipeline: Pipeline) -> None:
        await asyncio.to_thread(entered.wait, 60)
        while pipeline.statistics()["chunks"]["depth"] < 2:  # noqa: ASYNC110 - it reads ahead until all edges are full
            await asyncio.sleep(0)
        assert tape.read < 40
        pipeline.stop()
        release.set()

    run(tape, Held(), during=look)


def test_a_failing_item_ends_a_file_with_engine_and_place() -> None:
    class Failing(Lengths):
        def before(self, item: workbench.Window) -> None:
            if item.duration > 2.5:
                raise ValueError("too long for me")

    with pytest.raises(StageError, match=r"asr engine 'lengths' failed at 0:02\.9: ValueError: too long for me"):
        run(Tape(recording(2.0, 3.0, 2.0)), Failing())


def test_with_tolerance_a_failing_item_is_an_event_and_the_rest_goes_on() -> None:
    class Failing(Lengths):
        def before(self, item: workbench.Window) -> None:
            if item.duration > 2.5:
                raise ValueError("too long for me")

    seen = run(Tape(recording(2.0, 3.0, 1.0)), Failing(), tolerance=2)
    assert [t.text for t in transcripts(seen)] == ["2.1", "1.2"]
    assert [event.stage for event in seen if isinstance(event, events.Error)] == ["asr"]


def test_failures_in_a_row_end_the_stream_when_there_are_too_many() -> None:
    class Failing(Lengths):
        def before(self, item: workbench.Window) -> None:
            raise ValueError("no")

    with pytest.raises(StageError):
        run(Tape(recording(1.0, 1.0, 1.0)), Failing(), tolerance=3)


def test_a_stage_of_which_no_engine_is_left_is_named() -> None:
    class Broken(Lengths):
        def process(self, item: workbench.Window, state: Settings) -> Iterator[workbench.Transcript]:
            raise EngineError("the GPU is gone")

    with pytest.raises(StageError, match=r"asr engine 'lengths' failed at .*lengths broke 6 times in a row") as caught:
        run(Tape(recording(*[1.0] * 12)), Broken(), tolerance=100)
    assert caught.value.stage is StageKind.ASR


def test_a_stage_that_always_fails_ends_the_stream_though_the_one_before_it_works() -> None:
    class Mute(Upper):
        def process(self, item: workbench.Transcript, state: Settings) -> Iterator[workbench.Translation]:
            raise ValueError("no words")

    with pytest.raises(StageError, match="translation engine 'upper' failed"):
        run(Tape(recording(*[1.0] * 6)), Lengths(), translator=Mute(None), tolerance=3)


def test_a_detector_that_fails_is_named_and_a_simpler_one_goes_on() -> None:
    class Broken(Loudness):
        def process(self, item: workbench.AudioChunk, state: None) -> list[workbench.Activity]:
            raise ValueError("no ears")

    heard = recording(1.0)
    heard[::2] *= -1  # loudness without its mean is what the simpler one goes by
    seen = run(Tape(heard), Lengths(), detector=Broken(None))
    (error,) = [event for event in seen if isinstance(event, events.Error)]
    assert error.message == "vad engine 'loudness' failed at 0:00.0: ValueError: no ears"
    assert error.hint.startswith("From there on speech is found by the detector 'energy'.")
    assert sum(isinstance(event, events.Transcript) for event in seen) == 1


def test_an_error_of_the_capture_is_passed_on_as_it_is() -> None:
    with pytest.raises(InputError, match="the disk is gone"):
        run(Tape(recording(1.0), error=InputError("the disk is gone")), Lengths())


def test_translations_come_with_their_transcripts_in_order() -> None:
    seen = run(Tape(recording(1.0, 2.0)), Lengths(), translator=Upper(None))
    pairs = [(e.transcript.text, e.translation.text) for e in seen if isinstance(e, events.Translation)]
    assert pairs == [("1.1", "<1.1>"), ("2.2", "<2.2>")]


def test_speech_is_made_of_translations_and_played_in_order() -> None:
    played: list[tuple[int, float]] = []

    async def play(made: workbench.Speech) -> None:
        await asyncio.sleep(0)
        played.append((made.segment_id, float(made.audio.samples[0])))

    run(Tape(recording(1.0, 2.0)), Lengths(), translator=Upper(None), synthesizer=Beep(None), play=play)
    assert played == [(segment, piece) for segment in (0, 1) for piece in (0, 1, 2)]


def test_speech_is_made_of_transcripts_without_a_translator() -> None:
    seen = run(Tape(recording(1.0)), Lengths(), synthesizer=Beep(None))
    assert sum(isinstance(event, events.Speech) for event in seen) == 3


def test_a_segment_is_never_longer_than_the_recognizer_takes() -> None:
    found = transcripts(run(Tape(recording(25.0)), Lengths(window_s=10.0)))
    assert len(found) >= 3
    assert all(float(t.text) <= 10.0 for t in found)
    assert sum(float(t.text) for t in found) == pytest.approx(25.1, abs=0.15)
