"""Changes to the cues of a file that lose none of its text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from workbench.errors import UsageError
from workbench.subtitles.cues import Caption, Show, build_cues
from workbench.subtitles.normal import one_line
from workbench.subtitles.rules import CueRules
from workbench.types import Cue, Transcript, Word

_DASH_LINES = re.compile(r"\s*[-‐–—－]\s*\S.*(?:\n\s*[-‐–—－].*)+")


def moved(cues: Sequence[Cue], shift_s: float, speed: float = 1.0) -> list[Cue]:
    """Divide all times by `speed`, then add `shift_s`. Raises `UsageError` where a cue would end before 0."""

    def at(time: float) -> float:
        return round(max(0.0, time / speed + shift_s), 3)

    if lost := sum(cue.end / speed + shift_s <= 0 for cue in cues):
        first = min(cue.start for cue in cues) / speed
        raise UsageError(f"{lost} of {len(cues)} cues would end before 0", hint=f"--shift {-first:.3f} at the least.")
    return [
        replace(
            cue,
            start=at(cue.start),
            end=at(cue.end),
            words=tuple(Word(at(word.start), at(word.end), word.text, word.probability) for word in cue.words),
        )
        for cue in cues
    ]


def restyled(
    cues: Sequence[Cue], rules: CueRules, language: str | None, translation_rules: CueRules | None = None
) -> list[Cue]:
    """Cut the text of cues anew by `rules`. Cues that hold a line with a dash for each speaker stay as they are."""
    found: list[Cue] = []
    for is_dialogue, group in groupby(sorted(cues, key=lambda cue: cue.start), key=_is_dialogue):
        made = list(group)
        if not is_dialogue:
            made = _rebuilt(made, rules, language, translation_rules)
        if found and made and found[-1].end > made[0].start - rules.min_gap_s:
            latest = max(found[-1].start + 0.001, made[0].start - rules.min_gap_s)
            found[-1] = replace(found[-1], end=round(min(found[-1].end, latest), 3))
        found += made
    return found


def _is_dialogue(cue: Cue) -> bool:
    return bool(_DASH_LINES.fullmatch(cue.text))


def _rebuilt(cues: list[Cue], rules: CueRules, language: str | None, translation_rules: CueRules | None) -> list[Cue]:
    show: Show = "both" if any(cue.translation for cue in cues) else "source"
    return build_cues(_captions(cues, language), rules, show, translation_rules=translation_rules)


def _captions(cues: Sequence[Cue], language: str | None) -> Iterator[Caption]:
    for number, cue in enumerate(cues):
        transcript = Transcript(
            segment_id=number,
            text=one_line(cue.text),
            language=language or "und",
            start=cue.start,
            end=cue.end,
            words=cue.words,
        )
        translation = transcript.translated(one_line(cue.translation), "und") if cue.translation else None
        yield Caption(transcript, translation, cue.speaker)
