"""Cues, the rules that make them readable, and the files they are kept in."""

from __future__ import annotations

from workbench.subtitles.checking import Violation, violations
from workbench.subtitles.cues import Caption, Show, build_cues
from workbench.subtitles.formats import FORMATS, as_read, format_of, read, write
from workbench.subtitles.normal import Order
from workbench.subtitles.rules import STYLES, CueRules, Style

__all__ = [
    "FORMATS",
    "STYLES",
    "Caption",
    "CueRules",
    "Order",
    "Show",
    "Style",
    "Violation",
    "as_read",
    "build_cues",
    "format_of",
    "read",
    "violations",
    "write",
]
