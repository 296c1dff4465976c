"""What there is to say of a recorded session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.files import write_atomically

_PREVIEW: Final = 120
"""Characters."""
_NAME: Final = "session.json"


class State(StrEnum):
    LIVE = "live"
    """A process records it, or works on it."""
    INTERRUPTED = "interrupted"
    """Nobody works on it, and there is audio that was not worked on."""
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    name: str
    title: str
    """Empty unless somebody gave one."""
    started: datetime
    duration: float
    """Seconds of audio."""
    state: State
    source: str
    """What people call the device or file."""
    profile: str
    language: str | None
    """BCP-47, of what was spoken; None: not known."""
    target_language: str | None
    segments: int
    """Pieces of text."""
    preview: str
    """How the text begins."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"started": self.started.isoformat(), "duration": round(self.duration, 3)}


class Manifest(BaseModel):
    """What is stored of a session beside its audio and its journal."""

    model_config = ConfigDict(frozen=True)

    version: int = 1
    started: datetime
    source: str = ""
    profile: str = ""
    language: str | None = None
    target_language: str | None = None
    title: str = ""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """One that cannot be read is no reason to hide what was recorded: then only when that was is known."""
        try:
            return cls.model_validate_json((folder / _NAME).read_bytes())
        except (OSError, ValidationError):
            return cls(started=datetime.fromtimestamp(folder.stat().st_mtime).astimezone())

    def write(self, folder: Path) -> None:
        """Raises `OutputError`."""
        write_atomically(folder / _NAME, self.model_dump_json(indent=2).encode(), overwrite=True)


def preview(texts: Iterable[str]) -> str:
    """How a text in pieces begins."""
    begun = ""
    for text in texts:
        begun = f"{begun} {text}".strip()
        if len(begun) > _PREVIEW:
            return begun[: _PREVIEW - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return begun
