"""What all commands share: talk on stderr, data on stdout, errors, the log file, plugins, signals."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

from workbench import paths
from workbench.errors import OutputError, WorkbenchError, did_you_mean, first_error, in_one_line, is_expected

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from workbench.plugins import Registry

T = TypeVar("T")

SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_PATIENCE_S: Final = 1.0
"""After which people want to know why it has not stopped."""
disabled_plugins: Final[list[str]] = []
"""Names given with --no-plugin."""
_shows_text = False
"""Whether the terminal's line holds text of `overwrite`."""
_log = logging.getLogger("workbench")


def say(message: str) -> None:
    """A line for people, on stderr."""
    _make_way()
    if sys.stderr is not None:  # it is when it was closed
        with to_people():
            sys.stderr.write(printable(message) + "\n")
            sys.stderr.flush()


@contextlib.contextmanager
def to_people() -> Iterator[None]:
    """Around what is written on stderr: where its terminal is gone nobody is told, which stops no work."""
    try:
        yield
    except OSError as error:
        _log.warning("nobody can be told any more: %s", error)
        if sys.__stderr__ is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stderr__.fileno())


def is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def overwrite(text: str) -> None:
    """Show `text`, dim, in the terminal's line until anything else is said or written. Raises as `write`."""
    global _shows_text
    _shows_text = False  # it is cleared in the same breath: else it would flicker
    write(f"\r\x1b[2K\x1b[2m{printable(text)}\x1b[0m".encode("utf-8", "backslashreplace"))
    _shows_text = True


def _make_way() -> None:
    if _shows_text:
        clear_line()


def clear_line() -> None:
    """Take away what the terminal's line holds that is not to stay: text that still changes, the ^C of a key."""
    global _shows_text
    _shows_text = False
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None and moves_cursor(stream):
            with contextlib.suppress(OSError):  # the terminal is gone: whoever writes next is told
                os.write(stream.fileno(), b"\r\x1b[2K")


def moves_cursor(stream: TextIO | None) -> bool:
    """Whether it is a terminal whose lines can be overwritten."""
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def printable(text: str) -> str:
    """`text` without what a terminal would obey: escapes in a file's name, halves of characters."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def write(data: bytes) -> None:
    """Put data on standard output. Raises `BrokenPipeError` when nobody reads it, and `OutputError`."""
    _make_way()
    if sys.stdout is None:
        raise OutputError("standard output is closed", hint="Send it to another place, or name a file with -o.")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        silence_stdout()
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError(
            f"standard output cannot be written: {error.strerror}",
            hint="Send it to another place, or name a file with -o.",
        ) from error


def print_json(value: Any) -> None:
    """One line of JSON on standard output, in UTF-8 whatever the locale; see `write`."""
    text = json.dumps(value, ensure_ascii=False, default=float) + "\n"  # NumPy's numbers, from engines
    write(text.encode("utf-8", "backslashreplace"))  # half a character in a file's name becomes JSON's own escape


def width() -> int | None:
    """Cells of a line of the terminal that standard output is; None: it is none."""
    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None


def cut(text: str, most: int) -> str:
    """`text` in `most` cells: where it is longer, its middle gives way."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= most:
        return text
    tail = (most - 1) // 2
    end = set_cell_size(text[::-1], tail)[::-1].lstrip()
    return f"{set_cell_size(text, most - 1 - tail).rstrip()}…{end}"


def cut_path(path: str, most: int) -> str:
    """As `cut`, but the folders give way first."""
    from rich.cells import cell_len

    name = path.rpartition("/")[2]
    if cell_len(path) <= most or name == path:
        return cut(path, most)
    return short if cell_len(short := f"…/{name}") <= most else cut(name, most)


