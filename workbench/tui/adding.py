"""Files put into the queue, after it was asked which, as what, and whether to overwrite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.jobs.checkpoint import State
from workbench.threads import to_thread
from workbench.tui import job_requests
from workbench.tui.screens.ask import Ask
from workbench.tui.screens.job_form import JobForm
from workbench.tui.screens.language import targets
from workbench.tui.texts import _

if TYPE_CHECKING:
    from workbench.jobs.queue import Entry
    from workbench.jobs.request import Request
    from workbench.tui.app import WorkbenchApp
    from workbench.tui.job_requests import JobChoice


async def ask(app: WorkbenchApp) -> list[Entry]:
    """Ask, and do it; gives what is new in the queue. In a worker. Raises `WorkbenchError`."""
    live, profile = app.live, app.live.profile
    defaults, formats = profile.settings, live.session.formats()
    languages = targets(live.registry, profile, None)
    form = JobForm(formats, languages, defaults.language, defaults.target_language, _kept(app))
    wanted = await app.push_screen_wait(form)
    if wanted is None:
        return []
    _keep(app, wanted)
    return await _submit(app, await to_thread(job_requests.requests, wanted, profile, live.session))


async def retry(app: WorkbenchApp, entry: Entry) -> int:
    """Try it again; where files are in the way of one that failed, ask whether to overwrite them.

    Gives the number it has then. In a worker. Raises `WorkbenchError`.
    """
    has_failed = entry.state is State.FAILED  # of an earlier run it is not known any more by which error
    taken = await to_thread(job_requests.taken, [entry.request]) if has_failed else []
    if not taken:
        app.desk.queue.resume(entry.number)
        return entry.number
    question = Ask(_("There is already: {names}", names=taken[0].name), {"o": _("overwrite")})
    if await app.push_screen_wait(question) != "o":
        return entry.number
    app.desk.remove(entry.number)
    return app.desk.queue.submit(job_requests.overwriting(entry.request)).number


async def _submit(app: WorkbenchApp, asked: list[Request]) -> list[Entry]:
    listed = [e.request for e in app.desk.entries if e.state not in (State.FINISHED, State.CANCELLED)]
    new = await to_thread(job_requests.unlisted, asked, listed)
    if len(new) < len(asked):
        app.notice(_("Files that are in the list already: {count}.", count=len(asked) - len(new)))
    taken = await to_thread(job_requests.taken, new)
    answer = await _ask_about(app, taken) if taken else "k"
    if answer == "o":
        new = [job_requests.overwriting(request) for request in new]
    return [app.desk.queue.submit(request) for request in new] if answer in ("k", "o") else []


async def _ask_about(app: WorkbenchApp, taken: list[Path]) -> str | None:
    first, more = taken[0].name, len(taken) - 1
    names = _("{name} and {count} more", name=first, count=more) if more else first
    answers = {
        "k": _("keep it: what was made in the same way before counts as done"),
        "o": _("overwrite"),
    }
    return await app.push_screen_wait(Ask(_("There is already: {names}", names=names), answers))


def _kept(app: WorkbenchApp) -> dict[str, Any]:
    """What was chosen the last time."""
    kept = app.choices.layout.get("jobs", {})
    return kept if isinstance(kept, dict) and isinstance(kept.get("formats", []), list) else {}


def _keep(app: WorkbenchApp, wanted: JobChoice) -> None:
    kept = {"formats": list(wanted.formats), "show": wanted.show if wanted.target_language else "translation"}
    app.choose(layout={**app.choices.layout, "jobs": kept})
