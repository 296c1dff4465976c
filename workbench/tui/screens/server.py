"""The screen of a server: how to reach it, who streams, how it keeps up, what went wrong."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from workbench.models.states import Phase
from workbench.tui.frame import Frame
from workbench.tui.texts import _
from workbench.tui.widgets.panel import Line, Panel, fit, spread
from workbench.tui.widgets.stages import StagePanel
from workbench.tui.widgets.stream_list import StreamList
from workbench.tui.widgets.system import SystemPanel

if TYPE_CHECKING:
    from workbench.server.facts import Distribution, Snapshot
    from workbench.tui.server_app import Address, ServerApp

LOOK_S: Final = 1.0
"""Between two looks at what the server does."""
SYSTEM_S: Final = 5.0
ROOMY: Final = 30
"""Rows from which on more errors are shown."""
_LATE_S: Final = 0.05
"""Lag of the loop, p99, from which on it is marked."""
_LABEL: Final = 10


class ServerScreen(Frame):
    DEFAULT_CSS = """
    ServerScreen {
        #facts { height: 6; padding: 0 1; }
        StreamList {
            height: 1fr; padding: 0 1;
            border: round $foreground 40%; border-title-color: $foreground;
            &:focus { border: round $border; }
        }
        StagePanel, SystemPanel, #errors { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy_command", "Copy the curl command", id="server.copy_command"),
    ]
    copies = True

    def __init__(self) -> None:
        super().__init__()
        self._errors = 0

    @property
    def server(self) -> ServerApp:
        return cast("ServerApp", self.app)

    def top(self) -> Widget:
        return Panel(id="server-bar")

    def content(self) -> ComposeResult:
        yield Panel(id="facts")
        streams = StreamList(id="streams")
        streams.border_title = _("Streams")
        yield streams
        yield StagePanel(id="stages")
        yield SystemPanel(id="system")
        yield Panel(id="errors")

    def on_mount(self) -> None:
        self.query_one(StreamList).focus()
        self.set_interval(LOOK_S, self.look)
        self.set_interval(SYSTEM_S, self._sample)
        self._sample()

    def on_resize(self, event: events.Resize) -> None:
        self.query_one("#errors").styles.height = 5 if event.size.height >= ROOMY else 1
        self.call_after_refresh(self.look)

    @work(group="system", exclusive=True)
    async def _sample(self) -> None:
        now = self.server.facts()
        steady = now is not None and now.sessions > 0
        await self.query_one(SystemPanel).sample(lines=False, steady=steady)

    # what is shown

    def look(self) -> None:
        """Show how things are now, where that differs from what is shown."""
        now, address, width = self.server.facts(), self.server.address, self.size.width - 2
        state = _state(now, stopping=self.server.is_stopping)
        sessions = _("{count} sessions", count=now.sessions if now else 0)
        bar = spread(((" " + _("Server") + "  ", "head"), *state), ((sessions + " ", ""),), width + 2)
        self.query_one("#server-bar", Panel).show([bar])
        if now is None:
            self.query_one("#facts", Panel).show(_reached(address, None, width))
            return
        self.query_one("#facts", Panel).show([*_reached(address, now, width), *_figures(now)])
        self.query_one(StreamList).show_streams(now.streams)
        if now.engines:
            self.query_one(StagePanel).show_stages(now.engines, now.stages)
        self._show_errors(now)

    def _show_errors(self, now: Snapshot) -> None:
        panel = self.query_one("#errors", Panel)
        lines: list[Line] = []
        for failure in reversed(now.last_errors[-panel.size.height :]):
            at = time.strftime("%H:%M:%S", time.localtime(failure.at))
            text = f"{failure.where}: {failure.message}  {failure.hint}".replace("\n", "  ").rstrip()
            lines.append((("x ", "bad"), (f"{at}  ", "dim"), (text, "")))
        panel.show(lines or [((_("No errors so far."), "dim"),)])

    # copying

    def copied(self) -> str:
        return self.server.address.urls[0]

    def action_copy_command(self) -> None:
        self.server.copy(self.server.address.curl)


def _state(now: Snapshot | None, *, stopping: bool) -> Line:
    if stopping:
        return ((_("STOPPING ▼"), "warn"),)
    if now is None:
        return ((_("Starting"), "dim"),)
    if not now.problem:
        return ((_("READY ✓"), "good"),)
    if any(state.phase in (Phase.FAILED, Phase.ABSENT) for state in now.engines):
        return ((_("NOT READY ✗"), "bad"),)
    return ((_("LOADING ◌"), "mark"),)


def _reached(address: Address, now: Snapshot | None, width: int) -> list[Line]:
    right: Line = ()
    if now is not None:
        right = ((_("since {time}", time=time.strftime("%H:%M", time.localtime(now.started))), "dim"),)
    if address.token_file:
        token = _("in {path}; needed by everybody", path=address.token_file)
    else:
        token = _("not needed: only this machine is answered")
    where = spread((_label(_("Address")), ("  ".join(address.urls), "good")), right, width)
    page = f"   {_('page')} {address.page}" if not address.token_file else ""
    return [where, (_label(_("Try")), (address.curl + page, "")), (_label(_("Token")), (token, ""))]


def _figures(now: Snapshot) -> list[Line]:
    sessions = _(
        "{now} now, {most} at most, of {limit}   streams so far {streams}   requests {rate:.1f} /s",
        now=now.sessions,
        most=now.most_sessions,
        limit=now.sessions_limit,
        streams=now.streams_opened,
        rate=now.requests_per_s,
    )
    latency = _(
        "p50/p95 speech {speech}, text {written}", speech=_ms(now.latency["speech"]), written=_ms(now.latency["text"])
    )
    lag = _("lag p50 {p50}, p99 {p99}", p50=_lag(now.lag.p50), p99=_lag(now.lag.p99))
    traffic = _(
        "frames {judged}/{received}  in {into}  out {out}  coalesced {coalesced}  errors {errors}",
        judged=now.frames_judged,
        received=now.frames_received,
        into=_size(now.bytes_received),
        out=_size(now.bytes_sent),
        coalesced=now.coalesced,
        errors=now.errors,
    )
    return [
        (_label(_("Sessions")), (sessions, "")),
        (_label(_("Latency")), (latency + "   ", ""), (lag, "warn" if now.lag.p99 >= _LATE_S else "")),
        (_label(_("Traffic")), (traffic, "")),
    ]


def _label(text: str) -> tuple[str, str]:
    return fit(text, _LABEL), "head"


def _ms(of: Distribution) -> str:
    """Median and 95th percentile."""
    return f"{1000 * of.p50:.0f}/{1000 * of.p95:.0f} ms" if of.count else "-"


def _lag(seconds: float) -> str:
    """Whole milliseconds: where nothing happens, nothing changes."""
    return f"{1000 * seconds:.0f} ms" if seconds >= 0.001 else "<1 ms"


def _size(count: int) -> str:
    """Bytes in few characters."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count //= 1000
    return f"{count} GB"
