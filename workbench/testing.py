"""What plugin authors call from their own tests. Needs no running pool and no asyncio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from itertools import zip_longest
from typing import Any, TypeVar

import numpy as np

from workbench.engines import Engine, Settings
from workbench.types import SAMPLE_RATE, AudioChunk, Samples, SpeechSegment, Window

In = TypeVar("In")
Out = TypeVar("Out")


def run(engine: Engine[In, Out, Any], items: Sequence[In], settings: Settings | None = None) -> list[Out]:
    """Everything `engine` gives for one stream of `items`: open, process each, flush, release."""
    return run_interleaved(engine, [items], settings)[0]


def run_interleaved(
    engine: Engine[In, Out, Any], streams: Sequence[Sequence[In]], settings: Settings | None = None
) -> list[list[Out]]:
    """The same for several streams that take turns, an item each."""
    states = [engine.open(settings or Settings()) for _ in streams]
    outputs: list[list[Out]] = [[] for _ in streams]
    for turn in zip_longest(*([(item,) for item in items] for items in streams)):
        for item, state, made in zip(turn, states, outputs, strict=True):
            if item is not None:
                made.extend(engine.process(item[0], state))
    for state, made in zip(states, outputs, strict=True):
        made.extend(engine.flush(state))
        engine.release(state)
    return outputs


def assert_streams_are_independent(
    engine: Engine[In, Out, Any], first: Sequence[In], second: Sequence[In], settings: Settings | None = None
) -> None:
    """Fail if anything of one stream reaches another: interleaved, two give bit for bit what each gives alone."""
    alone = [run(engine, first, settings), run(engine, second, settings)]
    together = run_interleaved(engine, [first, second], settings)
    for name, expected, got in zip(("first", "second"), alone, together, strict=True):
        assert same(expected, got), f"the {name} stream differs when another runs beside it"


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal, arrays inside dataclasses and sequences included."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return type(a) is type(b) and a.dtype == b.dtype and np.array_equal(a, b)
    if is_dataclass(a) and not isinstance(a, type):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def chunks(samples: Samples, sample_rate: int = SAMPLE_RATE, *, chunk_s: float = 0.1) -> list[AudioChunk]:
    """`samples` as a stream delivers them."""
    step = max(1, round(chunk_s * sample_rate))
    starts = range(0, len(samples), step)
    return [AudioChunk(samples[i : i + step], sample_rate, i / sample_rate) for i in starts]


def window(samples: Samples, sample_rate: int = SAMPLE_RATE, *, start: float = 0.0) -> Window:
    """`samples` as a recognizer gets them."""
    return Window((SpeechSegment(id=0, audio=AudioChunk(samples, sample_rate, start)),))
