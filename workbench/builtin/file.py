"""Capture from a media file."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

from pydantic import Field

import workbench
from workbench.audio.decode import FileInfo, chunks, decode, probe
from workbench.audio.mapped import MemoryMappedAudio, NotPcmWav
from workbench.audio.timeline import Block
from workbench.errors import InputError
from workbench.types import SAMPLE_RATE

_CHUNK_S: Final = 10.0
_LIVE_CHUNK_S: Final = 0.1
_RANGE_S: Final = 5
_log = logging.getLogger(__name__)


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
        memory_mapping: bool = False
        """Map WAV files into memory instead of reading them; usually as the profile's hardware says."""

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
        track = info.track(self.options.track)
        is_pcm = info.container == "wav" and track.codec.startswith("pcm_")
        self.duration, self.label = info.duration or (_length(path) if is_pcm else None), path.name
        if not pace:
            return self._chunks(info, is_pcm, _CHUNK_S)
        return _Paced(self._chunks(info, is_pcm, _LIVE_CHUNK_S), pace)

    def _chunks(self, info: FileInfo, is_pcm: bool, chunk_s: float) -> Generator[workbench.AudioChunk, None, None]:
        """By ranges as far as nothing is wrong with the file; decoding gives the rest, and says what is."""
        given = 0
        try:
            with closing(_ranges(info.path, is_pcm, self.options.memory_mapping)) as ranges:
                for chunk in chunks(ranges, SAMPLE_RATE, chunk_s):
                    yield chunk
                    given += 1
            return
        except InputError as error:
            _log.info("%r is decoded from its start: %s", info.path.name, error.message)
        options: Any = {"track": self.options.track, "warnings": self.warnings}
        with closing(decode(info.path, sample_rate=SAMPLE_RATE, chunk_s=chunk_s, **options)) as decoded:
            yield from islice(decoded, given, None)


def _length(path: Path) -> float | None:
    """Seconds that a WAV holds, from its header; None: that does not say."""
    with suppress(InputError), MemoryMappedAudio(path) as audio:
        return audio.duration or None
    return None


def _ranges(path: Path, is_pcm: bool, memory_mapping: bool) -> Generator[Block, None, None]:
    """What decoding gives, to the bit. Raises `InputError` when anything is wrong with the file."""
    if not is_pcm:
        raise NotPcmWav("it is no WAV of plain samples")
    with MemoryMappedAudio(path, memory_mapping=memory_mapping) as audio:
        if not audio.is_whole or not audio.duration:
            raise InputError("it does not hold what its header promises")
        way = "memory mapping" if audio.is_mapped else "pread"
        range_mb, whole_mb = (s * audio.sample_rate * 4 / 1e6 for s in (min(_RANGE_S, audio.duration), audio.duration))
        _log.info("%r is read by %s: %.1f MB at a time instead of %.1f MB", path.name, way, range_mb, whole_mb)
        for start in range(0, math.ceil(audio.duration), _RANGE_S):
            samples = audio.read(start, start + _RANGE_S)
            if audio.has_wrong_values:
                raise InputError("it holds values that are no numbers")
            yield samples, audio.sample_rate


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

    def stop(self) -> None:
        """From any thread, at once: nothing more is given, and a wait in `next` ends."""
        self._closed.set()

    def close(self) -> None:
        self.stop()
        with self._decoding:
            self._chunks.close()
