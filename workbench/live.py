"""Live audio: a source goes onto the disk, and from there through the stages, while the screen looks on.

The pipeline follows what is stored. So nothing waits in memory however far it is behind, engines can be changed while
the capture goes on, stopping works off what is left, and a session that was killed is finished in the same way.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from workbench import events, paths
from workbench.audio.levels import Meter
from workbench.audio.spool import Spool
from workbench.engines import Capture, Settings, StageKind
from workbench.errors import OutputError, WorkbenchError, in_one_line
from workbench.journal import Journal
from workbench.models.states import ModelState, Watch
from workbench.pipeline import LiveMode, Pipeline, Stages
from workbench.plan import Plan
from workbench.plugins import Registry
from workbench.profiles.options import check_options
from workbench.profiles.schema import Profile
from workbench.recorder import Nowhere, Recorder
from workbench.recording import Recording
from workbench.session import Session
from workbench.threads import to_thread, uninterrupted
from workbench.types import AudioChunk, Speech

if TYPE_CHECKING:
    from workbench.audio.playback import Player

TOLERANCE: Final = 3
"""Items of one stage that fail in a row, after which the stage waits for another engine. The capture goes on."""
_CHUNK_S: Final = 1.0
"""The most that is taken from the disk at once."""
_LEFT_S: Final = 0.2
"""Audio at the end that holds no word."""
_LOOK_UP_S: Final = 0.25
"""How long the pipeline waits for audio before it looks whether something else is wanted of it."""
_log = logging.getLogger(__name__)


class LivePhase(StrEnum):
    IDLE = "idle"
    RECORDING = "recording"
    PAUSED = "paused"
    DRAINING = "draining"
    """Nothing is captured any more; what was, is worked off."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is listened to: a device, or a file played as if it were one."""

    device: str | None = None
    """As `workbench devices` names it; None: the default one."""
    path: Path | None = None
    pace: float = 1.0
    """Of a file: times real time; 0: as fast as it is stored."""
    duration: float | None = None
    """Seconds after which the session stops by itself."""


@dataclass(frozen=True, slots=True)
class StageStatus:
    kind: StageKind
    engine: str
    model: str
    """Empty where the engine has but one."""
    latency_p50_s: float
    """From waiting to done, of recent items, interim ones too; wall-clock seconds."""
    latency_p95_s: float
    depth: int
    """Items that wait."""
    high_water: int
    """The most that ever waited."""
    dropped: int
    """Interim items whose place newer ones took."""
    failed: int
    calls: int = 0
    """Items that ended, well or not."""


@dataclass(frozen=True, slots=True)
class LiveStatus:
    phase: LivePhase
    label: str
    """Of the source."""
    lost: bool
    silent: bool
    captured: float
    """Seconds that are stored."""
    done: float
    """Seconds up to which everything is recognized."""
    overflows: int
    """Times that samples were lost before they could be stored."""
    stages: tuple[StageStatus, ...]

    @property
    def backlog(self) -> float:
        """Seconds that are stored and not recognized yet."""
        return max(0.0, self.captured - self.done)


@dataclass(frozen=True, slots=True)
class _Wanted:
    profile: Profile
    settings: Settings


