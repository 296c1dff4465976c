"""What the screen of jobs says of the files of a queue. Pure: `now` is by `time.monotonic`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from workbench.clock import clock
from workbench.jobs.checkpoint import State
from workbench.jobs.totals import Totals, speed
from workbench.tui.texts import _
from workbench.tui.widgets.panel import Line, Part, fit, spread
from workbench.tui.widgets.stages import kind_name
from workbench.tui.wrapping import line_starts

if TYPE_CHECKING:
    from workbench.errors import WorkbenchError
    from workbench.jobs.queue import Entry
    from workbench.live import StageStatus

BAR: Final = 8
"""Cells of the bar of a file."""
_SEPARATOR: Final = "   "
_MOST: Final = 2
"""Lines for what went wrong, and for what to do next."""
_STAGE: Final = 12
_FIGURES: Final = 42


def state_part(entry: Entry, stopping: Collection[int] = ()) -> Part:
    """In a word and a sign. `stopping`: numbers of files that are to stop when an engine has done what it has."""
    if entry.state is State.RUNNING and entry.number in stopping:
        return _("stopping ◌"), "warn"
    if entry.state is State.RUNNING and entry.run_began is None:
        return _("starting ◌"), "mark"
    if entry.is_elsewhere:
        return _("elsewhere ▶"), "mark"
    if entry.state is State.FINISHED and entry.was_done:
        return _("was done ✓"), "good"
    words: dict[State, Part] = {
        State.QUEUED: (_("waiting ·"), "dim"),
        State.RUNNING: (_("running ▶"), "mark"),
        State.PAUSED: (_("paused ‖"), "warn"),
        State.FINISHED: (_("done ✓"), "good"),
        State.FAILED: (_("failed ✗"), "bad"),
        State.CANCELLED: (_("cancelled –"), "dim"),
    }
    return words[entry.state]


def progress_text(entry: Entry) -> str:
    """A bar, and percent rounded down: it says 100 % when all is done."""
    share = entry.share
    if share is None:
        return clock(entry.position) if entry.position else ""
    full = int(share * BAR)
    return f"{'█' * full}{'░' * (BAR - full)} {int(share * 100):>3} %"


def left_text(entry: Entry, now: float) -> str:
    left = entry.left_s(now)
    return "" if left is None else _("{time} left", time=clock(left))


def speed_text(entry: Entry, now: float) -> str:
    found = speed(entry, now)
    return f"{found:.1f}" if found else ""


def priority_text(entry: Entry) -> str:
    return f"{entry.request.priority:+d}" if entry.request.priority else "0"


def total_line(found: Totals, width: int) -> Line:
    words = [_("{done} of {count} files done", done=found.done, count=found.count)]
    if found.running:
        words.append(_("{count} running", count=found.running))
    failed: Line = ((_SEPARATOR + _("{count} failed ✗", count=found.failed), "bad"),) if found.failed else ()
    right = []
    if found.audio_left_s:
        least = "" if found.is_known else "> "
        right.append(_("{time} of audio", time=least + clock(found.audio_left_s)))
        if found.left_s is not None:
            right.append(_("{time} left", time=least + clock(found.left_s)))
    return spread(((_SEPARATOR.join(words), "head"), *failed), ((_SEPARATOR.join(right), ""),), width)


def detail_lines(entry: Entry | None, width: int) -> list[Line]:
    """What went wrong, and what to do next; else what is made of a file, and how."""
    if entry is None:
        return [(), ()]
    if entry.error is not None:
        message, hint = " ".join(_(entry.error.message).split()), hint_of(entry.error)
        again = _("R tries again.") if entry.state is State.FAILED else _("p goes on.")
        kept = _("What was done is kept.") if entry.position else ""
        next_step = " ".join(filter(None, [again, kept, hint]))
        return [*_wrapped("✗ " + message, "bad", width), *_wrapped(next_step, "warn", width)]
    paths = ", ".join(map(str, entry.request.targets.paths))
    return [((_("To: "), "dim"), (paths, "")), tuple(_how(entry))]


def hint_of(error: WorkbenchError) -> str:
    """What to do next, on a screen."""
    return _("It asks before it overwrites.") if "--force" in error.hint else " ".join(_(error.hint).split())


def _wrapped(text: str, style: str, width: int) -> list[Line]:
    """As `_MOST` lines at most."""
    starts = [*line_starts(text, max(8, width)), len(text)]
    lines = [text[start:end].rstrip() for start, end in pairwise(starts)]
    if len(lines) > _MOST:
        lines[_MOST - 1] = fit(text[starts[_MOST - 1] :], width)
    return [((line, style),) for line in lines[:_MOST]]


def _how(entry: Entry) -> Iterator[Part]:
    request = entry.request
    spoken = request.settings.language or _("language: find out")
    yield " → ".join(filter(None, [spoken, request.settings.target_language])), ""
    yield _SEPARATOR + _("profile {name}", name=request.profile.name), "dim"
    if entry.duration is not None:
        yield f"{_SEPARATOR}{clock(entry.position)} / {clock(entry.duration)}", "dim"
    if entry.result is not None and entry.result.warnings:
        yield f"{_SEPARATOR}! {' '.join(entry.result.warnings[0].split())}", "warn"


def stage_lines(stages: Sequence[StageStatus], width: int) -> list[Line]:
    """For each stage how many items are worked on, how many wait, and what one takes; under a line of titles."""
    if not stages:
        return []
    room = max(0, width - _STAGE - _FIGURES)
    titles = ((_("busy"), 6), (_("wait"), 6), (_("most"), 6), (_("fail"), 6), (_("p50 / p95"), 18))
    head = "".join(" " * (size - cell_len(title)) + title for title, size in titles)
    lines: list[Line] = [spread(((_("Stages"), "head"),), ((head, "dim"),), width)]
    for stage in stages:
        name = f"{stage.engine} {stage.model}".rstrip()
        left: Line = ((fit(kind_name(stage.kind), _STAGE), ""), (fit(name, room), "dim"))
        lines.append(spread(left, tuple(_figures(stage)), width))
    return lines


def _figures(stage: StageStatus) -> Iterator[Part]:
    yield f"{stage.running:>6}", "mark" if stage.running else "dim"
    yield f"{stage.depth:>6}{stage.high_water:>6}", "" if stage.depth else "dim"
    yield f"{f'!{stage.failed}' if stage.failed else '0':>6}", "bad" if stage.failed else "dim"
    latency = f"{stage.latency_p50_s:.2f} / {stage.latency_p95_s:.2f} s" if stage.latency_p95_s else "-"
    yield f"{latency:>18}", "" if stage.latency_p95_s else "dim"
