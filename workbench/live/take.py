"""One live session from its first sample to its last result."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from workbench import events
from workbench.audio.gate import Gate
from workbench.audio.spool import Spool
from workbench.errors import OutputError, WorkbenchError
from workbench.journal import Journal
from workbench.live.engines import Engines
from workbench.live.following import Following
from workbench.live.status import LivePhase
from workbench.pipeline import Pipeline
from workbench.recorder import Recorder
from workbench.recording import LEFT_S, Recording
from workbench.stages import LiveMode
from workbench.threads import to_thread, uninterrupted
from workbench.types import Speech

if TYPE_CHECKING:
    from workbench.audio.playback import Player

TOLERANCE: Final = 3
"""Items of one stage that fail in a row, after which the stage waits for another engine. The capture goes on."""
WAITING: Final = "waiting"
"""The code of the event that tells that a stage was given up."""


class Take:
    """Made by `begin`; then `run` does the work, in a task. Everything is called on the loop."""

    def __init__(
        self,
        recording: Recording,
        spool: Spool,
        journal: Journal,
        gate: Gate,
        recorder: Recorder | None,
        engines: Engines,
        show: Callable[[events.Event], None],
        told: Callable[[Exception], WorkbenchError],
    ) -> None:
        """Without a recorder, what is stored is worked off and nothing is captured.

        `show` gets all events after they are in the journal; `told` is called with what goes wrong.
        """
        self.recording = recording
        self.spool = spool
        self.phase = LivePhase.RECORDING if recorder else LivePhase.FINISHING
        self.error: WorkbenchError | None = None
        """What ended it before its time."""
        self._journal = journal
        self._unstored: deque[events.Event] = deque()
        """What the journal did not take, in the order it was told. No long list: a full disk takes no audio either."""
        self._gate = gate
        self._recorder = recorder
        self._engines = engines
        self._show = show
        self._told = told
        self._left = False
        self._discarded = False
        self._position = 0.0
        self._pipeline: Pipeline | None = None
        self._pipeline_ended = asyncio.Event()
        self._pipeline_ended.set()
        self._working: asyncio.Task[None] | None = None
        self._player: Player | None = None

    @property
    def position(self) -> float:
        """Seconds on the timeline up to which everything is worked on."""
        return self._position if self._pipeline is None else self._pipeline.position

    @property
    def reached(self) -> float:
        """The same, but for speech that goes on."""
        return self._position if self._pipeline is None else self._pipeline.reached

    @property
    def is_empty(self) -> bool:
        """Whether there is no audio, of this time or of one before. At its end such a recording is deleted."""
        return not self.spool.end

    @property
    def is_playing(self) -> bool:
        """Whether speech is to be heard. From any thread."""
        return self._player is not None and self._player.active

    def statistics(self) -> dict[str, Any]:
        """Of the edges between the stages, as `Pipeline.statistics`."""
        return self._pipeline.statistics() if self._pipeline else {}

    # commands

    def pause(self) -> None:
        if self._recorder is not None and self.phase is LivePhase.RECORDING:
            self._recorder.pause()
            self.phase = LivePhase.PAUSED

    def resume(self) -> None:
        if self._recorder is not None and self.phase is LivePhase.PAUSED:
            self._recorder.resume()
            self.phase = LivePhase.RECORDING

    def stop(self) -> None:
        """End the capture."""
        if self._recorder is not None:
            self._recorder.stop()
        if self.phase in (LivePhase.RECORDING, LivePhase.PAUSED):
            self.phase = LivePhase.FINISHING

    def discard(self) -> None:
        """Drop what is not worked on yet. The audio stays."""
        self._discarded = True
        self.leave()

    def leave(self) -> None:
        """End it now. What is not worked on yet can be finished later."""
        self._left = True
        self.stop()
        if self._working is not None:
            self._working.cancel()
        if self._player is not None:
            self._player.stop_now()

    async def hand_over(self) -> None:
        """Let the engines that are loaded now take over where nobody speaks; returns when the old ones are free."""
        if self._pipeline is not None:
            self._pipeline.hand_over()
        await self._pipeline_ended.wait()

    # the work

    async def run(self, until: float = math.inf) -> None:
        """To the last result. `until`: seconds on the timeline, where the capture ends. Raises only when cancelled."""
        self._working = asyncio.ensure_future(self._work())
        if self._left:  # before it began
            self._working.cancel()
        try:
            await self._record(until)
            self.phase = LivePhase.FINISHING
            self._engines.look_again()
            await asyncio.wait([self._working])
            await self._hear_out()
        finally:
            self.stop()
            self._working.cancel()
            await uninterrupted(asyncio.gather(self._working, return_exceptions=True))
            self._tell_what_is_left()
            self._tell_what_is_not_stored()
            await self._close()
            self.phase = LivePhase.IDLE

    async def _record(self, until: float) -> None:
        """To the end of the capture. What breaks it is told; what was stored is still worked on."""
        try:
            if self._recorder is not None:
                await to_thread(self._recorder.record, self.spool, until, self._gate)
                if self._recorder.dropped_s:
                    raise OutputError(
                        f"{self._recorder.dropped_s:.1f} s of audio are not stored",
                        hint="The disk did not take them. What it took is kept.",
                    )
        except Exception as error:
            self.error = self._told(error)
        try:
            await to_thread(self.spool.close)
        except OutputError as error:
            self.error = self._told(error)

    async def _work(self) -> None:
        """On what is stored. Raises only when cancelled."""
        try:
            self._position = await to_thread(self.recording.done_until)
            await self._follow(await to_thread(self.recording.next_segment_id))
        except Exception as error:
            self.error = self._told(error)

    async def _follow(self, next_segment: int) -> None:
        """With one pipeline after the other as engines change."""
        is_first = True
        while loaded := await self._engines.to_use(is_last_call=lambda: self.phase is LivePhase.FINISHING):
            pipeline = self._pipeline = Pipeline(
                Following(self.spool, self._position, self._gate),
                loaded.stages,
                loaded.settings,
                self.tell,
                play=self._play if loaded.stages.synthesizer else None,
                tolerance=TOLERANCE,
                live=LiveMode(loaded.profile.live.interim, next_segment, self._position),
            )
            self._pipeline_ended.clear()
            if not is_first:
                self.tell(events.Resumed(position=self._position))
            is_first = False
            try:
                await pipeline.run()
                if not pipeline.handed_over:
                    return
            except Exception as error:
                self._tell_that_it_waits(self._told(error).stage or "KIND")
                self._engines.give_up(loaded)
            finally:
                self._position, next_segment = pipeline.position, pipeline.next_segment
                self._pipeline = None
                self._pipeline_ended.set()

    async def _hear_out(self) -> None:
        """Let what was said be heard to its end."""
        try:
            if self._player is not None and not self._left:
                await self._player.drain()
        except OutputError as error:
            self._told(error)

    async def _play(self, speech: Speech) -> None:
        """What cannot be played is told, and holds nothing up."""
        try:
            if self._player is None:
                from workbench.audio.playback import Player

                self._player = Player()
            await self._player.play(speech.audio)
        except WorkbenchError as error:
            self._told(error)

    async def _close(self) -> None:
        if self._player is not None:
            await self._player.close()
        try:
            await to_thread(self.recording.close)
            if self.is_empty:
                await to_thread(self.recording.delete)
        except WorkbenchError as error:
            self.error = self._told(error)

    # telling

    def tell(self, event: events.Event) -> None:
        """Interim text is for those who look on: when a session goes on, it is recognized again."""
        if not _is_interim(event):
            self._store(event)
        self._show(event)

    def _store(self, event: events.Event) -> None:
        """After what the journal did not take before: `Progress` without its text would say that there was none."""
        failed_before = bool(self._unstored)
        self._unstored.append(event)
        try:
            while self._unstored:
                self._journal.write(self._unstored[0])
                self._unstored.popleft()
        except OutputError as error:
            if not failed_before:  # said once
                self._show(events.Error(code=error.code, message=error.message, hint=error.hint, stage="journal"))

    def _tell_that_it_waits(self, kind: str) -> None:
        said = "what is captured is stored; recognition waits for other engines"
        hint = f"Stop, then name them: workbench sessions finish {self.recording.name} --engine {kind}=NAME"
        self.tell(events.Error(code=WAITING, message=said, hint=hint))

    def _tell_what_is_left(self) -> None:
        """After a backlog that was discarded, or stages that failed."""
        if (left := self.spool.end - self._position) <= LEFT_S:
            return
        if self._discarded:
            self.tell(events.Progress(position=self.spool.end))  # or it would be offered again
            hint = f"The audio is stored: workbench transcribe {self.recording.audio}"
        else:
            hint = f"The audio is stored. To recognize it: workbench sessions finish {self.recording.name}"
        self.tell(events.Error(code="unfinished", message=f"{left:.1f} s are not recognized", hint=hint))

    def _tell_what_is_not_stored(self) -> None:
        """Of what was shown. The journal does not say that it was worked on, so it can be made again."""
        if lost := sum(isinstance(event, events.Transcript) for event in self._unstored):
            count = "1 caption is" if lost == 1 else f"{lost} captions are"
            again = f"The audio is stored. Free some space, then: workbench sessions finish {self.recording.name}"
            self.error = self._told(OutputError(f"{count} not stored: the disk takes no more", hint=again))


def _is_interim(event: events.Event) -> bool:
    match event:
        case events.Transcript(transcript=text) | events.Translation(translation=text):
            return not text.is_final
    return False
