"""How a transcription shows itself on stderr: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench import events
from workbench.cli import console
from workbench.clock import clock, time_left
from workbench.errors import WorkbenchError
from workbench.phrase import counted

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from workbench.jobs.totals import Totals
    from workbench.models import Progress as Fetched
    from workbench.transcribe import Result

PLAIN_INTERVAL_S: Final = 10.0
"""Between two plain lines of one file, or of what is fetched."""
NAME_WIDTH: Final = 30
"""Cells of a file's name beside its bar."""
_BAR_WIDTH: Final = 24


class Display(ABC):
    """Tells people how far the files are. Data never goes this way."""

    tick_s: float | None = None
    """How often `total` is to be called; None: never."""
    _hint = ""
    """What was said last, and is not said twice in a row."""

    @abstractmethod
    def loading(self) -> Fetched | None:
        """Engines are being loaded. Gives who is told, in any thread, how far weights are fetched for them."""

    @abstractmethod
    def observer(self, path: Path, done: float = 0.0) -> Callable[[events.Event], None]:
        """Takes the events of one file, of which the first `done` seconds were made by an earlier run."""

    @abstractmethod
    def total(self, found: Totals) -> None:
        """How far all files are, where there are several."""

    def make_way(self) -> None:
        """Data is about to go to standard output, maybe through a pipe to this terminal: draw no more."""

    def say(self, text: str) -> None:
        """A line for people."""
        self._line(text)

    def stopped(self, path: Path, state: str, name: str) -> None:
        """Somebody wanted that. `name` is that of the job, if there is one."""
        how = f"resume {name}" if state == "paused" else f"retry {name}"
        said = (
            f"{state}. To go on: workbench jobs {how}" if name else f"{state} before it was begun, so there is no job"
        )
        self._line(f"{_one_line(path)}: {said}")

    @abstractmethod
    def _line(self, text: str) -> None: ...

    def finished(self, result: Result, *, went_on: bool = False) -> None:
        """`went_on`: an earlier run did a part, so that how fast this one was cannot be told."""
        wrote = ", ".join(map(_one_line, result.outputs)) or "standard output"
        factor = f", {result.duration / result.elapsed:.1f}x real time" if result.elapsed and not went_on else ""
        cues = counted(result.cues, "cue") if result.cues else "no speech"
        language = f", {result.language}" if result.language else ""
        self._line(f"{_one_line(result.path)} -> {wrote} ({clock(result.duration)}{language}, {cues}{factor})")
        for warning in result.warnings:
            self._line(f"  note: {warning}")

    def was_done(self, path: Path, outputs: Sequence[Path]) -> None:
        self._line(f"{_one_line(path)} -> {', '.join(map(_one_line, outputs))} (done before; --force does it again)")

    def failed(self, path: Path, error: WorkbenchError) -> None:
        said = str(error)
        if str(path) not in said and repr(str(path)) not in said:
            said = f"{_one_line(path)}: {said}"
        self._line(f"workbench: {said}" + (f"\n  {error.hint}" if error.hint not in ("", self._hint) else ""))
        self._hint = error.hint


class Lines(Display):
    """No bars, no colours, no cursor movement: for pipes, logs and screen readers."""

    def __init__(self, *, progress: bool) -> None:
        self._progress = progress
        self.tick_s = PLAIN_INTERVAL_S if progress else None

    def loading(self) -> Fetched | None:
        if not self._progress:
            return None
        self._line("Loading engines")
        told = time.monotonic()

        def fetched(done: int, total: int) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told > PLAIN_INTERVAL_S:
                told = now
                self._line(f"Fetching weights: {done // 1_000_000:,} of {total // 1_000_000:,} MB")

        return fetched

    def observer(self, path: Path, done: float = 0.0) -> Callable[[events.Event], None]:
        began = told = time.monotonic()

        def observe(event: events.Event) -> None:
            nonlocal began, told
            now = time.monotonic()
            if isinstance(event, events.Ready):
                began = now
            if not isinstance(event, events.Progress) or not self._progress:
                return
            if now - told > PLAIN_INTERVAL_S:
                told = now
                self._line(f"{_one_line(path)}: {_how_far(event, now - began, done)}")

        return observe

    def total(self, found: Totals) -> None:
        if found.count > 1 and found.running:
            left = _total_left(found)
            self._line(_total_done(found) + (f", {left}" if left else ""))

    def _line(self, text: str) -> None:
        console.say(text)


