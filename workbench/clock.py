"""Times on the timeline and durations, as people read them on every face."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """m:ss, from an hour on h:mm:ss. Whole seconds that have passed; below 0 is 0."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def time_left(elapsed: float, done: float, ahead: float) -> float | None:
    """Seconds until `ahead` is done as fast as `done` was in `elapsed`, 0 or more; None: that cannot be told."""
    return max(0.0, elapsed * ahead / done) if done > 0 else None
