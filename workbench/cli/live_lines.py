"""What `workbench live` prints while it runs: captions for people, or events for programs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from typing import TypeAlias

from workbench import events
from workbench.cli import console
from workbench.clock import clock

Teller: TypeAlias = Callable[[events.Event], None]
"""Raises `BrokenPipeError` and `OutputError` when standard output takes nothing more."""


def teller_of(*, as_json: bool, plain: bool) -> Teller:
    """What tells of a session on standard output."""
    return _tell_as_json if as_json else _Lines(shows_interim=not plain and console.moves_cursor(sys.stdout))


def _tell_as_json(event: events.Event) -> None:
    """One event a line. What goes wrong is said to people too."""
    console.print_json(event.to_dict())
    if isinstance(event, events.Error):
        _say_what_is_wrong(event)


class _Lines:
    """One caption a line; its translation on the next, or with its time, where others came between them.

    On a terminal the interim text stands in a line that is overwritten.
    """

    def __init__(self, *, shows_interim: bool) -> None:
        self._shows_interim = shows_interim
        self._last: int | None = None  # the segment of the line above

    def __call__(self, event: events.Event) -> None:
        match event:
            case events.Transcript(transcript=transcript) if transcript.is_final:
                self._line(f"[{clock(transcript.start)}] {transcript.text}")
                self._last = transcript.segment_id
            case events.Transcript(transcript=transcript) if self._shows_interim:
                self._interim(transcript.text)
            case events.Translation(transcript=transcript, translation=translation) if translation.is_final:
                time = f"[{clock(transcript.start)}]"
                self._line(f"{time if transcript.segment_id != self._last else '':{len(time)}} {translation.text}")
                self._last = transcript.segment_id
            case events.DeviceLost(device=device, message=message):
                console.say(
                    f"{device} is lost: {message} What was heard is stored; it is opened again when it is back."
                )
            case events.DeviceReturned(device=device, start=start, end=end):
                console.say(f"{device} is back. Silence from {clock(start)} to {clock(end)}.")
            case events.NoSignal(device=device):
                console.say(f"No signal from {device}: is it muted, or the wrong one? See: workbench devices")
            case events.Error():
                _say_what_is_wrong(event)

    def _line(self, text: str) -> None:
        console.write(f"{console.printable(text)}\n".encode("utf-8", "backslashreplace"))

    def _interim(self, text: str) -> None:
        """The end of it, if it is too long; with room for the ^C of a key, which would begin another line."""
        from rich.cells import cell_len

        room = max(0, shutil.get_terminal_size().columns - 3)
        text = console.printable(text)
        while cell_len(text) > room:
            text = text[1:]
        console.overwrite(text)


def _say_what_is_wrong(error: events.Error) -> None:
    console.say(f"workbench: {error.message}" + (f"\n  {error.hint}" if error.hint else ""))
