"""Live sessions from a scripted source to what is on disk, with engines whose turns the tests arrange."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import pytest

import workbench
from tests import fakes
from tests.fakes import Loudness, outcome, run, until
from workbench import events, sessions
from workbench.engines import Settings
from workbench.errors import DeviceLost, DiskFull, EngineError, MissingError, OutputError, UsageError
from workbench.journal import Journal
from workbench.live import Live, LivePhase, Source
from workbench.models.states import Phase
from workbench.plugins import Registry
from workbench.profiles.schema import Profile, parse_profile
from workbench.recording import Recording
from workbench.recording_info import State
from workbench.types import AudioChunk, Samples, Transcript, Window

RATE = 16_000
Part: TypeAlias = "Samples | Exception | Callable[[], object]"
PROFILE = """
schema = 1
name = "test"
[settings]
language = "en"
[capture]
engine = "script"
[vad]
engine = "loud"
options = { min_silence_ms = 300, speech_pad_ms = 100 }
[asr]
engine = "first"
"""


def speech(seconds: float, value: float = 0.5) -> Samples:
    return np.full(round(seconds * RATE), value, np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


TALK = [part for value in (0.1, 0.2, 0.3, 0.4) for part in (speech(1.0, value), silence(1.0))]
"""Said are "1", "2", "3" and "4"."""


class World:
    """What the engines of one test do; they find it through their class."""

    def __init__(self) -> None:
        self.sources: list[Sequence[Part]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.loading = threading.Event()
        self.loading.set()
        self.entered = threading.Event()
        self.broken: set[str] = set()
        self.source_is_closed = threading.Event()
        self.closed: list[str] = []
        self.heard: list[tuple[str, str]] = []


world = World()


class Script(workbench.Capture):
    """Gives the parts of the next source in chunks of 0.1 s; calls and raises what else stands among them."""

    name = "script"

    class Options(workbench.Options):
        device: str | None = None

    def __init__(self, options: Options) -> None:
        self.label = options.device or "the microphone"

    def open(self, settings: Settings) -> Iterator[AudioChunk]:
        if not world.sources:
            raise MissingError(f"there is no {self.label}")
        return self._parts(world.sources.pop(0))

    def _parts(self, parts: Sequence[Part]) -> Iterator[AudioChunk]:
        try:
            for part in parts:
                if isinstance(part, Exception):
                    raise part
                if callable(part):
                    part()
                    continue
                for first in range(0, len(part), RATE // 10):
                    yield AudioChunk(part[first : first + RATE // 10], RATE, 0.0)
        finally:
            world.source_is_closed.set()


class Loud(Loudness):
    name = "loud"

    def __init__(self, options: Any) -> None:
        super().__init__()


class First(workbench.Recognizer):
    """Hears the loudness of a final window as a word."""

    name = "first"

    def __init__(self, options: Any) -> None:
        world.entered.set()
        assert world.loading.wait(60)
        if f"{self.name} loads" in world.broken:
            raise EngineError("no luck")

    def process(self, item: Window, state: Settings) -> Iterator[Transcript]:
        if not item.is_final:
            return
        assert world.gate.wait(60)
        if self.name in world.broken:
            raise RuntimeError("no luck")
        words = " ".join(sorted({str(round(10 * x)) for x in np.abs(item.samples).round(1).tolist() if x > 0.05}))
        world.heard.append((self.name, words))
        yield item.transcript(words, language="en", start=0.0, end=item.duration)

    def close(self) -> None:
        world.closed.append(self.name)


class Second(First):
    name = "second"


class Third(First):
    name = "third"


class Beep(workbench.Synthesizer):
    name = "beep"
    voices: ClassVar[dict[str, str]] = {"a": "en"}

    def process(self, item: Any, state: Settings) -> Iterator[workbench.Speech]:
        yield workbench.Speech(segment_id=item.segment_id, audio=AudioChunk(speech(0.1), RATE, item.start))


@pytest.fixture(autouse=True)
def new_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_DATA_DIR", str(tmp_path))
    world.__init__()  # type: ignore[misc]


def registry() -> Registry:
    return fakes.registry(Script, Loud, First, Second, Third, Beep)


def profile(asr: str = "first", more: str = "") -> Profile:
    return parse_profile(PROFILE.replace("first", asr) + more)


@asynccontextmanager
async def live(
    *source: Part, chosen: Profile | None = None, loads: bool = True
) -> AsyncIterator[tuple[Live, list[Any]]]:
    """A place whose engines are loaded, and what it told. `source` is what the first source gives."""
    seen: list[Any] = []
    if source:
        world.sources.append(source)
    async with Live(chosen or profile(), registry()) as place:
        place.observe(seen.append)
        place.change()
        if loads:
            await place.settled()
        yield place, seen


def is_interim(event: events.Event) -> bool:
    return isinstance(event, events.Transcript) and not event.transcript.is_final


def texts(recording: Recording | None) -> list[str]:
    assert recording is not None
    return [caption.transcript.text for caption in recording.captions()]


def test_what_is_heard_is_stored_recognized_and_listed() -> None:
    async def test() -> None:
        async with live(*TALK) as (place, seen):
            await place.start(Source())
            assert place.phase is LivePhase.RECORDING
            await place.finished()
            assert place.status().phase is LivePhase.IDLE
            assert place.status().backlog == pytest.approx(0.0, abs=1e-3)
        assert [event.type for event in seen][-1] == "done"
        (recording,) = sessions.recordings()
        assert texts(recording) == ["1", "2", "3", "4"]
        info = recording.info()
        assert (info.state, info.duration, info.source) == (State.FINISHED, 8.0, "the microphone")
        told = [event.to_dict() for event in seen if not is_interim(event)]
        assert [event.to_dict() for event in recording.events()] == told

    run(test)


def test_interim_text_is_shown_and_not_kept() -> None:
    async def test() -> None:
        is_shown = threading.Event()
        async with live(speech(1.0, 0.1), silence(0.2), is_shown.wait, silence(1.0)) as (place, seen):
            await place.start(Source())
            await until(lambda: any(map(is_interim, seen)))
            is_shown.set()
            await place.finished()
        assert place.recording is not None
        kept = place.recording.events()
        assert texts(place.recording) == ["1"]
        assert not any(map(is_interim, kept))

    run(test)


def test_capture_begins_while_engines_are_still_loading() -> None:
    async def test() -> None:
        world.loading.clear()
        async with live(*TALK, world.loading.set, loads=False) as (place, _):
            await place.start(Source())
            await place.finished()
            assert texts(place.recording) == ["1", "2", "3", "4"]

    run(test)


def test_stopping_works_off_what_was_captured() -> None:
    async def test() -> None:
        world.gate.clear()
        captured = threading.Event()
        async with live(*TALK, captured.set, *[silence(0.1)] * 5000) as (place, _):
            await place.start(Source())
            await asyncio.to_thread(captured.wait, 60)
            place.stop()
            await until(lambda: place.phase is LivePhase.FINISHING)
            assert place.status().backlog > 5.0
            world.gate.set()
            await place.finished()
            assert texts(place.recording) == ["1", "2", "3", "4"]
            assert place.recording is not None
            assert place.recording.state is State.FINISHED

    run(test)


def test_what_is_discarded_is_not_recognized_and_its_audio_stays() -> None:
    async def test() -> None:
        world.gate.clear()
        async with live(*TALK) as (place, seen):
            await place.start(Source())
            await until(lambda: place.phase is LivePhase.FINISHING)
            asyncio.get_running_loop().call_later(0.01, world.gate.set)
            place.discard()
            await place.finished()
            recording = place.recording
            assert recording is not None
            assert (seen[-1].type, seen[-1].code) == ("error", "unfinished")
            assert str(recording.audio) in seen[-1].hint
            assert texts(recording) != ["1", "2", "3", "4"]
            assert (recording.state, recording.duration) == (State.FINISHED, 8.0)

    run(test)


def test_a_session_that_was_left_is_finished_without_losing_or_repeating_a_word() -> None:
    async def test() -> None:
        said = threading.Event()
        parts: list[Part] = [*TALK[:5], said.set, *[speech(0.1, 0.3)] * 500]
        async with live(*parts) as (place, seen):
            await place.start(Source())
            await asyncio.to_thread(said.wait, 60)
            await until(lambda: [event.type for event in seen].count("progress") >= 2)
        (recording,) = sessions.interrupted()
        before = texts(recording)
        assert before[:2] == ["1", "2"]
        async with live() as (place, _):
            await place.finish(recording)
            await place.finished()
        assert texts(recording)[:2] == ["1", "2"]
        assert set(texts(recording)[2:]) == {"3"}
        assert recording.state is State.FINISHED

    run(test)


def test_a_session_goes_on_where_it_ended() -> None:
    async def test() -> None:
        async with live(*TALK[:4]) as (place, _):
            await place.start(Source())
            await place.finished()
            world.sources.append(TALK[4:])
            await place.start(Source(), place.recording)
            await place.finished()
            assert texts(place.recording) == ["1", "2", "3", "4"]
            assert place.recording is not None
            captions = place.recording.captions()
            assert captions[2].transcript.start == pytest.approx(3.9, abs=0.2)
            assert len({caption.transcript.segment_id for caption in captions}) == 4

    run(test)


def test_another_engine_takes_over_while_it_records_and_no_word_is_lost() -> None:
    async def test() -> None:
        second_is_there = threading.Event()
        parts: list[Part] = [*TALK[:4], second_is_there.wait, *TALK[4:]]
        async with live(*parts) as (place, _):
            await place.start(Source())
            await until(lambda: len(world.heard) == 2)
            place.change(profile=profile("second"))
            await place.settled()
            second_is_there.set()
            await place.finished()
            assert texts(place.recording) == ["1", "2", "3", "4"]
            assert [name for name, _ in world.heard] == ["first", "first", "second", "second"]
            assert world.closed == ["first"]
            assert [state.engine for state in place.states] == ["loud", "second"]

    run(test)


def test_nobody_who_shares_the_session_unloads_the_engines_of_live_audio() -> None:
    async def test() -> None:
        async with live() as (place, _):
            await place.session.release(None)
            assert [state.engine for state in place.states] == ["loud", "first"]
            place.change(profile=profile("second"))
            await place.settled()
            await place.session.release(None)
            assert [state.engine for state in place.states] == ["loud", "second"]

    run(test)


def test_of_several_changes_while_something_loads_the_newest_counts() -> None:
    async def test() -> None:
        async with live() as (place, _):
            world.loading.clear()
            world.entered.clear()
            place.change(profile=profile("second"))
            await asyncio.to_thread(world.entered.wait, 60)
            place.change(profile=profile("first"))
            place.change(profile=profile("third"))
            assert [state.next for state in place.states if state.engine == "second"] == ["third"]
            world.loading.set()
            await place.settled()
            assert [state.engine for state in place.states] == ["loud", "third"]

    run(test)


def test_what_cannot_be_loaded_leaves_the_engines_that_work() -> None:
    async def test() -> None:
        world.broken.add("second loads")
        async with live(*TALK) as (place, seen):
            place.change(profile=profile("second"))
            assert isinstance(await outcome(place.settled()), EngineError)
            assert "no luck" in seen[-1].message
            assert [s.phase for s in place.states if s.engine == "second"] == [Phase.FAILED]
            assert place.session.profile is place.profile
            assert place.profile == profile("first"), "what is used is what is wanted again"
            await place.start(Source())
            await place.finished()
            assert texts(place.recording) == ["1", "2", "3", "4"]

    run(test)


def test_capture_goes_on_when_a_stage_fails_and_another_engine_works_it_off() -> None:
    async def test() -> None:
        world.broken.add("first")
        is_changed = threading.Event()
        async with live(*TALK, is_changed.wait, *TALK) as (place, seen):
            await place.start(Source())
            await until(lambda: sum(event.type == "error" for event in seen) >= 3)
            place.change(profile=profile("second"))
            is_changed.set()
            await place.finished()
            assert place.recording is not None
            assert place.recording.info().duration == 16.0
            assert texts(place.recording) == ["1", "2", "3", "4"] * 2

    run(test)


def test_with_no_engine_that_works_what_was_captured_is_kept() -> None:
    async def test() -> None:
        world.broken.add("first loads")
        async with live(*TALK, loads=False) as (place, seen):
            await place.start(Source())
            await place.finished()
            assert seen[-1].code == "unfinished"
            assert place.recording is not None
            assert (place.recording.state, place.recording.duration) == (State.INTERRUPTED, 8.0)

    run(test)


def test_a_device_that_is_not_there_leaves_no_session_behind() -> None:
    async def test() -> None:
        async with live() as (place, _):
            with pytest.raises(MissingError, match="there is no headset"):
                await place.start(Source("headset"))
            assert place.phase is LivePhase.IDLE
        assert sessions.recordings() == []

    run(test)


def test_a_lost_device_and_its_return_are_in_the_journal() -> None:
    async def test() -> None:
        async with live(*TALK[:2], DeviceLost("the cable is out")) as (place, _):
            world.sources.append(TALK[2:4])
            await place.start(Source())
            await place.finished()
            assert place.recording is not None
            types = [event.type for event in place.recording.events()]
            assert types.index("device_lost") < types.index("device_returned")
            assert texts(place.recording) == ["1", "2"]

    run(test)


class FullFor:
    """A disk that takes no journal from one text that is shown to another; None: to the end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, first: str, last: str | None) -> None:
        self.first, self.last, self.is_full = first, last, False
        write = Journal.write

        def refusing(journal: Journal, event: events.Event) -> None:
            if self.is_full:
                raise DiskFull("the disk is full")
            write(journal, event)

        monkeypatch.setattr(Journal, "write", refusing)

    def __call__(self, event: events.Event) -> None:
        if is_interim(event) or not isinstance(event, events.Transcript):
            return
        if event.transcript.text in (self.first, self.last):
            self.is_full = event.transcript.text == self.first


