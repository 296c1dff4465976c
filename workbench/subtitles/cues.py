"""Captions to cues: what was said, cut so that it can be read while it is heard."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal, TypeAlias

from workbench.subtitles.breaking import Filler, break_cost, partition, wrap
from workbench.subtitles.marks import ends_sentence
from workbench.subtitles.pieces import Piece, pieces_of
from workbench.subtitles.rules import CueRules
from workbench.subtitles.timing import BilingualRules, end_of, in_dialogue, relieved
from workbench.types import Cue, Transcript, Translation

Show: TypeAlias = Literal["source", "translation", "both"]

_SILENCE_S = 2.0
"""A pause that no cue stays up through."""
_SHORTEST_S = 0.1
"""Cues that would start at one time are moved this far apart: what is not shown is lost."""
_RUSHED = 3.0
"""The cost of a cue that cannot be read in its time."""
_USUAL_BREAK = 6.0
"""The cost of a break between two words like any other."""
_NEARBY = 16
"""Pieces of a translation, on either side, among which the counterpart of a break is looked for."""


@dataclass(frozen=True, slots=True)
class Caption:
    """What was said, and the same in another language."""

    transcript: Transcript
    translation: Translation | None = None
    speaker: str | None = None
    """Who said it."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A piece of the text, and what of the translation is shown with it."""

    piece: Piece
    translation: tuple[Piece, ...]
    speaker: str | None


def build_cues(
    captions: Iterable[Caption],
    rules: CueRules,
    show: Show = "source",
    *,
    translation_rules: CueRules | None = None,
) -> list[Cue]:
    """Make cues of final captions: in order, never overlapping, every word in one of them.

    Text is cut at sentence ends, phrase ends and pauses, and neighbours that fit together are joined. Cues stay up
    after the speech, where there is room, for as long as reading takes at ease. `rules` are those of `Cue.text`, which
    is the source or, with `show="translation"`, the translation where there is one; with "both" the translation stands
    in `Cue.translation` and keeps `translation_rules`, or else `rules`. What the speech leaves no time for is kept
    nevertheless: `violations` tells. Two speakers share a cue only as lines with dashes, and only where one of them
    could not be read alone. Times are in whole milliseconds.
    """
    both = BilingualRules(rules, translation_rules or rules)
    in_order = sorted(captions, key=lambda caption: caption.transcript.start)
    units = [unit for caption in in_order for unit in _units(caption, both, show)]
    parts = [part for run, following in _runs(units) for part in _parts(run, following, both)]
    return relieved(in_dialogue(_timed(parts, both), both), both)


def _units(caption: Caption, rules: BilingualRules, show: Show) -> list[_Unit]:
    transcript, translation = caption.transcript, caption.translation
    pieces = pieces_of(transcript, rules.text, translation if show == "translation" else None)
    if show != "both" or translation is None:
        return [_Unit(piece, (), caption.speaker) for piece in pieces]
    shared = _shared(pieces, pieces_of(transcript, rules.translation, translation), rules.translation)
    return [_Unit(piece, mates, caption.speaker) for piece, mates in zip(pieces, shared, strict=True)]


def _shared(pieces: Sequence[Piece], translation: Sequence[Piece], rules: CueRules) -> Iterator[tuple[Piece, ...]]:
    """Deal a translation out to the pieces of its source: in proportion, but preferably up to a phrase's end."""
    positions = [piece.position for piece in translation]
    lines = sum(piece.width for piece in translation) / rules.max_line_chars
    done = 0
    for piece in pieces[:-1]:
        middle = bisect_left(positions, piece.position) + 1
        nearby = range(max(done, 1, middle - _NEARBY), min(len(translation), middle + _NEARBY))

        def cost(end: int, position: float = piece.position) -> float:
            away = abs(positions[end - 1] - position) * lines
            return break_cost(translation[end - 1], translation[end]) + 12 * away

        end = max(done, min(nearby, key=cost, default=done))
        yield tuple(translation[done:end])
        done = end
    if pieces:
        yield tuple(translation[done:])


def _runs(units: Sequence[_Unit]) -> Iterator[tuple[list[_Unit], float]]:
    """Units that one cue may hold, and when what follows them starts."""
    run: list[_Unit] = []
    for unit in units:
        if run and (unit.speaker != run[-1].speaker or unit.piece.start - run[-1].piece.end >= _SILENCE_S):
            yield run, unit.piece.start
            run = []
        run.append(unit)
    if run:
        yield run, float("inf")


