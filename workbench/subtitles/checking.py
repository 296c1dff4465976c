"""Which cues break a rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from workbench.subtitles.breaking import ends_loosely
from workbench.subtitles.normal import one_line
from workbench.subtitles.repeats import MOST_IN_A_ROW, MOST_IN_A_TEXT, repeated, same_words, times_looped
from workbench.subtitles.rules import CueRules, has_no_spaces
from workbench.types import Cue

_TOLERANCE_S = 0.0015
"""Cues are kept in whole milliseconds."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A cue that breaks a rule."""

    index: int
    """Of the cue, from 0."""
    rule: str
    """A field of `CueRules`, or one of these.

    "broken_word": a word that is longer than a line goes on in the next.
    "line_end": lines that end with an article, a preposition or the like, and whose cue goes on.
    "repeated": cues in a row with the same text, or phrases in a row in one text or from one to the next.
    """
    value: float
    limit: float


def violations(
    cues: Sequence[Cue],
    rules: CueRules,
    translation_rules: CueRules | None = None,
    *,
    language: str | None = None,
    translation_language: str | None = None,
) -> list[Violation]:
    """Every rule that a cue breaks, in the order of the cues. Translations keep `translation_rules`, or `rules`.

    The languages (BCP-47) are those of the two texts: "line_end" is looked for where one is named.
    """
    found: list[Violation] = []
    for index, cue in enumerate(cues):
        found += _of_text(index, cue.text, cue.end - cue.start, rules, language)
        found += _of_text(index, cue.translation, cue.end - cue.start, translation_rules or rules, translation_language)
        found += _of_duration(index, cue.end - cue.start, rules)
        if index + 1 < len(cues):
            found += _of_gap(index, cues[index + 1].start - cue.end, rules)
    found += _broken_words([cue.text for cue in cues], rules)
    found += _broken_words([cue.translation for cue in cues], translation_rules or rules)
    found += [Violation(i, "repeated", times, MOST_IN_A_ROW) for i, times in repeated(cue.text for cue in cues)]
    found += _loops_across([cue.text for cue in cues])
    return sorted(found, key=lambda violation: violation.index)


def _of_text(index: int, text: str, duration: float, rules: CueRules, language: str | None) -> Iterable[Violation]:
    lines = text.split("\n") if text else []
    widths = [rules.measure(line) for line in lines]
    if len(lines) > rules.max_lines:
        yield Violation(index, "max_lines", len(lines), rules.max_lines)
    if widths and max(widths) > rules.max_line_chars:
        yield Violation(index, "max_line_chars", max(widths), rules.max_line_chars)
    if sum(widths) > rules.max_cps * (duration + _TOLERANCE_S):
        cps = sum(widths) / duration if duration > 0 else float("inf")
        yield Violation(index, "max_cps", cps, rules.max_cps)
    if loose := sum(ends_loosely(line, language) for line in lines[:-1]):
        yield Violation(index, "line_end", loose, 0)
    if (times := times_looped(one_line(text))) > MOST_IN_A_TEXT:
        yield Violation(index, "repeated", times, MOST_IN_A_TEXT)


def _of_duration(index: int, duration: float, rules: CueRules) -> Iterable[Violation]:
    if duration < rules.min_duration_s - _TOLERANCE_S:
        yield Violation(index, "min_duration_s", duration, rules.min_duration_s)
    if duration > rules.max_duration_s + _TOLERANCE_S:
        yield Violation(index, "max_duration_s", duration, rules.max_duration_s)


def _of_gap(index: int, gap: float, rules: CueRules) -> Iterable[Violation]:
    if gap < rules.min_gap_s - _TOLERANCE_S:
        yield Violation(index, "min_gap_s", gap, rules.min_gap_s)
    elif rules.min_gap_s + _TOLERANCE_S < gap < rules.small_gap_s - _TOLERANCE_S:
        yield Violation(index, "small_gap_s", gap, rules.small_gap_s)


def _loops_across(texts: Sequence[str]) -> Iterable[Violation]:
    """Phrases that come again and again from one cue to the next, and not often enough in either to be seen there."""
    for index, pair in enumerate(pairwise(texts)):
        times = times_looped(one_line("\n".join(pair)))
        if times > MOST_IN_A_TEXT >= max(map(times_looped, map(one_line, pair))) and same_words(pair[0]) != same_words(
            pair[1]
        ):
            yield Violation(index, "repeated", times, MOST_IN_A_TEXT)


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
