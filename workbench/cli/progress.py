"""How a transcription shows itself on stderr: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench import events
from workbench.cli import console

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from workbench.transcribe import Result

PLAIN_INTERVAL_S: Final = 10.0
"""Between two plain lines of one file."""


class Display(ABC):
    """Tells people how far the files are. Data never goes this way."""

    @abstractmethod
    def status(self, text: str) -> None:
        """What is going on before the first file."""

    @abstractmethod
    def observer(self, path: Path) -> Callable[[events.Event], None]:
        """Takes the events of one file."""

    @abstractmethod
    def _line(self, text: str) -> None: ...

    def finished(self, result: Result) -> None:
        wrote = ", ".join(str(path) for path in result.outputs) or "standard output"
        factor = f", {result.duration / result.elapsed:.1f}x real time" if result.elapsed else ""
        cues = "no speech" if not result.cues else "1 cue" if result.cues == 1 else f"{result.cues} cues"
        language = f", {result.language}" if result.language else ""
        self._line(f"{result.path} -> {wrote} ({_clock(result.duration)}{language}, {cues}{factor})")
        for warning in result.warnings:
            self._line(f"  note: {warning}")

    def failed(self, path: Path, error: Exception) -> None:
        console.log_error(error)
        said = console.as_workbench_error(error)
        self._line(f"workbench: {said}" if str(path) in str(said) else f"workbench: {path}: {said}")
        if said.hint:
            self._line(f"  {said.hint}")


class _Lines(Display):
    """No bars, no colours, no cursor movement: for pipes, logs and screen readers."""

    def __init__(self, *, progress: bool) -> None:
        self._progress = progress

    def status(self, text: str) -> None:
        if self._progress:
            self._line(text)

    def observer(self, path: Path) -> Callable[[events.Event], None]:
        told = time.monotonic()

        def observe(event: events.Event) -> None:
            nonlocal told
            if not isinstance(event, events.Progress) or not self._progress:
                return
            if time.monotonic() - told > PLAIN_INTERVAL_S:
                told = time.monotonic()
                of = f" of {_clock(event.duration)}" if event.duration else ""
                self._line(f"{path}: {_clock(event.position)}{of}")

        return observe

    def _line(self, text: str) -> None:
        console.say(text)


class _Bars(Display):
    """A bar for each file at work."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[Path, TaskID] = {}
        self._loading: TaskID | None = None

    def status(self, text: str) -> None:
        self._loading = self._progress.add_task(text, total=None)

    def observer(self, path: Path) -> Callable[[events.Event], None]:
        if self._loading is not None:
            self._progress.remove_task(self._loading)
            self._loading = None
        bar = self._bars[path] = self._progress.add_task(path.name, total=None)

        def observe(event: events.Event) -> None:
            match event:
                case events.Ready(duration=duration):
                    self._progress.update(bar, total=duration)
                case events.Progress(position=position):
                    self._progress.update(bar, completed=position)

        return observe

    def finished(self, result: Result) -> None:
        self._remove(result.path)
        super().finished(result)

    def failed(self, path: Path, error: Exception) -> None:
        self._remove(path)
        super().failed(path, error)

    def _remove(self, path: Path) -> None:
        if (bar := self._bars.pop(path, None)) is not None:
            self._progress.remove_task(bar)

    def _line(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def display(*, plain: bool) -> Iterator[Display]:
    """Bars when stderr is a terminal and `plain` is not asked for; lines with progress when it is."""
    if plain or not sys.stderr.isatty():
        yield _Lines(progress=plain or sys.stderr.isatty())
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bars(progress)


def _clock(seconds: float | None) -> str:
    minutes, rest = divmod(round(seconds or 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