def table(rows: Sequence[Sequence[str]], *, most: int | None = None, paths: int = 0) -> str:
    """Lines with their cells in columns as wide as they look, without what a terminal would obey.

    Where they would be wider than `most` cells, the paths in column `paths` are cut, to 8 cells at least.
    """
    from rich.cells import cell_len

    shown = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*shown, strict=True)]
    if most is not None and (excess := sum(widths) + 2 * (len(widths) - 1) - most) > 0:
        widths[paths] = min(widths[paths], max(8, widths[paths] - excess))
        shown = [[*row[:paths], cut_path(row[paths], widths[paths]), *row[paths + 1 :]] for row in shown]
    padded = ([cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)] for row in shown)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def silence_stdout() -> None:
    """Nothing more may be written to it, not even what waits in its buffer at exit."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def log_error(error: BaseException) -> None:
    """Put a line into the log file, and the traceback of what may be a bug."""
    if not _log.hasHandlers():  # it went wrong before any command began
        set_up_log()
    line = "; ".join(part.strip() for part in str(error).splitlines())
    _log.error("%s", line, exc_info=None if is_expected(error) else error)


def fail(error: BaseException) -> int:
    """Say what went wrong and what to do next; gives the exit code."""
    log_error(error)
    said = as_workbench_error(error)
    say(f"workbench: {said}" + (f"\n  {said.hint}" if said.hint else ""))
    return said.exit_code


def as_workbench_error(error: BaseException) -> WorkbenchError:
    """Anything that is not an error of ours is a bug, or the system's; both say where the details are."""
    if isinstance(error, WorkbenchError):
        return error
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return OutputError(f"{where}{error.strerror or error}", hint=f"Details: {paths.log_file()}")
    return WorkbenchError(in_one_line(error), hint=f"This is a bug of the workbench. Details: {paths.log_file()}")


def set_up_log() -> None:
    """Log to a file in the state folder. What cannot be logged is not worth failing for."""
    from logging.handlers import RotatingFileHandler

    try:
        paths.state_dir().mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = RotatingFileHandler(
            paths.log_file(), maxBytes=2_000_000, backupCount=2, encoding="utf-8", delay=True, errors="backslashreplace"
        )
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # else it tells of each change of a file


def registry() -> Registry:
    """The engines of all plugins but those left out, for good or with --no-plugin."""
    from workbench import plugins

    found = plugins.load([*disabled_plugins, *plugins.disabled()])
    known = {name for plugin in found.plugins for name in (plugin.name, plugin.distribution)}
    for name in disabled_plugins:
        if name not in known:
            say(f"note: no plugin is called {name!r}{did_you_mean(name, known)}")
    return found


def run(
    work: Coroutine[Any, Any, T],
    *,
    interrupted: Callable[[], bool] = lambda: False,
    cut_short: Callable[[], None] = lambda: None,
    new_loop: Callable[[], AbstractEventLoop] | None = None,
) -> T:
    """Run `work` on an event loop. The first signal cancels it and waits for running threads, a second one does not.

    `new_loop` makes the loop, if it is not asyncio's own. `interrupted` is called on the loop for each Ctrl-C; when it
    gives True, that is all that happens. `cut_short` is called before a second signal ends the process.
    """
    import asyncio

    caught: list[int] = []

    async def supervise() -> T:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()

        def stop(number: int) -> None:
            if number == signal.SIGINT:
                clear_line()
            if number == signal.SIGINT and not caught and interrupted():
                return
            if caught:
                cut_short()
                _leave_terminal()
                os._exit(128 + number)
            caught.append(number)
            say("Stopping. Once more ends it at once.")
            loop.call_later(_PATIENCE_S, _say_what_is_waited_for)
            assert task is not None
            task.cancel()

        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C is a KeyboardInterrupt there
                    loop.add_signal_handler(number, stop, number)
        return await work

    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(supervise())
    except BaseExceptionGroup as group:
        error = first_error(group)
        raise error from error.__cause__
    except asyncio.CancelledError:
        if not caught:
            raise
        raise SystemExit(128 + caught[0]) from None


def _say_what_is_waited_for() -> None:
    from workbench import threads

    if threads.busy():
        say("Waiting for engines to end what they have begun.")


def _leave_terminal() -> None:
    """Clear the line of the bar and show the cursor. Nothing is drawn after that, by no thread."""
    if is_terminal(sys.__stderr__) and sys.__stderr__ is not None:
        stderr = sys.__stderr__.fileno()
        terminal = os.dup(stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), stderr)
        os.write(terminal, b"\r\x1b[2K\x1b[?25h")
