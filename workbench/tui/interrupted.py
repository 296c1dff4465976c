"""The question what to do with a session that an earlier run did not finish."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

from workbench.clock import clock
from workbench.errors import WorkbenchError
from workbench.live import LivePhase
from workbench.threads import to_thread
from workbench.tui.screens.ask import Ask
from workbench.tui.texts import _

if TYPE_CHECKING:
    from workbench.recording import Recording
    from workbench.tui.app import WorkbenchApp
    from workbench.tui.frame import Frame

Answer: TypeAlias = Literal["finish", "record"]


async def tell(app: WorkbenchApp) -> None:
    """Say how many there are."""
    from workbench import sessions

    try:
        count = len(await to_thread(sessions.interrupted))
    except WorkbenchError as error:
        app.notice(_(error.message), _(error.hint), "warning")
        return
    if count:
        said = _("Sessions that were interrupted: {count}. What they captured is safe.", count=count)
        app.notice(said, _("6 shows them, and works off the rest."), "warning")


async def offer(screen: Frame, go_on: Callable[[Recording, Answer], None]) -> None:
    """Ask on `screen`, if there is such a session and nothing else to see to; `go_on` is called with what is chosen."""
    from workbench import sessions

    try:
        found = await to_thread(sessions.interrupted)
        info = await to_thread(found[0].info) if found else None
    except WorkbenchError:
        return  # was told when the workbench was opened
    if info is None or screen.live.phase is not LivePhase.IDLE or not screen.is_current:
        return

    def answered(key: str | None) -> None:
        if key == "f":
            go_on(found[0], "finish")
        elif key == "c":
            go_on(found[0], "record")

    question = _(
        "Session {name} was interrupted; {length} of audio are kept.", name=info.name, length=clock(info.duration)
    )
    answers = {"f": _("recognize what is left of it"), "c": _("go on recording it")}
    screen.app.push_screen(Ask(question, answers, asked_for=False), answered)
