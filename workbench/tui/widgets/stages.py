"""The stages of the pipeline: which engine each one has, how far that is loaded, and how it keeps up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from workbench.engines import StageKind
from workbench.models.states import ModelState, Phase
from workbench.tui.texts import _
from workbench.tui.widgets.panel import Line, Panel, Part, fit, spread

if TYPE_CHECKING:
    from workbench.live import StageStatus

WIDE: Final = 70
"""Columns from which on a stage takes one line."""
_KIND: Final = 12
_LONGEST: Final = 36
"""Cells for the title of an engine, at most: what is wrong with it needs room, too."""
_FIGURES: Final = 33
"""Cells for the figures of a stage."""
_READY: Final = 10
"""Cells for a state that has figures beside it."""
_SIGNS: Final[dict[Phase, tuple[str, str]]] = {
    Phase.ABSENT: ("✗", "bad"),
    Phase.DOWNLOADING: ("↓", "mark"),
    Phase.LOADING: ("◌", "mark"),
    Phase.WARMING: ("◌", "mark"),
    Phase.READY: ("✓", "good"),
    Phase.FAILED: ("✗", "bad"),
    Phase.UNLOADING: ("▽", "dim"),
}


class StagePanel(Panel):
    """One line for each stage, or two where there is little room; its height follows."""

    def show_stages(
        self, states: Sequence[ModelState], stages: Sequence[StageStatus], *, compact: bool = False
    ) -> None:
        """`compact`: all stages in one line."""
        width, by_kind = self.size.width, {stage.kind: stage for stage in stages}
        rows = [(state, _figures_of(state, by_kind)) for state in states]
        if compact:
            lines = [_compact(rows)]
        elif not rows:
            lines = [((_("Stages"), "head"),), ((_("No engine is loaded. 3 Profile chooses them."), "dim"),)]
        elif width >= WIDE:
            lines = [_header(width), *(_wide(state, stage, width) for state, stage in rows)]
        else:
            narrow = [line for state, stage in rows for line in _narrow(state, stage, width)]
            lines = [((_("Stages"), "head"),), *narrow]
        if self.styles.height is None or self.styles.height.value != len(lines):
            self.styles.height = len(lines)
        self.show(lines)


def kind_name(kind: StageKind) -> str:
    names = {
        StageKind.VAD: _("speech"),
        StageKind.ASR: _("text"),
        StageKind.TRANSLATION: _("translation"),
        StageKind.TTS: _("voice"),
    }
    return names.get(kind, kind.value)


def phase_name(state: ModelState) -> str:
    """A phase in words, with how far it is."""
    words: dict[Phase, Callable[[], str]] = {
        Phase.ABSENT: lambda: _("not here"),
        Phase.DOWNLOADING: lambda: _("downloading"),
        Phase.LOADING: lambda: _("loading"),
        Phase.WARMING: lambda: _("warming up"),
        Phase.READY: lambda: _("ready"),
        Phase.FAILED: lambda: _("failed"),
        Phase.UNLOADING: lambda: _("unloading"),
    }
    share = f" {100 * state.done // state.total} %" if state.total and state.phase is not Phase.READY else ""
    return words[state.phase]() + share


def _figures_of(state: ModelState, stages: dict[StageKind, StageStatus]) -> StageStatus | None:
    """What is measured belongs to the engine in use, not to one that is to follow or to go."""
    stage = stages.get(state.kind)
    return stage if stage and (stage.engine, stage.model) == (state.engine, state.model) else None


def _header(width: int) -> Line:
    heads = ((_("p50 / p95"), 13), (_("queue"), 8), (_("drop"), 6), (_("fail"), 6))
    figures = "".join(" " * (room - cell_len(head)) + head for head, room in heads)
    names = f"{fit(_('Stages'), _KIND)}{fit(_('engine'), _room(width))} {_('state')}"
    return spread(((names, "head"),), ((figures, "dim"),), width)


def _wide(state: ModelState, stage: StageStatus | None, width: int) -> Line:
    room = _room(width)
    left: Line = (
        (fit(kind_name(state.kind), _KIND), ""),
        (fit(_title(state, room), room) + " ", "dim"),
        *_state(state),
    )
    if said := _said(state):
        return spread((*left, ("  " + said, _SIGNS[state.phase][1])), (), width)
    return spread(left, tuple(_figures(stage)) if stage and state.phase is Phase.READY else (), width)


def _room(width: int) -> int:
    """Cells for the title of an engine."""
    return min(_LONGEST, max(0, width - _KIND - _READY - _FIGURES))


def _title(state: ModelState, room: int) -> str:
    """Of the model alone where there is no room for both: it tells more than the engine."""
    return state.title if cell_len(state.title) <= room else state.model or state.engine


def _narrow(state: ModelState, stage: StageStatus | None, width: int) -> Iterator[Line]:
    right = _state(state)
    title = _title(state, width - _KIND - 1 - sum(cell_len(text) for text, _style in right))
    yield spread(((fit(kind_name(state.kind), _KIND), ""), (title, "dim")), right, width)
    if said := _said(state):
        yield spread((("  " + said, _SIGNS[state.phase][1]),), (), width)
    elif stage:
        names = ("", _("queue"), _("drop"), _("fail"))
        figures = zip(names, _figures(stage), strict=True)
        yield tuple(
            part for name, (text, style) in figures for part in (("  " + name, "dim"), (" " + text.strip(), style))
        )
    else:
        yield ()


def _compact(rows: Sequence[tuple[ModelState, StageStatus | None]]) -> Line:
    parts: list[Part] = []
    for state, stage in rows:
        latency = f" {_milliseconds(stage.latency_p50_s)} ms" if stage and stage.latency_p50_s else ""
        parts += [(f"{kind_name(state.kind)} ", ""), *_state(state), (latency + "   ", "")]
    return tuple(parts)


def _state(state: ModelState) -> Line:
    sign, style = _SIGNS[state.phase]
    return ((f"{sign} {phase_name(state)}", style),)


def _said(state: ModelState) -> str:
    """Why it is not ready, or what comes after."""
    if state.phase in (Phase.ABSENT, Phase.FAILED):
        return state.message.replace("\n", "  ")
    return _("next: {engine}", engine=state.next) if state.next else ""


def _figures(stage: StageStatus) -> Iterator[Part]:
    p50, p95 = stage.latency_p50_s, stage.latency_p95_s
    latency = f"{_milliseconds(p50)} / {_milliseconds(p95)} ms" if p95 < 9.9995 else f"{p50:.1f} / {p95:.1f} s"
    yield f"{latency:>13} ", "" if p95 else "dim"
    yield f"{f'{stage.depth}/{stage.high_water}':>7} ", "warn" if stage.depth > 4 else ""
    yield f"{stage.dropped:>5} ", "" if stage.dropped else "dim"
    yield f"{stage.failed:>5}" if not stage.failed else f"{f'!{stage.failed}':>5}", "bad" if stage.failed else "dim"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f}" if seconds else "-"
