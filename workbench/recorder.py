"""From a live source onto the disk. Nothing that comes after it can make it lose a sample."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final, Protocol, TypeAlias

import numpy as np

from workbench import events
from workbench.audio.gate import Gate
from workbench.audio.levels import Meter
from workbench.engines import Settings
from workbench.errors import DeviceLost, InputError, MissingError, OutputError, WorkbenchError
from workbench.source import OpenedSource, OpenSource, Silence
from workbench.types import SAMPLE_RATE, AudioChunk, Samples

RETRY_S: Final = (0.2, 0.5, 1.0, 2.0)
"""Seconds between two tries to open a lost source; the last one goes on."""
_TICK_S: Final = 0.1
"""Between two pieces of the silence that stands for a lost source."""

Tell: TypeAlias = Callable[[events.Event], None]


class Store(Protocol):
    """Where samples go: a `Spool`."""

    @property
    def end(self) -> float: ...

    def append(self, samples: Samples) -> None: ...

    def append_silence(self, seconds: float) -> None: ...


class Nowhere:
    """Keeps nothing: for a look at the level."""

    def __init__(self) -> None:
        self.end = 0.0

    def append(self, samples: Samples) -> None:
        self.append_silence(len(samples) / SAMPLE_RATE)

    def append_silence(self, seconds: float) -> None:
        self.end += seconds


class Recorder:
    """`record` runs in a thread; everything else may be called from any. `tell` is called in that thread.

    When the source is lost, silence takes its place and it is opened again and again until it is back. When the disk
    does not take samples, they are counted, and silence takes their place once it does again.
    """

    def __init__(self, meter: Meter, tell: Tell, *, muted: Callable[[], bool] = lambda: False) -> None:
        """What is heard while `muted` is stored, and noted in the gate of `record`."""
        self.label = ""
        """What people call the source."""
        self.is_lost = False
        self.overflows = 0
        self.is_refused = False
        """Whether the disk did not take the last samples."""
        self.dropped_s = 0.0
        """Seconds of audio that the disk did not take."""
        self._store: Store = Nowhere()
        self._meter = meter
        self._tell = tell
        self._is_muted = muted
        self._gate = Gate()
        self._source: OpenSource | None = None
        self._settings = Settings()
        self._opened: OpenedSource | None = None
        self._taken: OpenedSource | None = None  # what `record` takes audio from
        self._changed = threading.Event()
        self._until = math.inf
        self._paused = False
        self._stopping = False
        self._heard_at = 0.0  # of the monotonic clock: up to when audio is stored
        self._gone_from: float | None = None  # seconds on the timeline: since then no source gave anything
        self._tries = 0  # to open one since then
        self._silence = Silence()
        self._refused_s = 0.0  # of audio for which no silence stands yet

    @property
    def is_silent(self) -> bool:
        return self._silence.is_silent

    def use(self, source: OpenSource) -> None:
        """Go on with another source after the chunk at hand."""
        self._source = source
        self._changed.set()

    def pause(self) -> None:
        """Close the source after the chunk at hand, and let no time pass until `resume`."""
        self._paused = True
        self._changed.set()

    def resume(self) -> None:
        self._paused = False
        self._changed.set()

    def stop(self) -> None:
        """Let `record` return after the chunk at hand; a source that has `stop` need not wait for that one."""
        self._stopping = True
        self._changed.set()
        if (taken := self._taken) is not None:
            taken.stop()

    def open(self, source: OpenSource, settings: Settings) -> None:
        """Blocks. Raises `InputError`, `MissingError` when it cannot be opened; else `record` or `close` is next."""
        self._source, self._settings = source, settings
        self._opened = self._open()
        self._heard_at = time.monotonic()

    def close(self) -> None:
        """What was opened, and is not to be recorded after all."""
        if self._opened is not None:
            self._opened.close()

    def record(self, store: Store, until: float = math.inf, gate: Gate | None = None) -> None:
        """Until the source ends, `stop` is called, or the store reaches `until`, seconds on its timeline.

        `gate` knows where the store is muted, and is turned before what follows is stored. Raises what the source
        raises, but for `DeviceLost`.
        """
        self._store, self._until, self._gate = store, until, gate or self._gate
        opened, self._opened = self._opened, None
        while opened is not None:
            try:
                if self._take(opened):
                    return
            except DeviceLost as error:
                self._lose(error)
            opened = self._reopen()

    # in the thread of `record`

    def _open(self) -> OpenedSource:
        assert self._source is not None
        self._changed.clear()
        opened = OpenedSource.of(self._source, self._settings)
        self.label = opened.label
        return opened

    def _take(self, opened: OpenedSource) -> bool:
        """Store what comes. True: the source has ended, or it is enough. False: another one or a pause is wanted."""
        overflows = opened.capture.overflows
        self._taken = opened
        if self._stopping:  # before it could be told to
            opened.stop()
        with closing(opened):
            for chunk in opened.checked():
                self.label = opened.label
                if self._gone_from is not None:
                    self._return(self._gone_from, chunk)
                self._put(chunk.samples)
                if opened.capture.overflows > overflows:
                    self.overflows += opened.capture.overflows - overflows
                    overflows = opened.capture.overflows
                    self._tell(events.Overflow(device=self.label, position=self._store.end, count=self.overflows))
                if self._paused and opened.is_file:
                    self._rest()  # a device is closed instead, and heard anew after the pause
                    opened.resume()
                if self._is_enough():
                    return True
                if self._paused or self._source is not opened.source:
                    return False
        return True

    def _is_enough(self) -> bool:
        return self._stopping or self._store.end >= self._until

    def _reopen(self) -> OpenedSource | None:
        """Record silence until a source is open; None: it is enough. After one that gave nothing, wait first."""
        if self._gone_from is None:
            self._gone_from = self._store.end
        if self._tries:
            self._pass_time()
        while not self._is_enough():
            if self._paused:
                self._rest()
                continue
            self._tries += 1
            try:
                return self._open()
            except (InputError, MissingError) as error:
                self._lose(error)
                self._pass_time()
        return None

    def _return(self, gone_from: float, chunk: AudioChunk) -> None:
        """There is audio again: `chunk` is the first."""
        self._fill(time.monotonic() - self._heard_at - chunk.duration)
        was_lost, self.is_lost = self.is_lost, False
        self._gone_from, self._tries = None, 0
        if was_lost or self._store.end > gone_from:
            self._tell(events.DeviceReturned(device=self.label, start=gone_from, end=self._store.end))

    def _rest(self) -> None:
        while self._paused and not self._stopping:
            self._changed.wait()
            self._changed.clear()
        self._heard_at = math.inf  # until the source is open again no time passes

    def _lose(self, error: WorkbenchError) -> None:
        if not self.is_lost:
            self.is_lost = True
            self._tell(events.DeviceLost(device=self.label, position=self._store.end, message=str(error)))

    def _pass_time(self) -> None:
        """Record silence until the next try is due, or something else is wanted."""
        until = time.monotonic() + RETRY_S[min(self._tries, len(RETRY_S)) - 1]
        while time.monotonic() < until and not self._is_enough() and not self._changed.wait(_TICK_S):
            now = time.monotonic()
            self._fill(now - self._heard_at)
            self._heard_at = now

    def _fill(self, seconds: float) -> None:
        if seconds <= 0:
            return
        try:
            self._store.append_silence(seconds)
        except OutputError:  # silence needs no room; what else is wrong shows with the next samples
            self._refused_s += seconds
        self._meter.add(np.zeros(round(seconds * SAMPLE_RATE), np.float32), SAMPLE_RATE)

    def _put(self, samples: Samples) -> None:
        self._heard_at = time.monotonic()
        self._meter.add(samples, SAMPLE_RATE)
        seconds = len(samples) / SAMPLE_RATE
        self._turn()
        if not self._gate.is_muted:
            self._listen(samples)
        try:
            if self._refused_s:
                self._store.append_silence(self._refused_s)
                self._refused_s = 0.0
            self._store.append(samples)
            self.is_refused = False
        except OutputError as error:
            if not self.is_refused:
                self.is_refused = True
                self._tell(events.Error(code=error.code, message=error.message, hint=error.hint, stage="capture"))
            self._refused_s += seconds
            self.dropped_s += seconds

    def _turn(self) -> None:
        if (is_muted := self._is_muted()) is self._gate.is_muted:
            return
        position = self._store.end
        self._gate.turn(position)
        self._tell(events.Muted(position=position) if is_muted else events.Unmuted(position=position))

    def _listen(self, samples: Samples) -> None:
        """Tell of digital silence, and of its end."""
        if self._silence.turns(samples):
            kind = events.NoSignal if self.is_silent else events.SignalReturned
            self._tell(kind(device=self.label, position=self._store.end))
