"""Speech segments into windows: one ASR call costs the same for a word as for 30 seconds."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from workbench.engines import Options
from workbench.types import SpeechSegment, Window


class PackerOptions(Options):
    packing: bool = True
    """Join segments into one window. Off, each segment is a window: several times the work for a recognizer with a
    window of fixed length, such as Whisper."""
    packing_pause_ms: int = Field(500, ge=0, le=2000)
    """Silence between two joined segments."""


class Packer:
    """Joins the final segments of one stream, in order, as long as they fit into a window.

    `limit_s` 0 is for live audio: each segment is a window at once.
    """

    def __init__(self, limit_s: float = 30.0, pause_s: float = 0.5) -> None:
        self._limit_s = limit_s
        self._pause_s = pause_s
        self._held: list[SpeechSegment] = []
        self._held_s = 0.0

    def process(self, segment: SpeechSegment) -> Iterator[Window]:
        """Windows that are complete. A growing segment is one at once; one longer than the limit has its own.

        One without audio is in none.
        """
        if not len(segment.audio.samples):
            return
        if not segment.is_final:
            yield self._window((segment,))
            return
        added_s = segment.audio.duration + (self._pause_s if self._held else 0.0)
        if self._held and self._held_s + added_s > self._limit_s:
            yield from self.flush()
            added_s = segment.audio.duration
        self._held.append(segment)
        self._held_s += added_s
        if self._held_s >= self._limit_s:
            yield from self.flush()

    def flush(self) -> Iterator[Window]:
        """The window that is not full."""
        if self._held:
            window = self._window(tuple(self._held))
            self._held, self._held_s = [], 0.0
            yield window

    def _window(self, segments: tuple[SpeechSegment, ...]) -> Window:
        return Window(segments, self._pause_s)
