"""A checkbox that tells its two states apart without colour."""

from __future__ import annotations

from textual.widgets import Checkbox


class Flag(Checkbox):
    """One line. A check mark when it is on, a blank when it is off."""

    def __init__(self, label: str = "", value: bool = False, *, id: str | None = None) -> None:
        super().__init__(label, value, id=id, compact=True)
        self.BUTTON_INNER = _mark(value)

    def watch_value(self) -> None:
        self.BUTTON_INNER = _mark(self.value)
        super().watch_value()


def _mark(is_on: bool) -> str:
    return "✓" if is_on else " "
