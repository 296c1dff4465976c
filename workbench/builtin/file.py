"""Capture from a media file."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

from pydantic import Field

import workbench
from workbench.audio.decode import decode, probe

_LIVE_CHUNK_S: Final = 0.1


class FileCapture(workbench.Capture):
    """The audio of a file, as fast as it is asked for or as if it were said now."""

    name = "file"

    class Options(workbench.Options):
        path: Path | None = None
        """Audio or video file. A profile leaves it out: the command line names the files."""
        track: int | str | None = None
        """Audio track by number, from 1, or by language; none: the file's default one."""
        pace: float = Field(default=0.0, ge=0.0)
        """How fast it is played: 1 is as fast as people speak, 2 twice that; 0 is as fast as it is asked for."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.warnings: list[str] = []
        """What was wrong with the file; complete when the last chunk was given."""

    def open(self, settings: workbench.Settings) -> Iterator[workbench.AudioChunk]:
        """Looks into the file at once, so that what cannot be read is refused before any audio flows.

        With a pace, the chunks' `close` may be called from any thread, and ends a wait in `next`.
        """
        path, pace = self.options.path, self.options.pace
        if path is None:
            raise workbench.UsageError("there is no file to read", hint="Set capture.path.")
        info = probe(path)
        info.track(self.options.track)
        self.duration, self.label = info.duration, path.name
        if not pace:
            return decode(path, track=self.options.track, warnings=self.warnings)
        return _Paced(decode(path, track=self.options.track, chunk_s=_LIVE_CHUNK_S, warnings=self.warnings), pace)


class _Paced(Iterator[workbench.AudioChunk]):
    """Gives each chunk when its last sample would have been heard, counted from the first `next`."""

    def __init__(self, chunks: Generator[workbench.AudioChunk, None, None], pace: float) -> None:
        self._chunks, self._pace = chunks, pace
        self._began: float | None = None
        self._due = 0.0
        self._closed, self._decoding = threading.Event(), threading.Lock()

    def __next__(self) -> workbench.AudioChunk:
        if self._began is None:
            self._began = time.monotonic()
        with self._decoding:
            chunk = next(self._chunks)
        self._due = self._began + chunk.end / self._pace
        if self._closed.wait(max(0.0, self._due - time.monotonic())):
            raise StopIteration
        return chunk

    def resume(self) -> None:
        """The time since the last chunk was a pause: what follows is played that much later."""
        if self._began is not None:
            self._began += time.monotonic() - self._due

    def close(self) -> None:
        self._closed.set()
        with self._decoding:
            self._chunks.close()
