"""Capture from a media file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import workbench
from workbench.audio.decode import decode, probe


class FileCapture(workbench.Capture):
    """The audio of a file, as fast as it is asked for."""

    name = "file"

    class Options(workbench.Options):
        path: Path | None = None
        """Audio or video file. A profile leaves it out: the command line names the files."""
        track: int | str | None = None
        """Audio track by number, from 1, or by language; none: the file's default one."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.warnings: list[str] = []
        """What was wrong with the file; complete when the last chunk was given."""

    def open(self, settings: workbench.Settings) -> Iterator[workbench.AudioChunk]:
        """Looks into the file at once, so that what cannot be read is refused before any audio flows."""
        path = self.options.path
        if path is None:
            raise workbench.UsageError("there is no file to read", hint="Set capture.path.")
        info = probe(path)
        info.track(self.options.track)
        self.duration = info.duration
        return decode(path, track=self.options.track, warnings=self.warnings)
