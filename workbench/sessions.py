"""All that was recorded: to be listed, found and searched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workbench.errors import UsageError
from workbench.recording import Recording, sessions_dir
from workbench.recording_info import RecordingInfo, State
from workbench.selection import one_called
from workbench.subtitles import Caption

__all__ = ["Hit", "Recording", "RecordingInfo", "State", "find", "interrupted", "recordings", "search"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A caption that holds what was searched for."""

    recording: Recording
    caption: Caption


def recordings() -> list[Recording]:
    """All sessions, the newest first."""
    folder = sessions_dir()
    found = [path for path in folder.iterdir() if path.is_dir()] if folder.exists() else []
    return [Recording(path) for path in sorted(found, reverse=True)]


def find(name: str) -> Recording:
    """The session of that name, of the only one that begins so, or "last", the newest. Raises `UsageError`."""
    if not (known := {recording.name: recording for recording in recordings()}):
        raise UsageError("there is no session yet", hint="Record one: workbench live")
    return one_called(name, known, "session")


def interrupted() -> list[Recording]:
    """Those that a crash left with audio that was not worked on, the newest first."""
    return [recording for recording in recordings() if recording.state is State.INTERRUPTED]


def search(text: str) -> Iterator[Hit]:
    """What `mentions` finds in all sessions, the newest first."""
    for recording in recordings():
        for caption in recording.mentions(text):
            yield Hit(recording, caption)