class _Bars(Display):
    """A bar for each file at work. All is drawn by one thread: else lines and bars would overwrite each other."""

    tick_s = 0.2

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[Path, TaskID] = {}
        self._loading: TaskID | None = None
        self._total: TaskID | None = None

    def loading(self) -> Fetched:
        bar = self._loading = self._progress.add_task("Loading engines", total=None, left="")

        def fetched(done: int, total: int) -> None:
            self._progress.update(bar, completed=done, total=total, visible=self._loading is not None)

        return fetched

    def observer(self, path: Path, done: float = 0.0) -> Callable[[events.Event], None]:
        if self._loading is not None:
            self._progress.update(self._loading, visible=False)  # not removed: an engine may be loaded anew
            self._loading = None
        name = console.cut(_one_line(Path(path.name)), NAME_WIDTH)
        bar = self._bars[path] = self._progress.add_task(name, total=None, left="")
        began = time.monotonic()

        def observe(event: events.Event) -> None:
            nonlocal began
            match event:
                case events.Ready(duration=duration):
                    began = time.monotonic()
                    self._progress.update(bar, total=duration, completed=done)
                case events.Progress(position=position):
                    left = _left(event, time.monotonic() - began, done)
                    self._progress.update(bar, completed=max(position, done), left=left)

        return observe

    def total(self, found: Totals) -> None:
        if found.count > 1:
            if self._total is None:
                self._total = self._progress.add_task("", total=None, left="")
            audio = found.audio_done_s + found.audio_left_s
            self._progress.update(
                self._total,
                description=_total_done(found),
                completed=found.audio_done_s,
                total=audio if found.is_known and audio else None,
                left=_total_left(found),
            )
        with console.to_people():
            self._progress.refresh()

    def finished(self, result: Result, *, went_on: bool = False) -> None:
        self._remove(result.path)
        super().finished(result, went_on=went_on)

    def was_done(self, path: Path, outputs: Sequence[Path]) -> None:
        self._remove(path)
        super().was_done(path, outputs)

    def stopped(self, path: Path, state: str, name: str) -> None:
        self._remove(path)
        super().stopped(path, state, name)

    def failed(self, path: Path, error: WorkbenchError) -> None:
        self._remove(path)
        super().failed(path, error)

    def make_way(self) -> None:
        with console.to_people():
            self._progress.stop()

    def _remove(self, path: Path) -> None:
        if self._loading is not None:  # what was done before, or cannot be done, needs no engines
            self._progress.update(self._loading, visible=False)
        if (bar := self._bars.pop(path, None)) is not None:
            self._progress.remove_task(bar)

    def _line(self, text: str) -> None:
        with console.to_people():
            self._progress.console.print(console.printable(text), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def display(*, plain: bool, shares_terminal: bool) -> Iterator[Display]:
    """Bars when stderr is a terminal and `plain` is not asked for; lines with progress when it is.

    `shares_terminal` says that data goes to stdout: where that is the terminal too, bars would tear it apart.
    """
    is_terminal = console.is_terminal(sys.stderr)
    if plain or not is_terminal or (shares_terminal and console.is_terminal(sys.stdout)):
        yield Lines(progress=plain or is_terminal)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}", markup=False),
        BarColumn(_BAR_WIDTH),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}", style="progress.remaining"),
    )
    screen = Console(stderr=True, emoji=False)
    with Progress(
        *columns,
        console=screen,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,  # data is not for the terminal
    ) as progress:
        yield _Bars(progress)


def _one_line(path: Path) -> str:
    text = str(path)
    return repr(text) if "\n" in text else text


def _how_far(event: events.Progress, elapsed: float, done: float) -> str:
    position, duration = max(event.position, done), event.duration
    if not duration:
        return clock(position)
    text = f"{clock(position)} of {clock(duration)}"
    left = _left(event, elapsed, done)
    return f"{text}, {left}" if left else text


def _left(event: events.Progress, elapsed: float, done: float) -> str:
    """At the mean speed since the engines were ready, which did nothing of the first `done` seconds; empty where that
    cannot be told.
    """
    position, duration = event.position, event.duration
    if not duration or position >= duration:
        return ""
    left = time_left(elapsed, position - done, duration - position)
    return "" if left is None else f"{clock(left)} left"


def _total_done(found: Totals) -> str:
    return f"{found.done} of {found.count} files done" + (f", {found.failed} failed" if found.failed else "")


def _total_left(found: Totals) -> str:
    """With a sign before it while the length of some files is not known."""
    return "" if found.left_s is None else f"{'' if found.is_known else '> '}{clock(found.left_s)} left"
