"""What all commands share: talk on stderr, data on stdout, errors, the log file, plugins, signals."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

from workbench import paths
from workbench.errors import OutputError, WorkbenchError

if TYPE_CHECKING:
    from workbench.plugins import Registry

T = TypeVar("T")

SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
disabled_plugins: Final[list[str]] = []
"""Names given with --no-plugin."""
_log = logging.getLogger("workbench")


def say(message: str) -> None:
    """A line for people, on stderr."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def log_error(error: BaseException) -> None:
    """Put the traceback into the log file."""
    _log.error("%s", error, exc_info=error)


def fail(error: BaseException) -> int:
    """Say what went wrong and what to do next; gives the exit code."""
    log_error(error)
    said = as_workbench_error(error)
    say(f"workbench: {said}")
    if said.hint:
        say(f"  {said.hint}")
    return said.exit_code


def as_workbench_error(error: BaseException) -> WorkbenchError:
    """Anything that is not an error of ours is a bug, or the system's; both say where the details are."""
    if isinstance(error, WorkbenchError):
        return error
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return OutputError(f"{where}{error.strerror or error}", hint=f"Details: {log_path()}")
    return WorkbenchError(f"{type(error).__name__}: {error}", hint=f"This is a bug. Details: {log_path()}")


def log_path() -> str:
    return str(paths.state_dir() / "workbench.log")


def set_up_log() -> None:
    """Log to a file in the state folder. What cannot be logged is not worth failing for."""
    from logging.handlers import RotatingFileHandler

    try:
        paths.state_dir().mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = RotatingFileHandler(
            log_path(), maxBytes=2_000_000, backupCount=2, encoding="utf-8", delay=True
        )
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def registry() -> Registry:
    """The engines of all plugins but those left out with --no-plugin."""
    from workbench import plugins

    return plugins.load(disabled_plugins)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on an event loop. The first signal cancels it and waits for running threads, a second one does not."""
    import asyncio

    caught: list[int] = []

    async def supervise() -> T:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()

        def stop(number: int) -> None:
            if caught:
                _leave_terminal()
                os._exit(128 + number)
            caught.append(number)
            say("Stopping. Once more ends it at once.")
            assert task is not None
            task.cancel()

        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                loop.add_signal_handler(number, stop, number)
        return await work

    try:
        return asyncio.run(supervise())
    except asyncio.CancelledError:
        if not caught:
            raise
        raise SystemExit(128 + caught[0]) from None


def _leave_terminal() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h\n")
        sys.stderr.flush()
