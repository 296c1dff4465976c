"""The end of a session: what an earlier run left of it is worked off, and people are told where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.recording import LEFT_S, Recording
from workbench.threads import to_thread
from workbench.tui.texts import _

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp


async def finish(app: WorkbenchApp, recording: Recording) -> None:
    """Begin to. Raises `InputError`, `OutputError`, `UsageError`."""
    shown = app.current_mode
    made = app.switch_mode("live")  # it takes what is told, shown or not
    app.switch_mode(shown)
    await made
    told = await to_thread(recording.told)
    await app.live.finish(recording)
    app.begun.publish(told)


async def tell_end(app: WorkbenchApp) -> None:
    """Wait until no session runs, and say where the last one is."""
    try:
        await app.live.finished()
    except WorkbenchError:
        return  # an event told it already
    recording, status = app.live.recording, app.live.status()
    if recording is None:
        app.notice(_("Nothing was captured: no session is kept."))
    elif status.captured - status.done <= LEFT_S:  # else an event told what is left
        said = _("Saved as session {name}.", name=recording.name)
        app.notice(said, _("6 Sessions exports it; r records the next one."))
