"""Which jobs a user means."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import UsageError
from workbench.jobs.store import JobInfo
from workbench.selection import LAST, one_called


def one_of(jobs: Sequence[JobInfo], name: str | None) -> JobInfo:
    """The job of that name, or the only one that begins so; `LAST`: the newest. `jobs` has the newest first.

    Raises `UsageError`.
    """
    return some_of(jobs, [name] if name is not None else [])[0]


def some_of(jobs: Sequence[JobInfo], names: Sequence[str] | None) -> list[JobInfo]:
    """The jobs of these names, each once, at least one. Raises as `one_of`."""
    if not names:
        raise UsageError("no job is named", hint=f"Name one; the newest is {LAST!r}. To see them: workbench jobs")
    if not jobs:
        raise UsageError("there is no job yet", hint="To make one: workbench transcribe FILE")
    known = {info.name: info for info in jobs}
    found = [one_called(name, known, "job") for name in names]
    return list({info.name: info for info in found}.values())
