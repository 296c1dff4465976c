"""Media files that appear in a folder, each when it is complete."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Final, TypeAlias

from workbench.errors import InputError
from workbench.jobs.folders import media_files
from workbench.jobs.work import status_of
from workbench.threads import to_thread

Status: TypeAlias = tuple[int, int]
"""Size and time of a file."""
QUIET_S: Final = 2.0
"""Programs that write a file slowly, such as downloads, rarely pause for longer."""
_STEP_MS: Final = 100
_KEPT: Final = "What was begun is kept: workbench jobs."


class Growth:
    """Tells which files do not change any more. Pure."""

    def __init__(self, quiet_s: float) -> None:
        """A file is complete that did not change for `quiet_s`, and is not empty."""
        self._quiet_s = quiet_s
        self._statuses: Mapping[Path, Status] = {}
        self._due: dict[Path, float] = {}

    def look(self, statuses: Mapping[Path, Status], now: float) -> list[Path]:
        """The files that are complete, each told once, and once more when it has changed after that.

        `statuses` are of all files there are `now`, in seconds on any clock.
        """
        changed = {path for path, status in statuses.items() if status != self._statuses.get(path)}
        due = self._due | dict.fromkeys(changed, now + self._quiet_s)
        self._due = {path: at for path, at in due.items() if path in statuses and statuses[path][0]}
        self._statuses = statuses
        complete = [path for path, due in self._due.items() if due <= now]
        for path in complete:
            del self._due[path]
        return complete

    @property
    def due(self) -> float:
        """When to look next, though nothing happens."""
        return min(self._due.values(), default=math.inf)


async def watch_folder(
    folder: Path, found: Callable[[Path, Status], None], *, recursive: bool = False, quiet_s: float = QUIET_S
) -> None:
    """Call `found`, on the loop, with each media file that is in `folder` or appears there, once it is complete.

    With one that changes after that, again. Hidden files and folders, and copies that `--mux` made, are left out. Runs
    until cancelled. Raises `InputError` where the folder cannot be watched, or is there no more.
    """
    from watchfiles import awatch

    number = await to_thread(_number_of, folder)
    await to_thread(_statuses, folder, number, recursive)  # what cannot be read cannot be watched
    growth = Growth(quiet_s)
    wait_s: float | None = 0.0
    try:
        async with aclosing(
            awatch(folder, watch_filter=None, step=_STEP_MS, debounce=2 * _STEP_MS, recursive=recursive)
        ) as changes:
            told = asyncio.ensure_future(_next(changes))
            try:
                while True:
                    done, _ = await asyncio.wait({told}, timeout=wait_s)  # the first one begins to watch, then it looks
                    if done:
                        told.result()
                        told = asyncio.ensure_future(_next(changes))
                    statuses = await to_thread(_statuses, folder, number, recursive)
                    for path in growth.look(statuses, time.monotonic()):
                        found(path, statuses[path])
                    wait_s = None if growth.due == math.inf else max(0.0, growth.due - time.monotonic())
            finally:
                told.cancel()
                await asyncio.wait({told})
    except OSError as error:
        reason = f"folder {str(folder)!r} cannot be watched: {error.strerror or error}"
        hint = f"{_KEPT} Check its permissions, and watch it again; or for once: workbench transcribe FOLDER"
        raise InputError(reason, hint=hint) from error


async def _next(changes: AsyncIterator[object]) -> None:
    """Wait for a change. Raises `OSError`, also when the system tells of no more."""
    try:
        await anext(changes)
    except StopAsyncIteration as end:
        raise OSError("the system tells of changes no more") from end
    except RuntimeError as error:  # what watchfiles raises for errors that are none of a file
        raise OSError(str(error)) from error


def _number_of(folder: Path) -> int:
    """What tells it from another one of its name."""
    try:
        return folder.stat().st_ino if folder.is_dir() else -1
    except OSError:
        return -1


def _statuses(folder: Path, number: int, recursive: bool) -> dict[Path, Status]:
    """Of all media files. Raises `InputError` when it is not the folder of that number."""
    if number == -1 or _number_of(folder) != number:
        hint = f"{_KEPT} Watch it again when it is there."
        raise InputError(f"there is no folder {str(folder)!r}" + ("" if number == -1 else " any more"), hint=hint)
    found = ((path, status_of(path)) for path in media_files(folder, recursive=recursive))
    return {path: status for path, status in found if status is not None}
