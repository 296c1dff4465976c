"""From a source to the disk, whatever becomes of either."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from tests.fakes import stopwatch
from workbench import events
from workbench.audio.gate import Gate
from workbench.audio.levels import Meter
from workbench.audio.wav import WavWriter
from workbench.builtin.file import FileCapture
from workbench.engines import Capture, Settings
from workbench.errors import DeviceLost, EngineError, InputError, MissingError, OutputError
from workbench.recorder import Recorder
from workbench.types import AudioChunk, Samples

RATE = 16_000
Part: TypeAlias = "Samples | Exception | Callable[[], object]"


def tone(seconds: float, value: float = 0.5) -> Samples:
    return np.full(round(seconds * RATE), value, np.float32)


class Script(Capture):
    """Gives each part as a chunk; raises or calls what is none."""

    name = "script"

    def __init__(self, *parts: Part, label: str = "USB Audio") -> None:
        self.parts, self.label = parts, label
        self.closed = threading.Event()

    def open(self, settings: Settings) -> Iterator[AudioChunk]:
        try:
            for part in self.parts:
                if isinstance(part, Exception):
                    raise part
                if callable(part):
                    part()
                else:
                    yield AudioChunk(part, RATE, 0.0)
        finally:
            self.closed.set()


@dataclass
class Kept:
    """A store in memory, which may be full."""

    parts: list[Samples] = field(default_factory=list)
    full: bool = False

    @property
    def samples(self) -> Samples:
        return np.concatenate([tone(0), *self.parts])

    @property
    def end(self) -> float:
        return len(self.samples) / RATE

    def append(self, samples: Samples) -> None:
        if self.full:
            raise OutputError("the disk is full", hint="Free some.")
        self.parts.append(samples)

    def append_silence(self, seconds: float) -> None:
        self.parts.append(tone(seconds, 0.0))


class Desk:
    """A recorder, and what it told."""

    def __init__(self, *sources: Capture | Exception, muted: Callable[[], bool] = lambda: False) -> None:
        self.told: list[events.Event] = []
        self.store = Kept()
        self.meter = Meter()
        self.recorder = Recorder(self.meter, self.told.append, muted=muted)
        self._sources = iter(sources)

    def source(self) -> Capture:
        source = next(self._sources)
        if isinstance(source, Exception):
            raise source
        return source

    def record(self, **how: Any) -> Samples:
        self.recorder.open(self.source, Settings())
        self.recorder.record(self.store, **how)
        return self.store.samples

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.told]


def test_everything_a_source_gives_is_stored_in_order() -> None:
    desk = Desk(Script(tone(0.1, 0.1), tone(0.3, 0.2), tone(0.2, 0.3)))
    assert np.array_equal(desk.record(), np.concatenate([tone(0.1, 0.1), tone(0.3, 0.2), tone(0.2, 0.3)]))
    assert desk.recorder.label == "USB Audio"
    assert desk.told == []
    assert desk.meter.read().max_db == pytest.approx(-10.46, abs=0.1)


def test_a_source_that_cannot_be_opened_is_an_error() -> None:
    desk = Desk(MissingError("no such device"))
    with pytest.raises(MissingError, match="no such device"):
        desk.record()


def test_a_source_that_breaks_is_no_lost_device() -> None:
    desk = Desk(Script(tone(0.1), InputError("the file is damaged")))
    with pytest.raises(InputError, match="damaged"):
        desk.record()
    assert desk.store.end == 0.1
    assert desk.told == []


def test_a_lost_source_is_named_and_silence_stands_where_it_was_gone() -> None:
    lost = Script(tone(0.5), DeviceLost("USB Audio is gone"))
    desk = Desk(lost, MissingError("no such device"), Script(tone(0.25), label="USB Audio 2"))
    samples = desk.record()
    gone, back = desk.told
    assert isinstance(gone, events.DeviceLost)
    assert isinstance(back, events.DeviceReturned)
    assert (gone.device, gone.position, gone.message) == ("USB Audio", 0.5, "USB Audio is gone")
    assert (back.device, back.start) == ("USB Audio 2", 0.5)
    assert 0.15 < back.end - back.start < 5.0, "as long as it took"
    assert np.array_equal(samples[: RATE // 2], tone(0.5))
    assert not samples[RATE // 2 : round(back.end * RATE)].any()
    assert np.array_equal(samples[round(back.end * RATE) :], tone(0.25))
    assert lost.closed.is_set()
    assert not desk.recorder.is_lost


def test_a_source_that_opens_and_gives_nothing_stays_lost_and_is_not_asked_again_at_once() -> None:
    asked: list[float] = []

    def begins() -> None:
        asked.append(time.monotonic())

    dead = [Script(begins, DeviceLost("gone again")) for _ in range(2)]
    desk = Desk(Script(tone(0.5), DeviceLost("gone")), *dead, Script(begins, tone(0.1)))
    began = time.monotonic()
    desk.record()
    assert desk.types == ["device_lost", "device_returned"]
    first, second, last = asked
    assert second - first > 0.15
    gone_s = desk.store.end - 0.5 - 0.1
    assert last - first - 0.15 <= gone_s <= time.monotonic() - began + 0.15, "time goes on"


def test_the_time_that_a_source_takes_to_begin_is_silence_too() -> None:
    def slowly() -> None:
        assert not threading.Event().wait(0.3)

    desk = Desk(Script(tone(0.5), DeviceLost("gone")), Script(slowly, tone(0.1)))
    desk.record()
    (back,) = (event for event in desk.told if isinstance(event, events.DeviceReturned))
    assert 0.15 < back.end - back.start < 5.0


def test_it_stops_where_enough_is_stored_though_the_source_is_lost() -> None:
    desk = Desk(Script(tone(0.5), DeviceLost("gone")), *[MissingError("still gone")] * 100)
    samples = desk.record(until=0.7)
    assert 0.7 <= len(samples) / RATE < 2.0


def test_audio_at_another_rate_is_refused() -> None:
    class Fast(Script):
        def open(self, settings: Settings) -> Iterator[AudioChunk]:
            yield AudioChunk(tone(0.1), 48_000, 0.0)

    desk = Desk(Fast())
    with pytest.raises(EngineError, match="'script' gave audio at 48000 Hz"):
        desk.record()
    assert desk.store.end == 0.0


def test_stopping_while_a_source_is_lost_ends_at_once() -> None:
    desk = Desk(Script(tone(0.5), DeviceLost("gone")), MissingError("still gone"))
    told = desk.recorder._tell

    def stop(event: events.Event) -> None:
        told(event)
        desk.recorder.stop()

    desk.recorder._tell = stop
    desk.record()
    assert desk.types == ["device_lost"]


def test_another_source_goes_on_after_the_chunk_at_hand() -> None:
    second = Script(tone(0.2, 0.2), label="Headset")
    desk = Desk()
    first = Script(tone(0.1, 0.1), lambda: desk.recorder.use(lambda: second), tone(0.1, 0.1), tone(9.0))
    desk._sources = iter([first])
    samples = desk.record()
    assert np.array_equal(samples[: RATE // 5], tone(0.2, 0.1))
    assert np.array_equal(samples[-RATE // 5 :], tone(0.2, 0.2))
    assert desk.store.end < 1.0
    assert first.closed.is_set()
    assert desk.recorder.label == "Headset"


def test_another_source_that_cannot_be_opened_counts_as_lost() -> None:
    desk = Desk()

    def use_nothing() -> None:
        desk.recorder.use(missing)

    def missing() -> Capture:
        desk.recorder.stop()
        raise MissingError("no such device")

    desk._sources = iter([Script(tone(0.1), use_nothing, tone(0.1), tone(9.0))])
    desk.record()
    assert desk.types == ["device_lost"]


def test_no_time_passes_in_a_pause_and_the_source_is_closed() -> None:
    desk = Desk()
    first, second = Script(tone(0.1), lambda: desk.recorder.pause(), tone(0.1), tone(9.0)), Script(tone(0.1))
    desk._sources = iter([first, second])

    def resume() -> None:
        assert first.closed.wait(60)
        desk.recorder.resume()

    other = threading.Thread(target=resume)
    other.start()
    samples = desk.record()
    other.join()
    assert np.array_equal(samples, tone(0.3))
    assert desk.told == []


def test_a_file_goes_on_where_it_was_paused() -> None:
    desk, paused = Desk(), threading.Event()

    def pause() -> None:
        desk.recorder.pause()
        paused.set()

    file = Script(tone(0.1, 0.1), pause, tone(0.1, 0.2), tone(0.1, 0.3))
    file.duration = 0.3
    desk._sources = iter([file])

    def resume() -> None:
        assert paused.wait(60)
        assert not file.closed.wait(0.05), "it stays open"
        desk.recorder.resume()

    other = threading.Thread(target=resume)
    other.start()
    assert np.array_equal(desk.record(), np.concatenate([tone(0.1, 0.1), tone(0.1, 0.2), tone(0.1, 0.3)]))
    other.join()
    assert desk.told == []


def test_stopping_in_a_pause_ends_it() -> None:
    desk = Desk()
    first = Script(tone(0.1), lambda: desk.recorder.pause(), tone(0.1), tone(9.0))
    desk._sources = iter([first])

    def stop() -> None:
        assert first.closed.wait(60)
        desk.recorder.stop()

    other = threading.Thread(target=stop)
    other.start()
    assert len(desk.record()) == RATE // 5
    other.join()


def test_it_stops_after_the_chunk_at_hand() -> None:
    desk = Desk()
    desk._sources = iter([Script(tone(0.1), lambda: desk.recorder.stop(), tone(0.1), tone(9.0))])
    assert len(desk.record()) == RATE // 5


@pytest.mark.parametrize("early", [False, True], ids=["while it waits", "before it waits"])
def test_a_file_that_waits_for_its_time_is_stopped_at_once(tmp_path: Path, early: bool) -> None:
    with WavWriter(tmp_path / "slow.wav", RATE) as writer:
        writer.write(tone(1))
        writer.commit()
    desk = Desk(FileCapture(FileCapture.Options(path=tmp_path / "slow.wav", pace=0.001)))
    desk.recorder.open(desk.source, Settings())
    stopping = threading.Timer(0.05, desk.recorder.stop)
    desk.recorder.stop() if early else stopping.start()
    with stopwatch() as passed:
        desk.recorder.record(desk.store)
        assert passed() < 1
    assert desk.store.end == 0
    assert desk.told == []


def test_it_stops_where_enough_is_stored() -> None:
    assert len(Desk(Script(*[tone(0.1)] * 50)).record(until=0.35)) == round(0.4 * RATE)


def test_digital_silence_is_told_once_and_so_is_its_end() -> None:
    desk = Desk(Script(tone(2.0, 0.0), tone(1.0, 0.0), tone(5.0, 0.0), tone(0.1), tone(1.0, 0.0)))
    desk.record()
    none, some = desk.told
    assert isinstance(none, events.NoSignal)
    assert isinstance(some, events.SignalReturned)
    assert (none.device, none.position) == ("USB Audio", 2.0)
    assert some.position == 8.0


def test_quiet_noise_is_a_signal() -> None:
    desk = Desk(Script(tone(9.0, 3 / 32768)))
    desk.record()
    assert desk.told == []


def test_samples_that_nobody_took_in_time_are_counted() -> None:
    class Hasty(Script):
        def open(self, settings: Settings) -> Iterator[AudioChunk]:
            for chunk in super().open(settings):
                self.overflows += 2
                yield chunk

    desk = Desk(Hasty(tone(0.1), tone(0.1)))
    desk.record()
    assert [event.count for event in desk.told if isinstance(event, events.Overflow)] == [2, 4]
    assert desk.recorder.overflows == 4


def test_what_a_full_disk_does_not_take_is_counted_and_silence_stands_for_it() -> None:
    desk = Desk()

    def full(value: bool) -> Callable[[], None]:
        return lambda: setattr(desk.store, "full", value)

    parts: Sequence[Part] = (tone(0.1), full(True), *[tone(0.1)] * 5, full(False), tone(0.1))
    desk._sources = iter([Script(*parts)])
    samples = desk.record()
    assert desk.types == ["error"], "told once"
    assert desk.recorder.dropped_s == pytest.approx(0.5)
    assert not samples[RATE // 10 : -RATE // 10].any()
    assert len(samples) == round(0.7 * RATE), "no more silence than what it stands for"


def test_what_is_heard_while_muted_is_stored_and_taken_out() -> None:
    muted = False
    desk = Desk(muted=lambda: muted)

    def mute(value: bool) -> Callable[[], None]:
        def change() -> None:
            nonlocal muted
            muted = value

        return change

    desk._sources = iter([Script(tone(0.1), mute(True), tone(0.1), tone(0.1), mute(False), tone(0.1))])
    gate = Gate()
    samples = desk.record(gate=gate)
    assert np.array_equal(samples, tone(0.4))
    heard = gate.let_through(AudioChunk(samples, RATE, 0.0)).samples
    assert np.array_equal(heard, np.concatenate([tone(0.1), tone(0.2, 0.0), tone(0.1)]))
    assert desk.told == [events.Muted(position=0.1), events.Unmuted(position=0.3)]


def test_a_recording_that_ended_muted_lets_through_what_comes_when_it_goes_on() -> None:
    desk, gate = Desk(Script(tone(0.1))), Gate()
    gate.turn(0.2)
    desk.store.append(tone(0.5))
    desk.record(gate=gate)
    assert desk.told == [events.Unmuted(position=0.5)]
    assert not gate.let_through(AudioChunk(tone(0.3), RATE, 0.2)).samples.any()
    assert gate.let_through(AudioChunk(tone(0.1), RATE, 0.5)).samples.all()