def _parts(run: Sequence[_Unit], following: float, rules: BilingualRules) -> Iterator[Sequence[_Unit]]:
    """Cut a run into the units of each cue."""
    ends = [*(_end_cost(unit, after) for unit, after in pairwise(run)), 0.0]
    keeps = [_keep_cost(unit.piece, after.piece) for unit, after in pairwise(run)]
    line_costs = _LineCosts([unit.piece for unit in run], rules.text)
    next_starts = [*(unit.piece.start for unit in run[1:]), following]

    def costs(first: int) -> Iterator[tuple[int, float]]:
        text, translation = Filler(rules.text), Filler(rules.translation)
        start = run[first].piece.start
        kept = 0.0
        for index in range(first, len(run)):
            unit = run[index]
            text.add(unit.piece)
            for piece in unit.translation:
                translation.add(piece)
            if index > first:
                if not _fits(text, translation, unit.piece.end - start, rules.text):
                    return
                kept += keeps[index - 1]
            shown = next_starts[index] - rules.text.min_gap_s - start
            haste = max(0.0, 1 - max(0.0, shown) / rules.needed_s(text.width, translation.width))
            fullness = text.width / (rules.text.max_line_chars * rules.text.max_lines)
            rush = 6 * haste + _RUSHED * (haste > 0)
            lines = line_costs.of(first, index) if text.lines == 2 else 0.0
            yield index + 1, 3 + 3 * fullness**2 + rush + kept + lines + ends[index]

    return (run[begin:end] for begin, end in partition(len(run), costs))


class _LineCosts:
    """What it costs that two lines have no good place to be broken at, where a language's small words are known."""

    def __init__(self, pieces: Sequence[Piece], rules: CueRules) -> None:
        space = rules.measure(" ")
        self._limit = rules.max_line_chars
        self._breaks = [break_cost(piece, after) for piece, after in pairwise(pieces)]
        self._skips = not pieces or pieces[0].role is None
        self._ends = list(accumulate(piece.width + space * piece.space for piece in pieces))
        self._starts = [end - piece.width for end, piece in zip(self._ends, pieces, strict=True)]

    def of(self, first: int, last: int) -> float:
        if self._skips:
            return 0.0
        costs = (
            self._breaks[index]
            for index in range(first, last)
            if self._ends[index] - self._starts[first] <= self._limit
            and self._ends[last] - self._starts[index + 1] <= self._limit
        )
        return max(0.0, min(costs, default=0.0) - _USUAL_BREAK)


def _fits(text: Filler, translation: Filler, duration: float, rules: CueRules) -> bool:
    return text.fits and translation.fits and duration <= rules.max_duration_s


def _keep_cost(before: Piece, after: Piece) -> float:
    """What it costs to have both in one cue: more the longer the pause between them."""
    pause = max(0.0, after.start - before.end)
    return 2 + 4 * pause if ends_sentence(before.text) else 4 * max(0.0, pause - 0.3)


def _end_cost(unit: _Unit, after: _Unit) -> float:
    cost = break_cost(unit.piece, after.piece)
    if unit.translation and after.translation:
        cost += break_cost(unit.translation[-1], after.translation[0]) / 2
    return cost


def _timed(parts: Iterable[Sequence[_Unit]], rules: BilingualRules) -> list[Cue]:
    """Set the times from the last cue to the first, each of which ends before the one after it."""
    timed = list(_started(parts, rules.text))
    cues: list[Cue] = []
    for start, part in reversed(timed):
        latest = cues[-1].start - rules.text.min_gap_s if cues else float("inf")
        cues.append(_cue(part, start, latest, rules))
    return cues[::-1]


def _started(parts: Iterable[Sequence[_Unit]], rules: CueRules) -> Iterator[tuple[float, Sequence[_Unit]]]:
    earliest = 0.0
    for part in parts:
        start = round(float(max(part[0].piece.start, earliest)), 3)
        yield start, part
        earliest = start + _SHORTEST_S + rules.min_gap_s


def _cue(part: Sequence[_Unit], start: float, latest: float, rules: BilingualRules) -> Cue:
    pieces = [unit.piece for unit in part]
    translation = [piece for unit in part for piece in unit.translation]
    widths = _width(pieces, rules.text), _width(translation, rules.translation)
    end = end_of(start, pieces[-1].end, widths, latest, rules)
    return Cue(
        start,
        round(float(end), 3),
        wrap(pieces, rules.text),
        wrap(translation, rules.translation),
        part[0].speaker,
        tuple(word for piece in pieces for word in piece.words),
    )


def _width(pieces: Iterable[Piece], rules: CueRules) -> float:
    filler = Filler(rules)
    for piece in pieces:
        filler.add(piece)
    return filler.width