class Live:
    """One place for one live session after the other. Everything is called on the loop.

    An async context manager: leaving it ends what runs and waits for its threads; a session that was not stopped before
    stays on disk as one that was interrupted.
    """

    def __init__(self, profile: Profile, registry: Registry, settings: Settings | None = None) -> None:
        """Loads nothing: `change` does. Raises `ProfileError`."""
        self.registry = registry
        self.session = Session(profile, registry)
        self.meter = Meter()
        self.phase = LivePhase.IDLE
        self.recording: Recording | None = None
        """What is recorded, or was last."""
        self._wanted = _Wanted(profile, settings or Settings(**profile.settings.model_dump()))
        self._in_use = self._wanted
        self._plan: Plan | None = None
        self._stages: Stages | None = None
        self._failure: WorkbenchError | None = None
        self._observers: list[Callable[[events.Event], None]] = []
        self._tasks = asyncio.TaskGroup()
        self._change_asked = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._stages_changed = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._ended_by: WorkbenchError | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._recorder: Recorder | None = None
        self._store: Spool | Nowhere = Nowhere()
        self._journal: Journal | None = None
        self._journal_failed = False
        self._pipeline: Pipeline | None = None
        self._pipeline_ended = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._player: Player | None = None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._changing = self._tasks.create_task(self._apply_changes())
        return self

    async def __aexit__(self, *error: Any) -> None:
        self._changing.cancel()
        if self._recorder is not None:
            self._recorder.stop()
        if self._following is not None:
            self._following.cancel()
        try:
            await self._tasks.__aexit__(*error)
        finally:
            await self.session.__aexit__(*error)

    # looking on

    @property
    def profile(self) -> Profile:
        """The one that is wanted: `settled` tells when it holds."""
        return self._wanted.profile

    @property
    def settings(self) -> Settings:
        return self._wanted.settings

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
        recorder, captured = self._recorder, self._store.end
        return LiveStatus(
            phase=self.phase,
            label=recorder.label if recorder else "",
            lost=recorder is not None and recorder.is_lost,
            silent=recorder is not None and recorder.is_silent,
            captured=captured,
            done=self._pipeline.position if self._pipeline else 0.0 if self._stages is None else captured,
            overflows=recorder.overflows if recorder else 0,
            stages=tuple(self._stage_statuses()),
        )

    def _stage_statuses(self) -> Iterator[StageStatus]:
        if self._stages is None or self._plan is None:
            return
        waiting = self._pipeline.statistics() if self._pipeline else {}
        for choice, pool, edge in (
            (self._plan.detector, self._stages.detector, "chunks"),
            (self._plan.recognizer, self._stages.recognizer, "windows"),
            (self._plan.translator, self._stages.translator, "transcripts"),
            (self._plan.synthesizer, self._stages.synthesizer, "translations"),
        ):
            if choice is None or pool is None:
                continue
            counted, depth = pool.statistics(), waiting.get(edge, {})
            yield StageStatus(
                kind=choice.engine.kind,
                engine=choice.engine.name,
                model=choice.model,
                latency_p50_s=counted.latency_p50_s,
                latency_p95_s=counted.latency_p95_s,
                depth=counted.depth + depth.get("depth", 0),
                high_water=max(counted.high_water, depth.get("high_water", 0)),
                dropped=counted.superseded,
                failed=counted.failed,
                calls=counted.items,
            )

    # which engines

    def change(self, *, profile: Profile | None = None, settings: Settings | None = None) -> None:
        """Load what is wanted now. What runs takes the new engines over where nobody speaks.

        While something is being loaded the change waits for its turn; of several that wait, the newest counts. Raises
        `ProfileError` for a profile that cannot be used; what else goes wrong is an event, and raised by `settled`.
        """
        if profile is not None:
            check_options(profile, self.registry)
        self._wanted = _Wanted(profile or self._wanted.profile, settings or self._wanted.settings)
        self._settled.clear()
        self._change_asked.set()

    async def settled(self) -> None:
        """Wait until everything that was asked for is loaded. Raises why it could not be."""
        await self._settled.wait()
        if self._failure is not None:
            raise self._failure

    async def _apply_changes(self) -> None:
        while True:
            await self._change_asked.wait()
            self._change_asked.clear()
            wanted = self._wanted
            try:
                await self._apply(wanted)
                self._failure = None
            except Exception as error:
                self._failure = self._told(error)
            if wanted is self._wanted:
                self._settled.set()
                self._stages_changed.set()

    async def _apply(self, wanted: _Wanted) -> None:
        self.session.adopt(wanted.profile)
        live = wanted.profile.live
        plan = self.session.plan(
            wanted.settings, speak=live.speak and live.recognize, detect=live.detect, recognize=live.recognize
        )
        stages = await self.session.load(plan)
        self._plan, self._stages, self._in_use = plan, stages, wanted
        self._stages_changed.set()
        if self._pipeline is not None:
            self._pipeline.hand_over()
            await self._pipeline_ended.wait()
        await self.session.release(plan)

    # recording

    async def start(self, source: Source, recording: Recording | None = None) -> None:
        """Record `source` into a new session, or go on with `recording`, whose rest is worked off first.

        Returns when audio flows; engines may still be loading. Raises `InputError`, `MissingError`, `OutputError`.
        """
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
        await self.unlisten()
        await self._begin(recording, None, None)

    async def listen(self, source: Source) -> None:
        """Measure the level of `source` and store nothing, until `unlisten` or `start`. Raises as `start` does."""
        await self.unlisten()
        self._recorder = recorder = await self._opened(source)
        self._store = nowhere = Nowhere()
        self._listening = self._tasks.create_task(to_thread(recorder.record, nowhere))

    async def unlisten(self) -> None:
        if self._listening is not None and self._recorder is not None:
            self._recorder.stop()
            await self._listening
            self._listening = self._recorder = None

    def use(self, source: Source) -> None:
        """Go on with another source. One that cannot be opened counts as lost: an event tells it."""
        if self._recorder is not None:
            self._recorder.use(partial(self._capture, source))

    def pause(self) -> None:
        """Capture nothing and let no time pass, until `resume`."""
        if self._recorder is not None and self.phase is LivePhase.RECORDING:
            self._recorder.pause()
            self.phase = LivePhase.PAUSED

    def resume(self) -> None:
        if self._recorder is not None and self.phase is LivePhase.PAUSED:
            self._recorder.resume()
            self.phase = LivePhase.RECORDING

    def stop(self) -> None:
        """End the capture; what was captured is still worked on, until `finished`."""
        if self._recorder is not None and self._listening is None:
            self._recorder.stop()

    def discard(self) -> None:
        """Drop what is captured and not recognized yet. The audio stays."""
        self.stop()
        if self._following is not None:
            self._following.cancel()

    async def finished(self) -> None:
        """Wait until no session runs. Raises what ended it before its time."""
        await self._idle.wait()
        if self._ended_by is not None:
            raise self._ended_by

    def _capture(self, source: Source) -> Capture:
        return self.session.source(source.device, source.path, source.pace)

    async def _opened(self, source: Source) -> Recorder:
        loop = asyncio.get_running_loop()

        def tell(event: events.Event) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody looks on any more
                loop.call_soon_threadsafe(self._tell, event)

        def muted() -> bool:
            return self._player is not None and self._player.active

        recorder = Recorder(self.meter, tell, muted=muted)
        await to_thread(recorder.open, partial(self._capture, source), self.settings)
        return recorder

    def _create(self, label: str) -> Recording:
        """In a worker thread."""
        settings = self.settings
        return Recording.create(
            source=label,
            profile=self.profile.name,
            language=settings.language,
            target_language=settings.target_language,
        )

    async def _begin(self, recording: Recording, recorder: Recorder | None, duration: float | None) -> None:
        """Let a session run."""
        try:
            spool, journal = await to_thread(recording.spool), await to_thread(recording.journal)
        except BaseException:
            await to_thread(recording.close)
            raise
        self._store, self._journal = spool, journal
        self.recording, self._recorder, self._ended_by = recording, recorder, None
        self.phase = LivePhase.RECORDING if recorder else LivePhase.DRAINING
        self._idle.clear()
        self._following = self._tasks.create_task(self._follow(recording, spool, recorder))
        self._tasks.create_task(
            self._run(recording, spool, recorder, math.inf if duration is None else spool.end + duration)
        )

    async def _run(self, recording: Recording, spool: Spool, recorder: Recorder | None, until: float) -> None:
        """A session from its first sample to its last result."""
        assert self._following is not None
        try:
            if recorder is not None:
                await to_thread(recorder.record, spool, until)
            await to_thread(spool.close)
            self.phase = LivePhase.DRAINING
            self._stages_changed.set()
            await asyncio.wait([self._following])
            if self._player is not None and not self._following.cancelled():
                await self._player.drain()
        except Exception as error:
            self._ended_by = self._told(error)
        finally:
            self._following.cancel()
            await uninterrupted(asyncio.gather(self._following, return_exceptions=True))
            self._tell_what_is_left(recording, spool.end)
            await self._close_player()
            await to_thread(recording.close)
            self._recorder = self._journal = self._pipeline = self._following = None
            self.phase = LivePhase.IDLE
            self._idle.set()

    async def _follow(self, recording: Recording, spool: Spool, recorder: Recorder | None) -> None:
        """Work on what is stored, with one pipeline after the other as engines change."""
        position, next_segment = await to_thread(recording.done_until), await to_thread(recording.next_segment_id)
        unmuted = recorder.unmuted if recorder else lambda chunk: chunk
        while (stages := await self._stages_to_use()) is not None:
            pipeline = self._pipeline = Pipeline(
                Following(spool, position, unmuted),
                stages,
                self._in_use.settings,
                self._tell,
                play=self._play if stages.synthesizer else None,
                tolerance=TOLERANCE,
                live=LiveMode(self._in_use.profile.live.interim, next_segment),
            )
            self._pipeline_ended.clear()
            try:
                await pipeline.run()
            except Exception as error:
                self._told(error)
                self._stages = None  # nothing more is tried with these engines until something changes
            else:
                if not pipeline.handed_over:
                    return
            finally:
                self._pipeline_ended.set()
            position, next_segment = pipeline.position, pipeline.next_segment

    async def _stages_to_use(self) -> Stages | None:
        """The engines, once they are loaded; None: the session is over, and none are being loaded."""
        while self._stages is None:
            self._stages_changed.clear()
            if self.phase is LivePhase.DRAINING and self._settled.is_set():
                return None
            await self._stages_changed.wait()
        return self._stages

    def _tell_what_is_left(self, recording: Recording, end: float) -> None:
        """After stages that failed, or a backlog that was discarded."""
        left = end - self._pipeline.position if self._pipeline else end
        if left > _LEFT_S:
            hint = f"The audio is stored. To recognize it: workbench sessions finish {recording.name}"
            self._tell(events.Error(code="unfinished", message=f"{left:.1f} s are not recognized", hint=hint))

    # playing

    async def _play(self, speech: Speech) -> None:
        """What cannot be played is told, and holds nothing up."""
        try:
            if self._player is None:
                from workbench.audio.playback import Player

                self._player = Player()
            await self._player.play(speech.audio)
        except WorkbenchError as error:
            self._told(error)

    async def _close_player(self) -> None:
        player, self._player = self._player, None
        if player is not None:
            await player.close()

    # telling

    def _tell(self, event: events.Event) -> None:
        if self._journal is not None:
            try:
                self._journal.write(event)
                self._journal_failed = False
            except OutputError as error:
                self._journal_fails(error)
        for callback in tuple(self._observers):
            callback(event)

    def _journal_fails(self, error: OutputError) -> None:
        """Said once, and to observers alone."""
        if not self._journal_failed:
            self._journal_failed = True
            said = events.Error(code=error.code, message=error.message, hint=error.hint, stage="journal")
            for callback in tuple(self._observers):
                callback(said)

    def _told(self, error: Exception) -> WorkbenchError:
        """Log and tell `error`, as one of ours."""
        _log.error("a live session is disturbed: %s", error, exc_info=error)
        ours = error if isinstance(error, WorkbenchError) else _unexpected(error)
        self._tell(events.Error(code=ours.code, message=ours.message, hint=ours.hint))
        return ours


def _unexpected(error: Exception) -> WorkbenchError:
    return WorkbenchError(in_one_line(error), hint=f"What was captured is stored. Details: {paths.log_file()}")


class Following(Capture):
    """What a spool holds from a position on, and what is still coming. Where nothing comes, an empty chunk does."""

    name = "spool"

    def __init__(self, spool: Spool, position: float, unmuted: Callable[[AudioChunk], AudioChunk]) -> None:
        """Seconds on the timeline; `unmuted` is called on every chunk, in a worker thread."""
        self._spool = spool
        self._position = position
        self._unmuted = unmuted

    def open(self, settings: Settings) -> Iterator[AudioChunk]:
        position, rate = round(self._position * self._spool.sample_rate), self._spool.sample_rate
        while True:
            closed = self._spool.is_closed
            samples = self._spool.read(position / rate, _CHUNK_S, _LOOK_UP_S)
            if closed and not len(samples):
                return
            yield self._unmuted(AudioChunk(samples, rate, position / rate))
            position += len(samples)