def test_a_journal_that_is_refused_for_a_while_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with live(*TALK) as (place, seen):
            place.observe(FullFor(monkeypatch, "1", "3"))
            await place.start(Source())
            await place.finished()
            assert texts(place.recording) == ["1", "2", "3", "4"]
            assert place.recording is not None
            assert place.recording.state is State.FINISHED
        assert [event.stage for event in seen if isinstance(event, events.Error)] == ["journal"]

    run(test)


def test_captions_that_the_journal_never_took_are_told_and_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with live(*TALK) as (place, seen):
            disk = FullFor(monkeypatch, "2", None)
            place.observe(disk)
            await place.start(Source())
            with pytest.raises(OutputError, match="2 captions are not stored") as raised:
                await place.finished()
            recording = place.recording
            assert recording is not None
            assert f"workbench sessions finish {recording.name}" in raised.value.hint
            assert (texts(recording), recording.state) == (["1", "2"], State.INTERRUPTED)
            assert len([event for event in seen if isinstance(event, events.Error)]) == 2
            disk.is_full, disk.first = False, ""
            await place.finish(recording)
            await place.finished()
            assert (texts(recording), recording.state) == (["1", "2", "3", "4"], State.FINISHED)

    run(test)


def test_only_one_session_runs_at_a_time() -> None:
    async def test() -> None:
        held = threading.Event()
        async with live(silence(0.1), held.wait, silence(0.1)) as (place, _):
            await place.start(Source())
            with pytest.raises(UsageError, match="runs already"):
                await place.start(Source())
            held.set()
            await place.finished()

    run(test)


