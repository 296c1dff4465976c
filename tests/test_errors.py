"""Errors are part of the interface."""

from __future__ import annotations

import inspect
import re

import pytest

from workbench import errors
from workbench.errors import EngineError, InputError, ProfileError, StageError, UsageError, WorkbenchError, is_expected

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, WorkbenchError)]
DRAWN = re.compile(r"^([│├└─ ]*)(\w+)(?: +exit (\d+))?  +\S", re.MULTILINE)


def test_every_code_is_distinct_and_made_to_be_matched() -> None:
    codes = [error.code for error in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


def test_the_drawn_tree_is_the_real_one() -> None:
    """Names, parents and exit codes; a class without an exit code in the drawing has its parent's."""
    drawing = (errors.__doc__ or "").replace("exit 1\n", "exit 1  .\n")
    parents: list[tuple[int, str, str | None]] = []
    drawn = {}
    for branch, name, exit_code in DRAWN.findall(drawing):
        while parents and parents[-1][0] >= len(branch):
            parents.pop()
        parent, inherited = (parents[-1][1], parents[-1][2]) if parents else ("Exception", None)
        drawn[name] = (parent, exit_code or inherited)
        parents.append((len(branch), name, exit_code or inherited))
    assert drawn == {error.__name__: (error.__base__.__name__, str(error.exit_code)) for error in CLASSES}  # type: ignore[union-attr]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_an_error_says_what_and_what_next(error: type[WorkbenchError]) -> None:
    raised = error("it is so", hint="do this")
    assert (str(raised), raised.message, raised.hint) == ("it is so", "it is so", "do this")
    assert error("it is so").hint == ""


def test_a_profile_error_lists_every_problem() -> None:
    assert str(ProfileError("bad", problems=("one", "two"))) == "bad\n  one\n  two"


def test_a_mistake_or_a_damaged_file_is_expected_and_what_an_engine_raised_is_not() -> None:
    def because_of(error: Exception, cause: Exception) -> Exception:
        error.__cause__ = cause
        return error

    assert is_expected(because_of(UsageError("no such time"), ValueError("soon")))
    assert is_expected(because_of(InputError("no audio"), OSError(5, "Input/output error")))
    assert is_expected(EngineError("the weights are damaged"))
    assert is_expected(because_of(StageError("0:05"), InputError("no audio")))
    assert not is_expected(because_of(EngineError("it failed"), RuntimeError("a bug")))
    assert not is_expected(because_of(StageError("0:05"), because_of(EngineError("it failed"), KeyError("x"))))
    assert not is_expected(OSError(28, "No space left on device"))
