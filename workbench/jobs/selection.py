"""Which jobs a user means: by name, by how it begins, or "last", the newest."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import UsageError, did_you_mean
from workbench.jobs.store import JobInfo

LAST = "last"
"""Names the newest job, as it does the newest session."""
_LIST = "To see them: workbench jobs"


def one_of(jobs: Sequence[JobInfo], name: str | None) -> JobInfo:
    """The job of that name, or the only one that begins so; `LAST`: the newest. `jobs` has the newest first.

    Raises `UsageError`.
    """
    return some_of(jobs, [name] if name is not None else [])[0]


def some_of(jobs: Sequence[JobInfo], names: Sequence[str] | None) -> list[JobInfo]:
    """The jobs of these names, each once, at least one. Raises as `one_of`."""
    if not names:
        raise UsageError("no job is named", hint=f"Name one; the newest is {LAST!r}. {_LIST}")
    if not jobs:
        raise UsageError("there is no job yet", hint="To make one: workbench transcribe FILE")
    return list({info.name: info for info in (_find(jobs, name) for name in names)}.values())


def _find(jobs: Sequence[JobInfo], name: str) -> JobInfo:
    if name == LAST:
        return jobs[0]
    exact = [info for info in jobs if info.name == name]
    matching = exact or [info for info in jobs if name and info.name.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        shown = ", ".join(info.name for info in matching[:5]) + (", ..." if len(matching) > 5 else "")
        raise UsageError(f"{len(matching)} jobs are called {name!r}...", hint=f"Say which: {shown}")
    raise UsageError(f"there is no job {name!r}{did_you_mean(name, [info.name for info in jobs])}", hint=_LIST)
