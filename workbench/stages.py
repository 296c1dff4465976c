"""What a stream runs through, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from workbench.engines import Settings
from workbench.pool import Pool
from workbench.speech.packer import PackerOptions
from workbench.speech.segmenter import SegmenterOptions
from workbench.types import Activity, AudioChunk, Speech, Transcript, Translation, Window


@dataclass(frozen=True, slots=True)
class Stages:
    """What a stream runs through. The pools are started, and shared with other streams.

    Without a recognizer speech is only found, without a detector audio only flows by.
    """

    detector: Pool[AudioChunk, Activity] | None = None
    recognizer: Pool[Window, Transcript] | None = None
    translator: Pool[Transcript, Translation] | None = None
    synthesizer: Pool[Translation | Transcript, Speech] | None = None
    segmenter: SegmenterOptions = field(default_factory=SegmenterOptions)
    packer: PackerOptions = field(default_factory=PackerOptions)
    check: Callable[[Settings], None] = lambda settings: None
    """Raises `UnsupportedLanguage` when a stage cannot do what the settings, then complete, ask for."""


@dataclass(frozen=True, slots=True)
class LiveMode:
    """That a stream is heard while it is made: every segment is recognized at once, and while it grows."""

    interim: bool = True
    """Whether interim text is wanted."""
    first_segment: int = 0
    """The id of the first segment."""
    start: float = 0.0
    """Seconds on the timeline: where the capture begins."""
