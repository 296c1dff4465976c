"""All that was recorded: to be listed, found and searched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from workbench.errors import UsageError, did_you_mean
from workbench.recording import Recording, sessions_dir
from workbench.recording_info import RecordingInfo, State
from workbench.subtitles import Caption

__all__ = ["LAST", "Hit", "Recording", "RecordingInfo", "State", "find", "interrupted", "recordings", "search"]

LAST: Final = "last"
"""Names the newest session."""


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
    """The session of that name, of the only one that begins so, or the `LAST` one. Raises `UsageError`."""
    known = {recording.name: recording for recording in recordings()}
    if name == LAST and known:
        return next(iter(known.values()))
    matching = [known[name]] if name in known else [r for n, r in known.items() if name and n.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(recording.name for recording in matching)
        raise UsageError(f"{len(matching)} sessions are called {name!r}...", hint=f"Say which: {names}.")
    if not known:
        raise UsageError("there is no session yet", hint="Record one: workbench live")
    raise UsageError(
        f"no session is called {name!r}{did_you_mean(name, known)}", hint="To see them: workbench sessions"
    )


def interrupted() -> list[Recording]:
    """Those that a crash left with audio that was not worked on, the newest first."""
    return [recording for recording in recordings() if recording.state is State.INTERRUPTED]


def search(text: str) -> Iterator[Hit]:
    """What `mentions` finds in all sessions, the newest first."""
    for recording in recordings():
        for caption in recording.mentions(text):
            yield Hit(recording, caption)
