"""What an earlier run left of a session, worked off, with all screens told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.threads import to_thread

if TYPE_CHECKING:
    from workbench.recording import Recording
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
