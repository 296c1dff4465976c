"""What goes wrong in the background is told with what to do next."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from workbench.errors import OutputError, ProfileError
from workbench.tui.app import WorkbenchApp
from workbench.tui.failures import noticed


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (OutputError("the disk is full", hint="Free some."), "the disk is full", "Free some."),
        (ProfileError("x has 2 mistakes", problems=("x:1: a", "x:2: b")), "x has 2 mistakes; x:1: a; x:2: b", ""),
        (KeyError("lost"), "KeyError: 'lost'", "This is a bug of the workbench. Details: "),
    ],
)
def test_an_exception_becomes_a_notice(
    error: Exception, message: str, hint: str, make: Callable[..., WorkbenchApp]
) -> None:
    app = make()
    with noticed(app):
        raise error
    [notice] = app.notices
    assert (notice.message, notice.severity) == (message, "error")
    assert notice.hint.startswith(hint)