def test_listening_measures_and_stores_nothing() -> None:
    async def test() -> None:
        async with live(*[speech(0.1)] * 5000) as (place, _):
            await place.listen(Source())
            await until(lambda: place.meter.read().peak_db > -7)
            await place.unlisten()
            assert place.phase is LivePhase.IDLE
        assert sessions.recordings() == []

    run(test)


def test_leaving_while_it_listens_ends_that() -> None:
    async def test() -> None:
        async with live(*[speech(0.1)] * 100_000) as (place, _):
            await place.listen(Source())

    run(test)


def test_pausing_lets_no_time_pass() -> None:
    async def test() -> None:
        said, paused = threading.Event(), threading.Event()
        async with live(*TALK[:2], said.set, paused.wait, silence(0.1), silence(9.0)) as (place, _):
            world.sources.append(TALK[2:4])
            await place.start(Source())
            await asyncio.to_thread(said.wait, 60)
            place.pause()
            paused.set()
            assert place.phase is LivePhase.PAUSED
            await asyncio.to_thread(world.source_is_closed.wait, 60)
            await until(lambda: len(world.heard) == 1)
            place.resume()
            await place.finished()
            assert texts(place.recording) == ["1", "2"]
            assert place.status().captured < 4.5

    run(test)


def test_without_stages_audio_is_only_stored() -> None:
    async def test() -> None:
        chosen = profile(more="[live]\ndetect = false\nrecognize = false\n")
        async with live(*TALK, chosen=chosen) as (place, seen):
            await place.start(Source())
            await place.finished()
            assert place.states == ()
            assert [event.type for event in seen] == ["ready", "done"]
            assert place.recording is not None
            assert place.recording.state is State.FINISHED

    run(test)


