"""How far all files of a queue are. Pure: `now` is by `time.monotonic`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.clock import time_left
from workbench.jobs.checkpoint import State

if TYPE_CHECKING:
    from workbench.jobs.queue import Entry


@dataclass(frozen=True, slots=True)
class Totals:
    count: int
    """Files, but those that were cancelled."""
    done: int
    running: int
    failed: int
    audio_done_s: float
    """Of files that are done, run or wait, as far as their length is known,"""
    audio_left_s: float
    """and what is ahead of those that run or wait."""
    is_known: bool
    """Whether it is, of all of them."""
    left_s: float | None
    """Until all of these are done, 0 or more; None: that cannot be told yet."""


def speed(entry: Entry, now: float) -> float | None:
    """Seconds of audio a second, of this run; None: that cannot be told."""
    if entry.state is State.RUNNING and entry.run_began is not None and now > entry.run_began:
        return (entry.position - entry.run_from) / (now - entry.run_began)
    if entry.result is not None and entry.result.elapsed > 0 and not entry.run_from:  # or it did only a part
        return entry.result.duration / entry.result.elapsed
    return None


def totals(entries: Iterable[Entry], now: float) -> Totals:
    found = [entry for entry in entries if entry.state is not State.CANCELLED]
    running = [entry for entry in found if entry.state is State.RUNNING]
    finished = [entry for entry in found if entry.state is State.FINISHED]
    ahead = running + [entry for entry in found if entry.state is State.QUEUED]
    audio_left = sum(max(0.0, entry.duration - entry.position) for entry in ahead if entry.duration)
    slowest = max((entry.left_s(now) or 0.0 for entry in running), default=0.0)
    left_s = time_left(*_pace(running, finished, now), audio_left)
    return Totals(
        count=len(found),
        done=len(finished),
        running=len(running),
        failed=sum(entry.state is State.FAILED for entry in found),
        audio_done_s=sum(e.duration or 0.0 for e in finished) + sum(min(e.position, e.duration or 0.0) for e in ahead),
        audio_left_s=audio_left,
        is_known=all(entry.duration is not None for entry in ahead),
        left_s=None if left_s is None else max(slowest, left_s),
    )


def _pace(running: Iterable[Entry], finished: Iterable[Entry], now: float) -> tuple[float, float]:
    """(seconds since there is no break in the work, seconds of audio that were done in them)."""
    began = [entry.run_began for entry in running if entry.run_began is not None]
    ended = [(e.run_began, e.run_began + e.result.elapsed) for e in finished if e.result and e.run_began is not None]
    since = min(began, default=now)
    for begin, end in sorted(ended, reverse=True):
        since = min(since, begin) if end >= since else since
    counted = [e for e in (*running, *finished) if e.run_began is not None and e.run_began >= since]
    return now - since, sum(entry.position - entry.run_from for entry in counted)
