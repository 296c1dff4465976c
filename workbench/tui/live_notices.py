"""Says what happens to a live session, whatever screen is shown: what, where, whether it is safe, what to do next."""

from __future__ import annotations

from typing import Final

from workbench import events
from workbench.clock import clock
from workbench.live.take import WAITING
from workbench.tui.texts import _
from workbench.tui.widgets.notice_line import Notice

DEVICE: Final = "device"
SIGNAL: Final = "signal"
OVERFLOW: Final = "overflow"


def notice_of(event: events.Event) -> Notice | None:
    """What the user is told of `event`; None for what the screens show anyway."""
    match event:
        case events.DeviceLost(device=device, position=at):
            said = _("{device} gives no audio since {at}. What was captured is kept.", device=device, at=clock(at))
            return Notice(said, _("Waiting for it. 1, then d chooses another device."), "warning", about=DEVICE)
        case events.DeviceReturned(device=device, start=start, end=end):
            gap = end - start
            said = _("{device} is back; {gap:.1f} s are missing at {at}.", device=device, gap=gap, at=clock(start))
            return Notice(said, about=DEVICE)
        case events.NoSignal(device=device):
            said = _("No signal from {device}.", device=device)
            return Notice(said, _("Is it muted, or the wrong one?"), "warning", about=SIGNAL)
        case events.SignalReturned(device=device):
            return Notice(_("{device} gives a signal again.", device=device), about=SIGNAL)
        case events.Overflow(device=device, position=at, count=count):
            said = _(
                "{device}: samples were lost at {at}, {count} times so far.", device=device, at=clock(at), count=count
            )
            return Notice(said, _("Is the machine too busy?"), "warning", about=OVERFLOW)
        case events.Error(code=code, message=message) if code == WAITING:
            hint = _(
                "Choose them, or use the same again, in 3 Profile or 4 Plugins; or stop, and finish it in 6 Sessions."
            )
            return Notice(_(message), hint, "error")
        case events.Error(message=message, hint=hint):
            return Notice(_(message), _(hint), "error")
    return None
