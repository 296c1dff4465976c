"""The place for live sessions, one after the other."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, Self

from workbench import events, paths
from workbench.audio.levels import Meter
from workbench.engines import Capture, Settings
from workbench.errors import UsageError, WorkbenchError, in_one_line, is_expected
from workbench.live.engines import Engines, Setup
from workbench.live.status import LivePhase, LiveStatus, Source, StageStatus, stage_statuses
from workbench.live.take import Take
from workbench.models.states import ModelState, Watch
from workbench.plugins import Registry
from workbench.profiles.schema import Profile
from workbench.recorder import Nowhere, Recorder
from workbench.recording import Recording
from workbench.session import Session
from workbench.threads import give_memory_back, to_thread

LEAVE_S: Final = 2.0
"""Seconds that leaving waits for what an engine is at; then the engine is left behind."""
_PATIENCE_S: Final = 0.5
"""Seconds before people are told what dropping or leaving waits for."""
TIDY_S: Final = 30.0
"""Seconds between two times that free memory is given back."""
_log = logging.getLogger(__name__)


class Live:
    """Everything is called on the loop.

    An async context manager: leaving it ends what runs and waits for its threads, though for a call of an engine
    `LEAVE_S` at most. A session that was not stopped before stays on disk as one that was interrupted.
    """

    def __init__(self, profile: Profile, registry: Registry, settings: Settings | None = None) -> None:
        """Loads nothing: `change` does. Raises `ProfileError`."""
        wanted = Setup(profile, settings or Settings(**profile.settings.model_dump()))
        self.registry = registry
        self.meter = Meter()
        self.recording: Recording | None = None
        """What is recorded, or was last; None where that had no audio: it is not kept."""
        self._engines = Engines(registry, wanted, self._told, self._hand_over)
        self._observers: list[Callable[[events.Event], None]] = []
        self._tasks = asyncio.TaskGroup()
        self._recorder: Recorder | None = None
        self._listening: asyncio.Task[None] | None = None
        self._take: Take | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._opening = False
        self._leaving = False

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._changing = self._tasks.create_task(self._engines.run())
        return self

    async def __aexit__(self, *error: Any) -> None:
        self._leaving = True
        self._changing.cancel()
        if self._recorder is not None:
            self._recorder.stop()
        if self._take is not None:
            self._take.leave()
        for pool in self.session.pools():
            pool.hurry(LEAVE_S)
        telling = asyncio.get_running_loop().call_later(_PATIENCE_S, self._tell_what_holds_up)
        try:
            await self._tasks.__aexit__(*error)
        finally:
            await self.session.__aexit__(*error)
            telling.cancel()

    def _tell_what_holds_up(self) -> None:
        for pool in self.session.pools() if self.phase is not LivePhase.IDLE else ():
            if pool.loaded and pool.statistics().running:
                busy = f"{pool.engine.kind} engine {pool.engine.name!r} is still at work"
                hint = f"What was captured is stored. Whoever leaves waits for {LEAVE_S:g} s at most."
                self._show(events.Error(code="busy", message=busy, hint=hint, stage=pool.engine.kind))

    # looking on

    @property
    def phase(self) -> LivePhase:
        return self._take.phase if self._take else LivePhase.IDLE

    @property
    def profile(self) -> Profile:
        """The one that is wanted: `settled` tells when it holds."""
        return self._engines.wanted.profile

    @property
    def settings(self) -> Settings:
        """Those that are wanted."""
        return self._engines.wanted.settings

    @property
    def session(self) -> Session:
        return self._engines.session

    @property
    def states(self) -> tuple[ModelState, ...]:
        return self.session.states

    def watch(self, callback: Watch) -> Callable[[], None]:
        """Call `callback` with all states after each change of one, until what this gives is called."""
        return self.session.watch(callback)

    def observe(self, callback: Callable[[events.Event], None]) -> Callable[[], None]:
        """Call `callback`, which must neither block nor raise, with each event, until what this gives is called."""
        self._observers.append(callback)
        return lambda: self._observers.remove(callback)

    def status(self) -> LiveStatus:
        """Of the session that runs, or of the last one."""
        recorder, take = self._recorder, self._take
        return LiveStatus(
            phase=self.phase,
            label=recorder.label if recorder else "",
            lost=recorder is not None and recorder.is_lost,
            refused=recorder is not None and recorder.is_refused,
            silent=recorder is not None and recorder.is_silent,
            captured=take.spool.end if take else 0.0,
            done=take.position if take else 0.0,
            reached=take.reached if take else 0.0,
            overflows=recorder.overflows if recorder else 0,
            stages=self._stages(),
        )

    def _stages(self) -> tuple[StageStatus, ...]:
        loaded = self._engines.loaded
        edges = self._take.statistics() if self._take else {}
        return tuple(stage_statuses(loaded.plan, loaded.stages, edges)) if loaded else ()

    # which engines

    def change(self, *, profile: Profile | None = None, settings: Settings | None = None) -> None:
        """Load what is wanted now. What runs takes the new engines over where nobody speaks.

        While something is being loaded the change waits for its turn; of several that wait, the newest counts. Raises
        `ProfileError` for a profile that cannot be used; what else goes wrong is an event, and raised by `settled`.
        """
        self._engines.change(profile, settings)

    async def settled(self) -> None:
        """Wait until everything that was asked for is loaded. Raises why it could not be."""
        await self._engines.settled()

    async def _hand_over(self) -> None:
        if self._take is not None:
            await self._take.hand_over()

    # a session

    async def start(self, source: Source, recording: Recording | None = None) -> None:
        """Record `source` into a new session, or go on with `recording`, whose rest is worked off first.

        Returns when audio flows; engines may still be loading. Raises `InputError`, `MissingError`, `OutputError`.
        """
        with self._alone():
            await self.unlisten()
            recorder = await self._opened(source)
            try:
                if recording is None:
                    recording = await to_thread(self._create, recorder.label)
                await self._begin(recording, recorder, source.duration)
            except BaseException:
                await to_thread(recorder.close)
                raise

    async def finish(self, recording: Recording) -> None:
        """Work off what `recording` has that is not recognized yet, and capture nothing. Raises `OutputError`."""
        with self._alone():
            await self.unlisten()
            await self._begin(recording, None, None)

    def use(self, source: Source) -> None:
        """Go on with another source. One that cannot be opened counts as lost: an event tells it."""
        if self._recorder is not None:
            self._recorder.use(partial(self._capture, source))

    def pause(self) -> None:
        """Capture nothing and let no time pass, until `resume`."""
        if self._take is not None:
            self._take.pause()

    def resume(self) -> None:
        if self._take is not None:
            self._take.resume()

    def stop(self) -> None:
        """End the capture; what was captured is still worked on, until `finished`."""
        if self._take is not None:
            self._take.stop()

    def discard(self) -> None:
        """End the capture, and drop what is not recognized yet. The audio stays."""
        if self._take is not None:
            self._take.discard()
            asyncio.get_running_loop().call_later(_PATIENCE_S, self._tell_what_holds_up)

    async def finished(self) -> None:
        """Wait until no session runs. Raises what ended it before its time."""
        await self._idle.wait()
        if self._take is not None and self._take.error is not None:
            raise self._take.error

    # only the level

    async def listen(self, source: Source) -> None:
        """Measure the level of `source` and store nothing, until `unlisten` or `start`. Raises as `start` does."""
        with self._alone():
            await self.unlisten()
            self._recorder = await self._opened(source)
            self._listening = self._tasks.create_task(self._measure(self._recorder))

    async def unlisten(self) -> None:
        if self._listening is not None and self._recorder is not None:
            self._recorder.stop()
            await self._listening
            self._listening = self._recorder = None

    async def _measure(self, recorder: Recorder) -> None:
        try:
            await to_thread(recorder.record, Nowhere())
        except Exception as error:
            self._told(error)

    # inside

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Begin something where nothing runs, and nothing else is being begun."""
        if self.phase is not LivePhase.IDLE:
            raise UsageError("a session runs already", hint="Stop it first.")
        if self._opening:
            raise UsageError("a source is being opened already", hint="Wait until it is open.")
        self._opening = True
        try:
            yield
        finally:
            self._opening = False

    def _check_stays(self) -> None:
        """What begins while this place is left would not be ended any more."""
        if self._leaving:
            raise UsageError("the workbench is ending: nothing more is begun")

    def _capture(self, source: Source) -> Capture:
        return self.session.source(source.device, source.path, source.pace)

    async def _opened(self, source: Source) -> Recorder:
        loop = asyncio.get_running_loop()

        def tell(event: events.Event) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody looks on any more
                loop.call_soon_threadsafe(self._tell, event)

        def muted() -> bool:
            return self._take is not None and self._take.is_playing

        recorder = Recorder(self.meter, tell, muted=muted)
        try:
            await to_thread(recorder.open, partial(self._capture, source), self.settings)
            self._check_stays()
        except BaseException:  # a thread that opens does so though its caller was cancelled
            await to_thread(recorder.close)
            raise
        return recorder

    def _create(self, label: str) -> Recording:
        """In a worker thread."""
        return Recording.create(
            source=label,
            profile=self.profile.name,
            language=self.settings.language,
            target_language=self.settings.target_language,
        )

    async def _begin(self, recording: Recording, recorder: Recorder | None, duration: float | None) -> None:
        try:
            spool, journal = await to_thread(recording.spool), await to_thread(recording.journal)
            gate = await to_thread(recording.gate)
            self._check_stays()
        except BaseException:
            await to_thread(recording.close)
            raise
        self.recording, self._recorder = recording, recorder
        self._take = Take(recording, spool, journal, gate, recorder, self._engines, self._show, self._told)
        self._idle.clear()
        self._tasks.create_task(self._run(self._take, math.inf if duration is None else spool.end + duration))

    async def _run(self, take: Take, until: float) -> None:
        tidying = self._tasks.create_task(self._tidy())
        try:
            await take.run(until)
        except Exception as error:
            take.error = self._told(error)
        finally:
            tidying.cancel()
            self._recorder = None
            if take.is_empty:
                self.recording = None
            self._idle.set()

    async def _tidy(self) -> None:
        """Hours of arrays of all sizes leave holes in the heap, which would grow by a megabyte or three a minute."""
        while True:
            await asyncio.sleep(TIDY_S)
            await to_thread(give_memory_back)

    def _tell(self, event: events.Event) -> None:
        if self._take is not None and self._take.phase is not LivePhase.IDLE:
            self._take.tell(event)
        else:
            self._show(event)

    def _show(self, event: events.Event) -> None:
        for callback in tuple(self._observers):
            callback(event)

    def _told(self, error: Exception) -> WorkbenchError:
        """Log and tell `error`, as one of ours."""
        _log.error("a live session is disturbed: %s", error, exc_info=None if is_expected(error) else error)
        hint = f"What was captured is stored. Details: {paths.log_file()}"
        ours = error if isinstance(error, WorkbenchError) else WorkbenchError(in_one_line(error), hint=hint)
        self._tell(events.Error(code=ours.code, message=ours.message, hint=ours.hint))
        return ours
