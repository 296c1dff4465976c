"""What became of each file: a line for people on stderr, results for programs on stdout, and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from workbench.cli import console
from workbench.cli.progress import Display, Lines
from workbench.errors import WorkbenchError
from workbench.jobs.queue import Entry
from workbench.transcribe import Result

PARTLY: Final = 3
"""Exit code: some files failed, or were paused or cancelled."""


class Report:
    """Under `as_json` every file gets exactly one line on stdout, whatever happens."""

    def __init__(self, files: Sequence[Path], *, as_json: bool) -> None:
        self.shown: Display = Lines(progress=False)
        self._as_json = as_json
        self._open = list(files)
        self._count = len(self._open)
        self._codes: list[int] = []

    def add(self, path: Path) -> None:
        """One more file."""
        self._open.append(path)
        self._count += 1

    def finished(self, result: Result, *, went_on: bool = False) -> None:
        """`went_on`: an earlier run did a part of it."""
        if result.rendered:
            self.shown.make_way()
        for data in result.rendered:
            console.write(data)
        if self._as_json:
            console.print_json(result.to_dict())
        self._open.remove(result.path)
        self.shown.finished(result, went_on=went_on)

    def was_done(self, entry: Entry) -> None:
        """All its files were made before."""
        path, outputs = entry.request.targets.path, entry.request.targets.paths
        if self._as_json:
            console.print_json(
                {"file": str(path), "output": list(map(str, outputs)), "job": entry.name, "done": "before"}
            )
        self._open.remove(path)
        self.shown.was_done(path, outputs)

    def stopped(self, entry: Entry) -> None:
        """It was paused or cancelled, here or by another process."""
        path = entry.request.targets.path
        self._codes.append(PARTLY)
        if self._as_json:
            console.print_json({"file": str(path), "job": entry.name, "state": entry.state})
        self._open.remove(path)
        self.shown.stopped(path, entry.state, entry.name)

    def failed(self, path: Path, error: Exception) -> None:
        console.log_error(error)
        said = console.as_workbench_error(error)
        self._codes.append(said.exit_code)
        self._print_error(path, said)
        self.shown.failed(path, said)

    def give_up(self, error: WorkbenchError) -> None:
        """`error` ends it for all files that are not done. The caller tells people."""
        for path in list(self._open):
            self._print_error(path, error)

    def exit_code(self) -> int:
        """That of the failures when all files failed alike."""
        if not self._codes:
            return 0
        if len(self._codes) < self._count:
            return PARTLY
        return self._codes[0] if len(set(self._codes)) == 1 else 1

    def _print_error(self, path: Path, error: WorkbenchError) -> None:
        self._open.remove(path)
        if self._as_json:
            about = {"code": error.code, "message": str(error), "hint": error.hint}
            console.print_json({"file": str(path), "error": about})
