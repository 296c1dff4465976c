"""What is drawn on a terminal, and read from it, when it is gone."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import cast

import pytest

if sys.platform == "win32":
    pytest.skip("Windows has no such terminals", allow_module_level=True)

from textual.drivers.linux_driver import LinuxDriver

from tests.fakes import run
from workbench.tui.app import WorkbenchApp
from workbench.tui.choices import Choices
from workbench.tui.driver import Drawing, driver


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    """Of a terminal: the window, and what a program has. The test closes the first."""
    window, terminal = os.openpty()
    yield window, terminal
    os.close(terminal)


def test_what_is_drawn_on_a_terminal_that_is_gone_goes_nowhere_and_is_told(ends: tuple[int, int]) -> None:
    window, terminal = ends
    told: list[None] = []
    drawing = Drawing(terminal)
    drawing.gone = lambda: told.append(None)
    with io.TextIOWrapper(io.BufferedWriter(drawing), encoding="utf-8") as screen:
        screen.write("text")
        screen.flush()
        assert os.read(window, 10) == b"text"
        assert not told
        os.close(window)
        screen.write("more")
        screen.flush()
        assert told
        screen.write("the rest")


@pytest.mark.parametrize(("number", "is_gone"), [(errno.EIO, True), (errno.EBADF, False)])
def test_keys_that_cannot_be_read_any_more_tell_that_the_terminal_is_gone(
    ends: tuple[int, int], monkeypatch: pytest.MonkeyPatch, number: int, is_gone: bool
) -> None:
    window, terminal = ends
    told: list[None] = []

    async def read_keys() -> None:
        app = WorkbenchApp(lambda: pytest.fail("nothing is opened"), Choices())
        cast(LinuxDriver, driver(lambda: told.append(None))(app)).run_input_thread()

    def fail(*_: object) -> bytes:
        raise OSError(number, os.strerror(number))

    os.write(window, b"a line\n")
    with open(terminal, closefd=False) as stdin:
        monkeypatch.setattr("sys.__stdin__", stdin)
        monkeypatch.setattr("os.read", fail)
        monkeypatch.setattr("signal.signal", lambda *_: None)  # those of this process stay
        with nullcontext() if is_gone else pytest.raises(OSError, match=os.strerror(number)):
            run(read_keys)
    assert bool(told) is is_gone
    os.close(window)
