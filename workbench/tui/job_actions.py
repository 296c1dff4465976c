"""What can be done with a file of the queue in which state, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workbench.jobs.checkpoint import State
from workbench.tui.texts import _

if TYPE_CHECKING:
    from workbench.jobs.queue import Entry

STATES: Final[dict[str, frozenset[State]]] = {
    "pause": frozenset({State.QUEUED, State.RUNNING}),
    "resume": frozenset({State.PAUSED}),
    "retry": frozenset({State.FAILED, State.CANCELLED}),
    "cancel": frozenset({State.QUEUED, State.RUNNING, State.PAUSED, State.FAILED}),
    "remove": frozenset({State.FINISHED, State.FAILED, State.CANCELLED}),
    "profile": frozenset({State.QUEUED, State.PAUSED, State.FAILED, State.CANCELLED}),
    "prioritize": frozenset({State.QUEUED, State.PAUSED, State.FAILED, State.CANCELLED}),
}
"""In which states of a file each action can be done."""


def is_allowed(action: str, entry: Entry | None, *, stopping: bool) -> bool:
    """`stopping`: it stops as soon as an engine has done what it has in hand."""
    return entry is not None and entry.state in STATES[action] and not stopping


def why_not(action: str, entry: Entry | None, *, stopping: bool) -> str:
    if entry is None:
        return _("There is no file in the list: a adds some.")
    if stopping:
        return _("It stops when the engine has done what it has in hand.")
    if entry.state is State.RUNNING:
        return _("It is being worked on: p pauses it first.")
    if action in ("pause", "resume") and entry.state in STATES["retry"]:
        return _("It has ended: R tries again.")
    if action == "remove":
        return _("It is not done: x cancels it first.")
    if action == "retry":
        return _("It has neither failed nor been cancelled.")
    return _("Nothing is left to be done of it.")
