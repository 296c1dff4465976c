"""Subtitle files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from pydantic import Field

from workbench.engines import Exporter
from workbench.engines import Options as _Options
from workbench.subtitles import FORMATS, CueRules, Order, Style, write
from workbench.types import Cue


class SubtitleExporter(Exporter):
    """SRT, WebVTT, ASS, TTML, JSON and plain text."""

    name = "subtitles"
    formats = FORMATS

    class Options(_Options):
        style: Style = "default"
        """The limits of all that is unset below: default, netflix or cjk."""
        max_line_chars: float | None = Field(None, ge=2)
        """Characters in a line; unset: 42, or 16 full-width ones in Chinese, Japanese and Korean."""
        max_lines: int | None = Field(None, ge=1)
        """Lines in a cue, for each of two languages; unset: 2."""
        max_cps: float | None = Field(None, gt=0)
        """Characters to read in a second; unset: 20, or by the language."""
        min_duration_s: float | None = Field(None, gt=0)
        """Seconds that a cue is shown at least; unset: 1."""
        max_duration_s: float | None = Field(None, gt=0)
        """Seconds that a cue is shown at most; unset: 7."""
        min_gap_s: float | None = Field(None, ge=0)
        """Seconds between two cues; unset: 0.08."""
        small_gap_s: float | None = Field(None, ge=0)
        """Seconds below which a gap is closed to the shortest one; unset: 0.5."""
        dash: str | None = Field(None, max_length=4)
        """Before the line of each of two speakers in one cue, "" to keep them apart; unset: "- "."""
        full_width: bool | None = None
        """Count in full-width characters; unset: in Chinese, Japanese and Korean."""
        order: Order = "source-first"
        """Which of two languages is above the other."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def rules_for(self, language: str | None) -> CueRules:
        given = {field.name: getattr(self._options, field.name) for field in fields(CueRules)}
        return replace(
            CueRules.for_language(language, self._options.style),
            **{name: value for name, value in given.items() if value is not None},
        )

    def render(self, cues: Sequence[Cue], format: str) -> bytes:
        return write(cues, format, order=self._options.order)
