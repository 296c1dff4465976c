"""What a worker thread does with a batch of streams: decode their audio, and have it judged together.

What fails is tried again in smaller parts, so that only the stream fails whose audio is the cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from workbench.audio.pcm import Piece, decode
from workbench.engines import BatchEngine, Engine, Settings
from workbench.errors import EngineError
from workbench.framing import Framed, FrameDetector
from workbench.threads import as_exception
from workbench.types import Activity, AudioChunk, Samples

if TYPE_CHECKING:
    from workbench.detection import DetectedStream

Detector: TypeAlias = Engine[AudioChunk, Activity, Any]

MAX_BATCH: Final = 64
"""Streams in a batch, for a detector that takes them one by one."""


@dataclass(slots=True, eq=False)
class Turn:
    """One stream's part of a batch."""

    stream: DetectedStream
    pieces: list[Piece]
    length: int
    """Samples, at the rate of the source."""
    ends: bool
    """Whether what the detector holds back is wanted after them."""
    samples: Samples | None = None
    """What the detector gets of it, at its rate; set in a worker thread. Silence of that length if nothing could be
    decoded."""
    start: float = 0.0
    """Of `samples`, seconds on the timeline."""
    is_heard: bool = False
    is_flushed: bool = False
    found: Sequence[Activity] = ()
    error: Exception | None = None

    @property
    def chunk(self) -> AudioChunk | None:
        return None if self.samples is None else AudioChunk(self.samples, self.stream.sample_rate, self.start)


def at_once(engine: Detector) -> int:
    """Streams in a batch."""
    return engine.max_batch if isinstance(engine, BatchEngine) else MAX_BATCH


def judge(turns: Sequence[Turn], engine: Detector) -> None:
    """Do what was not done yet of these. Raises `EngineError` where the engine broke; other errors are in the turns."""
    for turn in turns:
        if turn.stream.state_of is not type(engine):
            _contain(turn, _open, turn, engine)
    if isinstance(engine, FrameDetector):
        turns = _hear_frames(engine, turns)
    if not turns:
        return
    _decode([turn for turn in turns if turn.samples is None])
    left = [turn for turn in turns if turn.error is None and not turn.is_heard]
    heard = [turn for turn in left if turn.samples is not None and len(turn.samples)]
    full = at_once(engine)  # of one that came since the batch was made it may be less
    for together in [heard[first : first + full] for first in range(0, len(heard), full)]:
        if not (isinstance(engine, BatchEngine) and _hear_together(engine, together)):
            for turn in together:
                _contain(turn, engine.process, turn.chunk, turn.stream.state)
                turn.is_heard = True
    for turn in turns:
        if turn.ends and not turn.is_flushed and turn.error is None:
            _contain(turn, engine.flush, turn.stream.state)
            turn.is_flushed = True


def _hear_frames(engine: FrameDetector[Any], turns: Sequence[Turn]) -> Sequence[Turn]:
    """Judge the complete frames of int16 at a rate that the detector takes.

    Streams that have the same number of them go into one array. A chunk for each, and what is left of it in the
    detector's state, would cost half as much as Silero takes. Returns the turns that are to be heard as chunks: those
    that fail here, and those of any other audio.
    """
    sizes = {rate: 2 * engine.frame(rate) for rate in engine.sample_rates}
    alike: dict[tuple[int, int], list[tuple[Turn, bytes]]] = {}
    left: list[Turn] = []
    for turn in turns:
        stream, rate = turn.stream, turn.stream.sample_rate
        is_other = turn.ends or turn.samples is not None or turn.error is not None or not stream.is_plain
        if is_other or stream.state.rest or rate not in sizes:
            left.append(turn)
        else:
            pieces = cast("list[bytes]", turn.pieces)
            octets = pieces[0] if len(pieces) == 1 and not stream.rest else b"".join((stream.rest, *pieces))
            alike.setdefault((rate, len(octets) // sizes[rate]), []).append((turn, octets))
    full = engine.max_batch
    for (rate, count), same in alike.items():
        end = count * sizes[rate]
        for together in [same[first : first + full] for first in range(0, len(same), full)]:
            samples = decode(b"".join([octets[:end] for _, octets in together])).reshape(len(together), -1)
            for (turn, octets), own in zip(together, samples, strict=True):
                turn.stream.rest = octets[end:]
                turn.stream.place(turn, own)
            some = [turn for turn, _ in together]
            if count and not _judge_frames(engine, some, samples, rate):
                left += some
    return left


def _judge_frames(engine: FrameDetector[Any], turns: Sequence[Turn], samples: Samples, rate: int) -> bool:
    """Whether that worked. If not, it changed nothing."""
    states: list[Framed[Any]] = [turn.stream.state for turn in turns]  # if this thread is given up, streams get others
    try:
        probabilities, memories = engine.checked(samples, rate, [state.memory for state in states])
    except EngineError:
        raise
    except BaseException:  # it is raised again, for the culprit, where these are heard as chunks
        return False
    frame_s = engine.frame(rate) / rate
    for turn, state, own, memory in zip(turns, states, probabilities, memories, strict=True):
        state.sample_rate, state.memory = rate, memory
        turn.found, turn.is_heard = (Activity(turn.start, frame_s, own),), True
    return True


def _open(turn: Turn, engine: Detector) -> tuple[()]:
    state = engine.open(Settings())
    turn.stream.state, turn.stream.state_of = state, type(engine)  # only now: meanwhile it may be another's
    return ()


def _decode(turns: Sequence[Turn]) -> None:
    """Set what the detector gets. Bytes of all in one array: for each alone, calls into numpy would cost the most."""
    plain = [turn.stream.is_plain for turn in turns]  # once: the loop may change it, for what comes after these
    octets = [piece for turn in compress(turns, plain) for piece in (turn.stream.rest, *turn.pieces)]
    samples, at = decode(b"".join(cast("list[bytes]", octets))), 0
    for turn, is_plain in zip(turns, plain, strict=True):
        stream = turn.stream
        held = len(stream.rest) // 2
        try:
            if is_plain:
                own, at = samples[at : at + held + turn.length], at + held + turn.length
            else:
                own = stream.decoder.decode_all([stream.rest, *turn.pieces], last=turn.ends)
        except BaseException as error:
            turn.error = as_exception(error)
            stream.lose(turn)
        else:
            stream.rest = b""
            stream.place(turn, own)


def _hear_together(engine: BatchEngine[AudioChunk, Activity, Any], turns: Sequence[Turn]) -> bool:
    """False if it failed and changed nothing: heard one by one, only the culprit fails then."""
    try:
        results = engine.process_batch([(chunk, turn.stream.state) for turn in turns if (chunk := turn.chunk)])
        count = len(results)
    except EngineError:
        raise
    except BaseException as error:
        if len(turns) > 1:
            return False
        turns[0].is_heard, turns[0].error = True, as_exception(error)
        return True
    for turn in turns:
        turn.is_heard = True
    if count != len(turns):  # whose they are is not known, and the states have moved on
        for turn in turns:
            turn.error = TypeError(f"{engine.name} gave {count} results for {len(turns)} streams")
        return True
    for turn, result in zip(turns, results, strict=True):
        try:
            turn.found = tuple(result)
        except BaseException as error:  # of an engine that makes it late: its states have moved on
            turn.error = as_exception(error)
    return True


def _contain(turn: Turn, function: Callable[..., Iterable[Activity]], *arguments: object) -> None:
    try:
        turn.found = (*turn.found, *function(*arguments))
    except EngineError:
        raise
    except BaseException as error:
        turn.error = as_exception(error)
