"""Times on the timeline and durations, as people read them on every face."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """m:ss, from an hour on h:mm:ss. Whole seconds that have passed; below 0 is 0."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
