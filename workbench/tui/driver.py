"""The terminal as Textual drives it. It may be gone from one moment to the next: a window is closed, a line drops."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.driver import Driver
    from typing_extensions import Buffer


class Drawing(io.FileIO):
    """The descriptor of a terminal, to draw on. What is drawn on a terminal that is gone goes nowhere."""

    def __init__(self, terminal: int) -> None:
        super().__init__(terminal, "w", closefd=False)
        self.gone: Callable[[], None] = lambda: None
        """Is called, in the thread that draws, when nothing can be drawn any more."""

    def write(self, data: Buffer, /) -> int:
        """Raises nothing: the thread that draws would end, and whoever gives it something to draw would wait for it."""
        try:
            return super().write(data)
        except OSError:
            self.gone()
            return memoryview(data).nbytes


def driver(gone: Callable[[], None]) -> type[Driver]:
    """Textual's driver, but for Windows, that calls `gone`, in the thread of keys, when no key can come any more."""
    from textual.drivers.linux_driver import LinuxDriver

    class TerminalDriver(LinuxDriver):
        def run_input_thread(self) -> None:
            try:
                super().run_input_thread()
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                gone()

    return TerminalDriver