def test_speech_is_played_and_not_heard_as_input(monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[Any] = []

    class Loudspeaker:
        active = False

        async def play(self, audio: AudioChunk) -> None:
            played.append(audio)
            Loudspeaker.active = True

        async def drain(self) -> None:
            played.append("drained")

        async def close(self) -> None:
            played.append("closed")

        def stop_now(self) -> None:
            """Nothing waits."""

    monkeypatch.setattr("workbench.audio.playback.Player", Loudspeaker)

    async def test() -> None:
        is_played = threading.Event()
        chosen = profile(more=SPEAKS)
        async with live(*TALK[:2], is_played.wait, *TALK[2:], chosen=chosen) as (place, _):
            await place.start(Source())
            await until(lambda: Loudspeaker.active)
            is_played.set()
            await place.finished()
            assert texts(place.recording) == ["1"], "the rest is what the loudspeaker says"
            assert played[1:] == ["drained", "closed"]
            assert place.recording is not None
            assert place.recording.duration == 8.0

    run(test)


def test_a_session_that_was_left_while_it_spoke_does_not_hear_itself_when_it_is_finished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Loudspeaker:
        active = False

        async def play(self, audio: AudioChunk) -> None:
            Loudspeaker.active = True

        async def close(self) -> None:
            """There is nothing to close."""

        def stop_now(self) -> None:
            """Nothing waits."""

    monkeypatch.setattr("workbench.audio.playback.Player", Loudspeaker)

    async def test() -> None:
        is_played, is_stored, is_over = threading.Event(), threading.Event(), threading.Event()

        def heard_out() -> None:
            Loudspeaker.active = False
            world.gate.clear()

        parts: list[Part] = [*TALK[:2], is_played.wait, *TALK[2:4], heard_out, *TALK[4:], is_stored.set, is_over.wait]
        async with live(*parts, chosen=profile(more=SPEAKS)) as (place, _):
            await place.start(Source())
            await until(lambda: Loudspeaker.active)
            is_played.set()
            assert await asyncio.to_thread(is_stored.wait, 60)
            is_over.set()
            world.gate.set()
        recording = place.recording
        assert recording is not None
        assert recording.state is State.INTERRUPTED
        async with live() as (place, _):
            await place.finish(recording)
            await place.finished()
        assert texts(recording) == ["1", "3", "4"], "2 is what the loudspeaker said"

    run(test)


draining: list[Any] = []


class Broken:
    """A loudspeaker that is gone when the last speech is to be heard."""

    active = False
    waits = False

    async def play(self, audio: AudioChunk) -> None:
        """Takes everything."""

    async def drain(self) -> None:
        if not self.waits:
            raise OutputError("the loudspeaker is gone")
        self.stopped = asyncio.Event()
        draining.append(self)
        await self.stopped.wait()

    def stop_now(self) -> None:
        for player in draining:
            player.stopped.set()

    async def close(self) -> None:
        """There is nothing to close."""


SPEAKS = '[tts]\nengine = "beep"\n[live]\nspeak = true\n'


def test_speech_that_cannot_be_heard_is_told_and_spoils_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.audio.playback.Player", Broken)

    async def test() -> None:
        async with live(*TALK[:2], chosen=profile(more=SPEAKS)) as (place, seen):
            await place.start(Source())
            await place.finished()
            assert texts(place.recording) == ["1"]
            assert (seen[-1].type, seen[-1].message) == ("error", "the loudspeaker is gone")

    run(test)


def test_discarding_while_the_last_speech_is_heard_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.audio.playback.Player", Broken)
    monkeypatch.setattr(Broken, "waits", True)
    draining.clear()

    async def test() -> None:
        async with live(*TALK[:2], chosen=profile(more=SPEAKS)) as (place, _):
            await place.start(Source())
            await until(lambda: bool(draining))
            place.discard()
            await place.finished()
            assert texts(place.recording) == ["1"]

    run(test)


def test_a_capture_that_breaks_ends_the_session_and_nothing_is_lost() -> None:
    async def test() -> None:
        async with live(*TALK[:4], ValueError("a bug of a plugin")) as (place, seen):
            await place.start(Source())
            error = await outcome(place.finished())
            assert "a bug of a plugin" in str(error)
            assert texts(place.recording) == ["1", "2"]
            assert any("a bug of a plugin" in event.message for event in seen if isinstance(event, events.Error))

    run(test)


def test_an_engine_that_takes_over_while_the_one_before_gives_up_gets_the_work() -> None:
    async def test() -> None:
        world.broken.add("first")
        world.gate.clear()
        async with live(*TALK) as (place, _):
            await place.start(Source())
            await until(lambda: place.phase is LivePhase.FINISHING)
            place.change(profile=profile("second"))
            await until(lambda: "second" in [stage.engine for stage in place.status().stages])
            world.gate.set()
            await place.finished()
            assert texts(place.recording) == ["1", "2", "3", "4"]

    run(test)


def test_a_session_that_goes_on_with_no_audio_has_lost_nothing() -> None:
    async def test() -> None:
        async with live(*TALK[:4]) as (place, seen):
            await place.start(Source())
            await place.finished()
            seen.clear()
            world.sources.append([lambda: None])
            await place.start(Source(), place.recording)
            await place.finished()
            assert [event.type for event in seen] == ["ready", "done"]
            assert place.status().backlog == pytest.approx(0.0, abs=1e-3)

    run(test)


def test_a_session_that_captured_nothing_is_not_kept() -> None:
    async def test() -> None:
        async with live(lambda: world.gate.wait(60)) as (place, seen):
            world.gate.clear()
            await place.start(Source())
            assert len(sessions.recordings()) == 1
            place.stop()
            world.gate.set()
            await place.finished()
            assert [event.type for event in seen if event.type == "error"] == []
            assert place.recording is None
            assert sessions.recordings() == []

    run(test)


def test_what_failed_at_the_end_can_be_finished_later() -> None:
    async def test() -> None:
        two_are_there = threading.Event()
        parts: list[Part] = [*TALK[:4], two_are_there.wait, *TALK[4:]]
        async with live(*parts) as (place, seen):
            await place.start(Source())
            await until(lambda: [event.type for event in seen].count("progress") >= 2)
            world.broken.add("first")
            two_are_there.set()
            await place.finished()
            recording = place.recording
            assert recording is not None
            assert (seen[-1].type, seen[-1].code, recording.state) == ("error", "unfinished", State.INTERRUPTED)
            world.broken.clear()
            await place.finish(recording)
            await place.finished()
            assert (texts(recording), recording.state) == (["1", "2", "3", "4"], State.FINISHED)

    run(test)


def test_leaving_does_not_wait_for_an_engine_that_hangs_and_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.live.live.LEAVE_S", 0.2)
    monkeypatch.setattr("workbench.live.live._PATIENCE_S", 0.0)
    hangs, is_stored, let_go = threading.Event(), threading.Event(), threading.Event()

    def process(self: First, item: Window, state: Settings) -> Iterator[Transcript]:
        hangs.set()
        assert let_go.wait(60)
        return iter(())

    monkeypatch.setattr(First, "process", process)

    async def test() -> None:
        async with live(*TALK[:2], is_stored.set) as (place, seen):
            await place.start(Source())
            assert await asyncio.to_thread(lambda: hangs.wait(60) and is_stored.wait(60))
        told = [event for event in seen if event.type == "error"]
        assert ("busy", "asr engine 'first' is still at work") in [(event.code, event.message) for event in told]
        assert not any("loaded" in event.message for event in told)
        assert place.recording is not None
        assert (place.recording.state, place.recording.duration) == (State.INTERRUPTED, 2.0)

    try:
        run(test)
    finally:
        let_go.set()


def test_leaving_before_a_session_has_begun_ends_it() -> None:
    async def test() -> None:
        world.loading.clear()
        async with live(*[silence(0.1)] * 50, loads=False) as (place, _):
            await place.start(Source())
            asyncio.get_running_loop().call_soon(world.loading.set)

    run(test)


def test_discarding_before_a_session_has_begun_drops_it() -> None:
    async def test() -> None:
        async with live(*TALK) as (place, seen):
            await place.start(Source())
            place.discard()
            await place.finished()
            assert "ready" not in [event.type for event in seen]
            assert place.phase is LivePhase.IDLE

    run(test)


def test_stopping_shows_at_once_though_the_source_gives_nothing() -> None:
    async def test() -> None:
        hung = threading.Event()
        async with live(*TALK[:2], hung.wait) as (place, _):
            await place.start(Source())
            place.stop()
            assert place.status().phase is LivePhase.FINISHING
            hung.set()
            await place.finished()
            place.stop()
            assert place.status().phase is LivePhase.IDLE

    run(test)


def test_of_two_who_begin_at_once_one_is_refused() -> None:
    async def test() -> None:
        async with live(*TALK) as (place, _):
            world.sources.append(TALK)
            begun = await asyncio.gather(*(outcome(place.start(Source())) for _ in range(2)))
            assert [type(one) for one in begun] == [type(None), UsageError]
            await place.finished()
        assert len(sessions.recordings()) == 1

    run(test)


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """(a source is being opened, it may go on)"""
    entered, allowed, is_open = threading.Event(), threading.Event(), Script.open

    def open(self: Script, settings: Settings) -> Iterator[AudioChunk]:
        chunks = is_open(self, settings)
        next(chunks)
        entered.set()
        assert allowed.wait(60)
        return chunks

    monkeypatch.setattr(Script, "open", open)
    yield entered, allowed
    allowed.set()


def test_a_source_whose_opening_is_cancelled_is_closed(opening: tuple[threading.Event, threading.Event]) -> None:
    async def test() -> None:
        entered, allowed = opening
        async with live(*TALK) as (place, _):
            start = asyncio.create_task(outcome(place.start(Source())))
            await asyncio.to_thread(entered.wait, 60)
            start.cancel()
            asyncio.get_running_loop().call_soon(allowed.set)
            await asyncio.wait([start])
            assert world.source_is_closed.is_set()
            assert place.phase is LivePhase.IDLE

    run(test)


def test_leaving_while_a_source_is_being_opened_closes_it(opening: tuple[threading.Event, threading.Event]) -> None:
    async def test() -> None:
        entered, allowed = opening
        async with live(*TALK) as (place, _):
            start = asyncio.create_task(outcome(place.start(Source())))
            await asyncio.to_thread(entered.wait, 60)
        allowed.set()
        assert isinstance(await start, UsageError)
        assert world.source_is_closed.is_set()
        assert sessions.recordings() == []

    run(test)
