"""How jobs are told of: rows of a table and lines for people, objects for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from workbench.cli import console
from workbench.clock import clock
from workbench.engines import Settings
from workbench.errors import InputError, WorkbenchError
from workbench.jobs.checkpoint import Failure, State
from workbench.jobs.entry import share_done
from workbench.jobs.request import Request, request_of
from workbench.jobs.store import JobInfo

HEADER = ("NAME", "STATE", "FILE", "DONE", "WHEN", "ERROR")
_SHOWN_FAILURES = 10


def state_of(info: JobInfo) -> str:
    """One of `State`, or "interrupted", which nobody works on, or "damaged"."""
    if info.state is None:
        return "damaged"
    if info.is_held:
        return State.RUNNING
    return "interrupted" if info.state is State.RUNNING else info.state


def error_of(info: JobInfo) -> tuple[str, str] | None:
    """(message, hint) of what stopped it last."""
    if info.refused is not None:
        return info.refused.message, info.refused.hint
    found = info.checkpoint.stopped_by if info.checkpoint else None
    return (found.message, found.hint) if found else None


def next_step(info: JobInfo) -> str:
    """A command; empty where there is nothing to do."""
    if info.is_held:
        return f"workbench jobs pause {info.name}"
    match state_of(info):
        case "damaged":
            return f"workbench jobs remove {info.name}"
        case State.FAILED | State.CANCELLED:
            return f"workbench jobs retry {info.name}"
        case State.FINISHED:
            return ""
        case _:
            return f"workbench jobs resume {info.name}"


def row(info: JobInfo) -> tuple[str, ...]:
    """Below `HEADER`. Raises `InputError`."""
    share, error = _share(info, _position(info)), error_of(info)
    file = str(info.checkpoint.path) if info.checkpoint else "-"
    percent = f"{share:.0%}" if share is not None else "-"
    message = " ".join(error[0].split()) if error else ""
    return info.name, state_of(info), file, percent, f"{info.touched:%Y-%m-%d %H:%M}", message


def listing(found: Sequence[JobInfo], most: int | None) -> str:
    """A line for each job. In lines of `most` cells, errors stand below it, and paths are cut. Raises `InputError`."""
    rows = list(map(row, found))
    if most is None:
        return console.table([HEADER, *rows])
    columns = [cells[:-1] for cells in (HEADER, *rows)]
    lines = console.table(columns, most=most, paths=HEADER.index("FILE")).splitlines()
    errors = ("", *(console.cut(f"  {console.printable(cells[-1])}", most) if cells[-1] else "" for cells in rows))
    return "\n".join(line for pair in zip(lines, errors, strict=True) for line in pair if line)


def to_dict(info: JobInfo) -> dict[str, Any]:
    """One job, plain JSON values. Raises `InputError`."""
    position, error = _position(info), error_of(info)
    share, checkpoint = _share(info, position), info.checkpoint
    return {
        "name": info.name,
        "state": state_of(info),
        "file": str(checkpoint.path) if checkpoint else None,
        "position": round(position, 3),
        "duration": checkpoint.duration if checkpoint else None,
        "progress": round(share, 4) if share is not None else None,
        "created": checkpoint.created.isoformat() if checkpoint else None,
        "touched": info.touched.isoformat(),
        "bytes": info.size,
        "error": {"message": error[0], "hint": error[1]} if error else None,
        "next": next_step(info),
    }


def details(info: JobInfo) -> dict[str, Any]:
    """All that is known of one job, plain JSON values. Raises `InputError`."""
    checkpoint = info.checkpoint
    if checkpoint is None:
        return to_dict(info)
    request = _request(info)
    return to_dict(info) | {
        "folder": str(info.folder),
        "output": [str(path) for path in request.targets.paths] if request else [],
        "language": checkpoint.language,
        "results": len(info.results()),
        "settings": checkpoint.identity.settings,
        "stages": checkpoint.identity.profile,
        "plugins": checkpoint.identity.plugins,
        "models": checkpoint.identity.models,
        "failures": [_failure_dict(failure) for failure in checkpoint.failures],
    }


def lines(info: JobInfo) -> Iterator[tuple[str, str]]:
    """(title, text) of all that people want to know. Raises `InputError`."""
    position, error, checkpoint = _position(info), error_of(info), info.checkpoint
    share = _share(info, position)
    yield "job", info.name
    yield "state", state_of(info)
    if checkpoint is not None:
        duration = f" of {clock(checkpoint.duration)}" if checkpoint.duration else ""
        yield "file", str(checkpoint.path)
        yield "done", clock(position) + duration + (f", {share:.0%}" if share is not None else "")
        if share is not None and share >= 0.99 and not info.is_over:
            yield "left", "its files are not written yet"
        yield from _asked(info)
        yield "begun", f"{checkpoint.created:%Y-%m-%d %H:%M:%S}"
    yield "touched", f"{info.touched:%Y-%m-%d %H:%M:%S}"
    yield "stored", f"{info.size:,} bytes in {info.folder}"
    if error:
        yield "error", error[0]
        yield "", error[1]
    failures = _failures(info)
    if len(failures) > _SHOWN_FAILURES:
        yield "history", f"{len(failures) - _SHOWN_FAILURES} older failures: --json has them"
    for failure in failures[-_SHOWN_FAILURES:]:
        yield "history", _failure_line(failure)
    if step := next_step(info):
        yield "next", step


def _asked(info: JobInfo) -> Iterator[tuple[str, str]]:
    assert info.checkpoint is not None
    if request := _request(info):
        for path in request.targets.paths:
            yield "writes", str(path)
        yield from _settings(request.settings, info.checkpoint.language)
    for kind, stage in info.checkpoint.identity.profile.items():
        options = {**stage.get("options", {}), **stage.get("core", {})}
        said = ", ".join(f"{key}={value}" for key, value in options.items() if value is not None)
        yield kind, stage["engine"] + (f" ({said})" if said else "")


def _settings(settings: Settings, detected: str | None) -> Iterator[tuple[str, str]]:
    language = settings.language or (f"{detected}, detected" if detected else "to be detected")
    yield "language", f"{language} > {settings.target_language}" if settings.target_language else language


def _request(info: JobInfo) -> Request | None:
    try:
        return request_of(info.checkpoint) if info.checkpoint else None
    except WorkbenchError:  # of another version: the rest can be told
        return None


def _position(info: JobInfo) -> float:
    if info.state is State.FINISHED and info.checkpoint and info.checkpoint.duration:
        return info.checkpoint.duration
    try:
        return info.position()
    except InputError:  # its log cannot be read, which is said when it is gone on with; the others can be listed
        return 0.0


def _share(info: JobInfo, position: float) -> float | None:
    return share_done(info.state, position, info.checkpoint.duration) if info.checkpoint else None


def _failures(info: JobInfo) -> tuple[Failure, ...]:
    return info.checkpoint.failures if info.checkpoint else ()


def _failure_line(failure: Failure) -> str:
    place = f"{failure.item.kind} at {clock(failure.item.start)}: " if failure.item else ""
    kind = "may pass, " if failure.is_temporary else ""
    message = " ".join(failure.message.split())
    return f"{failure.at:%Y-%m-%d %H:%M:%S} ({kind}{failure.code}) {place}{message} {failure.hint}".rstrip()


def _failure_dict(failure: Failure) -> dict[str, Any]:
    return {
        "at": failure.at.isoformat(),
        "stage": failure.item.kind if failure.item else None,
        "start": failure.item.start if failure.item else None,
        "temporary": failure.is_temporary,
        "code": failure.code,
        "message": failure.message,
        "hint": failure.hint,
    }
