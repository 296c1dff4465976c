"""When cues come and go: in time with the speech, long enough to be read, without flicker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from workbench.subtitles.rules import CueRules
from workbench.types import Cue

_COMFORTABLE = 0.75
"""Of the limit of the reading speed: what cues linger for, where there is room."""
_LINGER_S = 0.5
"""After the last word, where there is room."""
_LATITUDE_S = 0.3
"""How far a cue that could not be read otherwise comes before its speech, or stays into that of the next."""


@dataclass(frozen=True, slots=True)
class BilingualRules:
    """The limits of a cue's two texts."""

    text: CueRules
    translation: CueRules

    def needed_s(self, width: float, translation_width: float, speed: float = 1.0) -> float:
        """The seconds that it takes to read a cue, at a share of the fastest speed."""
        reading = max(width / self.text.max_cps, translation_width / self.translation.max_cps)
        return max(self.text.min_duration_s, reading / speed)

    def needed_for(self, cue: Cue) -> float:
        """The seconds that `cue` must be shown at least."""
        return self.needed_s(_width(cue.text, self.text), _width(cue.translation, self.translation))


def end_of(start: float, spoken: float, widths: tuple[float, float], latest: float, rules: BilingualRules) -> float:
    """When a cue goes whose speech ends at `spoken` and that may stay until `latest`, the shortest gap before the next.

    `widths` are those of its two texts. A gap to the next that would only flicker is closed.
    """
    needed = rules.needed_s(*widths, _COMFORTABLE)
    limits = rules.text
    longest = start + limits.max_duration_s
    end = min(max(spoken + _LINGER_S, start + needed), longest, latest)
    flicker = limits.small_gap_s - limits.min_gap_s
    if not 0 < latest - end < flicker:
        return end
    if latest <= longest:
        return latest
    return latest - flicker if latest - flicker >= spoken else end


def in_dialogue(cues: Iterable[Cue], rules: BilingualRules) -> list[Cue]:
    """Give two speakers one cue, a line with a dash for each, where one alone would be gone too soon to be read."""
    found: list[Cue] = []
    for cue in cues:
        if found and _may_share(found[-1], cue, rules):
            found[-1] = _shared(found[-1], cue, rules.text.dash)
        else:
            found.append(cue)
    return found


def _may_share(one: Cue, other: Cue, rules: BilingualRules) -> bool:
    limits = rules.text
    fits = all(
        "\n" not in text and _width(limit.dash + text, limit) <= limit.max_line_chars
        for cue in (one, other)
        for text, limit in ((cue.text, rules.text), (cue.translation, rules.translation))
    )
    return (
        bool(limits.dash and one.speaker and other.speaker)
        and one.speaker != other.speaker
        and min(limits.max_lines, rules.translation.max_lines) >= 2
        and fits
        and other.start - one.end <= limits.small_gap_s
        and other.end - one.start <= limits.max_duration_s
        and any(cue.end - cue.start < rules.needed_for(cue) for cue in (one, other))
    )


def _shared(one: Cue, other: Cue, dash: str) -> Cue:
    def lines(*texts: str) -> str:
        return "\n".join(dash + text for text in texts if text)

    text, translation = lines(one.text, other.text), lines(one.translation, other.translation)
    return Cue(one.start, other.end, text, translation, None, one.words + other.words)


def relieved(cues: Sequence[Cue], rules: BilingualRules) -> list[Cue]:
    """Give cues that cannot be read in their time a little of what their neighbours, or the silence, can spare."""
    found = list(cues)
    for index in range(len(found)):
        if index + 1 < len(found):
            found[index], found[index + 1] = _borrow_after(found[index], found[index + 1], rules)
        before = found[index - 1] if index else None
        before, found[index] = _borrow_before(before, found[index], rules)
        if before is not None:
            found[index - 1] = before
    return found


def _borrow_after(cue: Cue, after: Cue, rules: BilingualRules) -> tuple[Cue, Cue]:
    is_close = after.start - cue.end < rules.text.small_gap_s
    taken = min(_lacking(cue, rules), _spare(after, rules)) if is_close else 0.0
    if taken <= 0:
        return cue, after
    return replace(cue, end=round(cue.end + taken, 3)), replace(after, start=round(after.start + taken, 3))


def _borrow_before(before: Cue | None, cue: Cue, rules: BilingualRules) -> tuple[Cue | None, Cue]:
    free = cue.start - (before.end + rules.text.min_gap_s if before else 0.0)
    lacking = min(_lacking(cue, rules), _LATITUDE_S)
    taken = min(lacking, free) if free >= rules.text.small_gap_s + lacking or before is None else 0.0
    if taken <= 0 and before is not None and free < rules.text.small_gap_s:
        taken = min(lacking, _spare(before, rules))
        if taken > 0:
            before = replace(before, end=round(before.end - taken, 3))
    return before, replace(cue, start=round(cue.start - taken, 3)) if taken > 0 else cue


def _lacking(cue: Cue, rules: BilingualRules) -> float:
    duration = cue.end - cue.start
    return min(rules.needed_for(cue), rules.text.max_duration_s) - duration


def _spare(cue: Cue, rules: BilingualRules) -> float:
    return min(_LATITUDE_S, cue.end - cue.start - rules.needed_for(cue))


def _width(text: str, rules: CueRules) -> float:
    return sum(map(rules.measure, text.split("\n")))
