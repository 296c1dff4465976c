"""What is listened to, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.live import LivePhase
from workbench.tui.texts import _
from workbench.tui.widgets.panel import Line, Panel, spread

if TYPE_CHECKING:
    from workbench.live import LiveStatus


class InputLine(Panel):
    """One line: the input, whether it is only tested, whether someone speaks, and what was lost."""

    def show_input(self, status: LiveStatus, label: str, *, listening: bool, speaking: bool) -> None:
        """`label`: of the input that was chosen. `listening`: its level is looked at, nothing is recorded."""
        name = status.label if status.label and status.label not in label else label
        doing = _("  listening") if listening else ""
        right: Line = (
            (_("● speech"), "good") if speaking else (_("○ no speech"), "dim"),
            ("  " + _("overflows {count}", count=status.overflows), "bad" if status.overflows else "dim"),
        )
        self.show([spread(((_("Input") + "  ", "head"), (name, ""), (doing, "mark")), right, self.size.width)])


def banner(status: LiveStatus, width: int) -> Line | None:
    """What is wrong with the input, and what to do."""
    if status.lost:
        text = _("✗ DEVICE LOST  what was captured is kept; waiting for it.  d other device  r stop")
    elif status.silent:
        text = _("! NO SIGNAL  muted, or the wrong input?  d other device")
    else:
        return None
    return spread(((text, "bad"),), (), width)


def off(status: LiveStatus, *, listening: bool) -> Line | None:
    """What is told in place of a level while none is measured."""
    if listening or status.phase not in (LivePhase.IDLE, LivePhase.FINISHING):
        return None
    keys = _("r records, i tests the input") if status.phase is LivePhase.IDLE else ""
    return ((_("off") + "  ", "mark"), (keys, "dim"))
