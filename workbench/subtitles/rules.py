"""What makes a cue readable, how text is measured, and which cues break a rule."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from workbench.errors import UsageError
from workbench.types import Cue

_TOLERANCE_S = 0.0015
"""Cues are kept in whole milliseconds."""


@dataclass(frozen=True, slots=True)
class CueRules:
    """Limits of one cue; a bilingual cue keeps them for each of its two texts.

    The defaults are those of Netflix's general style guide, with Subtitle Edit's shortest duration. 20 characters
    a second is Netflix's limit for adults in English; its 17 for translations assumes text that was shortened,
    Subtitle Edit's 25 is its point of alarm.
    """

    max_line_chars: float = 42
    max_lines: int = 2
    max_cps: float = 20
    """Characters of one text for each second it is shown, spaces included."""
    min_duration_s: float = 1.0
    max_duration_s: float = 7.0
    min_gap_s: float = 0.08
    """From the end of a cue to the start of the next: two frames of film."""
    full_width: bool = False
    """Count in full-width characters, a narrow one as half. Otherwise a wide character counts as two."""

    def __post_init__(self) -> None:
        for name in ("max_line_chars", "max_lines", "max_cps", "min_duration_s", "max_duration_s"):
            if getattr(self, name) <= 0:
                raise UsageError(f"{name} must be more than 0, not {getattr(self, name)}")
        if self.min_gap_s < 0:
            raise UsageError(f"min_gap_s must not be negative, not {self.min_gap_s}")
        if self.max_line_chars < 2:
            raise UsageError("max_line_chars must be at least 2, or a wide character does not fit into a line")
        if self.min_duration_s > self.max_duration_s:
            raise UsageError(
                f"min_duration_s ({self.min_duration_s}) must not exceed max_duration_s ({self.max_duration_s})"
            )

    @classmethod
    def for_language(cls, language: str | None) -> CueRules:
        """The usual limits of a language (BCP-47); None: the general ones.

        Chinese, Japanese and Korean have 16 full-width characters a line. Their reading speeds are Netflix's, but
        for Japanese: its 4 holds for condensed translations, and 7 leaves room for what is said word for word.
        """
        primary = (language or "").lower().replace("_", "-").split("-")[0]
        if primary in _FULL_WIDTH_CPS:
            return cls(max_line_chars=16, max_cps=_FULL_WIDTH_CPS[primary], full_width=True)
        return cls()

    def measure(self, text: str) -> float:
        """Characters that one line of `text` counts for; marks that take no room of their own count nothing."""
        cells = sum(map(_cells, text))
        return cells / 2 if self.full_width else cells


_FULL_WIDTH_CPS = {"zh": 9.0, "yue": 9.0, "cmn": 9.0, "ja": 7.0, "ko": 12.0}


def _cells(char: str) -> int:
    """Columns of a terminal or a fixed-pitch font."""
    if char.isascii():
        return 1
    if unicodedata.category(char) in ("Mn", "Me", "Cf") or "\u1160" <= char <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


@dataclass(frozen=True, slots=True)
class Violation:
    """A cue that breaks a rule."""

    index: int
    """Of the cue, from 0."""
    rule: str
    """A field of `CueRules`, or "broken_word": a word that is longer than a line goes on in the next."""
    value: float
    limit: float


def violations(cues: Sequence[Cue], rules: CueRules, translation_rules: CueRules | None = None) -> list[Violation]:
    """Every rule that a cue breaks, in the order of the cues. Translations keep `translation_rules`, or `rules`."""
    found: list[Violation] = []
    for index, cue in enumerate(cues):
        found += _of_text(index, cue.text, cue.end - cue.start, rules)
        found += _of_text(index, cue.translation, cue.end - cue.start, translation_rules or rules)
        found += _of_duration(index, cue.end - cue.start, rules)
        if index + 1 < len(cues) and cues[index + 1].start - cue.end < rules.min_gap_s - _TOLERANCE_S:
            found.append(Violation(index, "min_gap_s", cues[index + 1].start - cue.end, rules.min_gap_s))
    found += _broken_words([cue.text for cue in cues], rules)
    found += _broken_words([cue.translation for cue in cues], translation_rules or rules)
    return sorted(found, key=lambda violation: violation.index)


def _of_text(index: int, text: str, duration: float, rules: CueRules) -> Iterable[Violation]:
    lines = text.split("\n") if text else []
    widths = [rules.measure(line) for line in lines]
    if len(lines) > rules.max_lines:
        yield Violation(index, "max_lines", len(lines), rules.max_lines)
    if widths and max(widths) > rules.max_line_chars:
        yield Violation(index, "max_line_chars", max(widths), rules.max_line_chars)
    if sum(widths) > rules.max_cps * (duration + _TOLERANCE_S):
        cps = sum(widths) / duration if duration > 0 else float("inf")
        yield Violation(index, "max_cps", cps, rules.max_cps)


def _of_duration(index: int, duration: float, rules: CueRules) -> Iterable[Violation]:
    if duration < rules.min_duration_s - _TOLERANCE_S:
        yield Violation(index, "min_duration_s", duration, rules.min_duration_s)
    if duration > rules.max_duration_s + _TOLERANCE_S:
        yield Violation(index, "max_duration_s", duration, rules.max_duration_s)


def _broken_words(texts: Sequence[str], rules: CueRules) -> Iterable[Violation]:
    """Lines that one word fills to the edge while the next line goes on with a letter, in a script with spaces."""
    lines = [(index, line) for index, text in enumerate(texts) for line in text.split("\n") if line]
    full = rules.max_line_chars - (0.5 if rules.full_width else 1)
    for (index, line), (_, following) in pairwise(lines):
        width = rules.measure(line)
        if width < full or " " in line or has_no_spaces(line[-1]) or has_no_spaces(following[0]):
            continue
        if line[-1].isalnum() and following[0].isalnum():
            word = width + rules.measure(following.split()[0])
            yield Violation(index, "broken_word", word, rules.max_line_chars)


def has_no_spaces(char: str) -> bool:
    """Whether `char` is of a script that is written without spaces between words.

    Han, kana, bopomofo, Thai, Lao, Burmese, Khmer; Korean has spaces.
    """
    return any(first <= char <= last for first, last in _WITHOUT_SPACES)


_WITHOUT_SPACES = (
    ("\u0e00", "\u0eff"), ("\u1000", "\u109f"), ("\u1780", "\u17ff"), ("\u2e80", "\u2fff"),
    ("\u3001", "\u312f"), ("\u31a0", "\u31ff"), ("\u3400", "\u4dbf"), ("\u4e00", "\u9fff"),
    ("\uf900", "\ufaff"), ("\uff00", "\uff0f"), ("\uff1a", "\uff1f"), ("\uff3b", "\uff3f"),
    ("\uff5b", "\uff9f"), ("\U00020000", "\U0003ffff"),
)  # fmt: skip
