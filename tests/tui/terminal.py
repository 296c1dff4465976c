"""A real terminal with a program in it: what is typed, what was written, what is on its screen."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import pyte

PATIENCE_S = 60.0
_UNKNOWN_TO_PYTE = {b"\x1b[<u": b"", b"\x1b[>25u": b"", b"\x1b[?1049l": b"\x1b[2J\x1b[H"}
"""The keyboard that it has, and the way back to the usual screen."""


class Terminal:
    """Runs `python *arguments` in a terminal of its own, until it is left."""

    def __init__(
        self,
        *arguments: str,
        size: tuple[int, int] = (80, 24),
        env: dict[str, str] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self.columns, self.rows = size
        self.patience_s = patience_s
        self.written = bytearray()
        """All bytes that the program wrote."""
        self.screen = pyte.Screen(self.columns, self.rows)
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))
        self.settings = termios.tcgetattr(slave)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),  # a hang-up is for whom this is the terminal
            env=os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"} | (env or {}),
        )
        self._slave = slave
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait(self.patience_s)
        if not self._is_closed:
            self.close()

    def close(self) -> None:
        """Close the window."""
        self._is_closed = True
        os.close(self._slave)
        os.close(self._master)

    @property
    def text(self) -> str:
        """What is on the screen."""
        # not `display`, which fails where something narrow was written over half of a wide character
        cells = self.screen.buffer
        return "\n".join("".join(cells[y][x].data for x in range(self.columns)) for y in range(self.rows))

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def read(self, seconds: float) -> int:
        """Take what is written until nothing has been for `seconds`. Gives how many bytes that were."""
        count, end = 0, time.monotonic() + self.patience_s
        while select.select([self._master], [], [], seconds)[0]:
            count += self._take()
            assert time.monotonic() < end, f"it does not stop writing:\n{self.text}\n{self.written[-500:]!r}"
        return count

    def read_for(self, seconds: float) -> int:
        """Take what is written within `seconds`. Gives how many bytes that were."""
        count, end = 0, time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and select.select([self._master], [], [], left)[0]:
            count += self._take()
        return count

    def until(self, condition: Callable[[], Any], what: str = "") -> float:
        """Take what is written until `condition` holds. Gives the seconds since the start."""
        end = time.monotonic() + self.patience_s
        while not condition():
            left = end - time.monotonic()
            assert left > 0, f"{what or 'it'} did not come; on the screen is:\n{self.text}\n{self.written[-500:]!r}"
            if select.select([self._master], [], [], min(left, 0.5))[0]:
                self._take()
            elif self.process.poll() is not None:
                assert condition(), f"{what or 'it'} did not come before the end:\n{self.text}\n{self.written[-500:]!r}"
        return time.monotonic() - self.started

    def shows(self, text: str) -> float:
        """Wait until `text` is on the screen. Gives the seconds since the start."""
        return self.until(lambda: text in self.text, repr(text))

    def ended(self) -> int:
        """Wait for the end of the program. Gives its exit code."""
        self.until(lambda: self.process.poll() is not None, "the end")
        self.read(0.05)
        return self.process.returncode

    def settings_now(self) -> list[Any]:
        import termios

        return termios.tcgetattr(self._slave)

    def _take(self) -> int:
        data = os.read(self._master, 65536)
        self.written += data
        for code, known in _UNKNOWN_TO_PYTE.items():
            data = data.replace(code, known)
        self._stream.feed(data)
        return len(data)
