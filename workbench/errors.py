"""What can go wrong, from the user's side. Each error says what and where, and what to do next.

WorkbenchError                    exit 1
├── UsageError                    exit 2   the command line, a profile or an option is wrong
│   ├── ProfileError                       a profile has mistakes; `problems` holds all of them
│   ├── UnknownEngine                      no installed plugin has that engine
│   ├── UnsupportedLanguage                an engine has no such pair, voice or language
│   ├── JobBusy                            a process works on that job
│   └── JobChanged                         a job was begun with something else; `differences` says with what
├── MissingError                  exit 4   a device, a model or a package is not on this machine
├── InputError                    exit 1   a file or device does not give audio
│   ├── DeviceLost                         a device that gave audio is gone; it may come back
│   └── JobRefused                         what is stored of a job cannot be trusted
├── OutputError                   exit 74  a result cannot be written
│   └── DiskFull                           there is no room for it; it can be written when there is
├── EngineError                   exit 1   a loaded engine is broken: the pool replaces it
│   ├── EngineHung                         an engine did not answer in time
│   └── ProcessDied                        an engine takes the whole program with it
├── StageError                    exit 1   an engine could not do one item
├── Overrun                       exit 1   a stream is fed faster than it is worked on
├── PoolBusy                      exit 1   no engine became free in time
└── PoolClosed                    exit 1   work was given to a pool or stream that is closed
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar


class Severity(StrEnum):
    """What an error leaves of the stream it comes from."""

    ERROR = "error"
    """All but what failed: the stream goes on."""
    FATAL = "fatal"
    """Nothing: the stream has ended."""


class WorkbenchError(Exception):
    """The root of the tree. `hint` names the next command or step; empty where there is none."""

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "error"
    """What programs match on; stable."""
    severity: ClassVar[Severity] = Severity.ERROR
    stage: str | None = None
    """The kind of the stage whose engine failed; None: not known, or none did."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(WorkbenchError):
    """The command line, a profile or an option is wrong; nothing was started."""

    exit_code = 2
    code = "usage"


class ProfileError(UsageError):
    """A profile has mistakes. All of them are in `problems`, one line each."""

    code = "profile"

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  {problem}" for problem in self.problems)])


class UnknownEngine(UsageError):
    """No installed plugin has an engine of that name."""

    code = "unknown-engine"


class UnsupportedLanguage(UsageError):
    """The engine has no such language, pair of languages, or voice."""

    code = "unsupported-language"


class JobBusy(UsageError):
    """A process works on that job."""

    code = "job-busy"


class JobChanged(UsageError):
    """A job was begun with another file, profile, plugin or model. `differences` says so, one line each."""

    code = "job-changed"

    def __init__(self, message: str, *, differences: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.differences = differences

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  {difference}" for difference in self.differences)])


class MissingError(WorkbenchError):
    """A device, a model or a package is not on this machine."""

    exit_code = 4
    code = "missing"


class InputError(WorkbenchError):
    """A file or device does not give audio that can be used."""

    code = "input"


class DeviceLost(InputError):
    """A device stopped giving audio. Whoever captures tells it, silence takes its place, and it is opened again."""

    code = "device-lost"


class JobRefused(InputError):
    """What is stored of a job is damaged, or made by a newer program: nothing of it is used."""

    code = "job-refused"


class OutputError(WorkbenchError):
    """A result could not be written. Nothing is left under its final name."""

    exit_code = 74
    code = "output"


class DiskFull(OutputError):
    """There is no room for a result, on the disk or in the user's part of it. It can be written when there is."""

    code = "disk-full"


class EngineError(WorkbenchError):
    """A loaded engine is broken. Any other exception from an engine concerns only the item at hand."""

    code = "engine"


class EngineHung(EngineError):
    """An engine gave no value for longer than the pool allows."""

    code = "engine-hung"


class ProcessDied(EngineError):
    """The process ended while an engine was at work on an item; nothing says why."""

    code = "process-died"


class StageError(WorkbenchError):
    """An engine could not do one item: names the stage, the engine and the place in the audio."""

    code = "stage"


class Overrun(WorkbenchError):
    """A stream was fed while too much of it waits. Nothing was taken."""

    code = "overrun"


class PoolBusy(WorkbenchError):
    """No engine became free within the pool's acquire timeout."""

    code = "busy"


class PoolClosed(WorkbenchError):
    """Work was given to a pool or a stream that is closed."""

    code = "closed"
    severity = Severity.FATAL


def is_expected(error: BaseException) -> bool:
    """Whether its text is all there is to know, as of mistakes, files and devices; of bugs the traceback tells more."""
    if isinstance(error, (UsageError, MissingError, InputError, OutputError, PoolBusy, PoolClosed)):
        return True
    return isinstance(error, WorkbenchError) and (error.__cause__ is None or is_expected(error.__cause__))


def in_one_line(error: BaseException) -> str:
    """The type and the text of an exception that is not of this tree."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ " (did you mean 'x'?)", or nothing when no known name is close."""
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended a group of tasks: the rest are its consequences."""
    error = group.exceptions[0]
    return first_error(error) if isinstance(error, BaseExceptionGroup) else error
