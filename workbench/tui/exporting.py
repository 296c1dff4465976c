"""A session written as files, after it was asked as what, and whether to overwrite."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.disk import disk
from workbench.export import Output
from workbench.session import Session
from workbench.sessions import Recording
from workbench.threads import to_thread
from workbench.tui.failures import noticed
from workbench.tui.screens.ask import Ask
from workbench.tui.screens.export import AUDIO, ExportChoice, ExportScreen
from workbench.tui.session_rows import Found
from workbench.tui.texts import _

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp


async def ask(app: WorkbenchApp, found: Found) -> None:
    """Ask, and do it. In a worker."""
    info, session = found.info, app.live.session
    title = _("Export {name}", name=info.title or info.name)
    formats = session.formats() if info.segments else []
    form = ExportScreen(title, formats, Path.cwd() / info.name, has_translation=info.target_language is not None)
    wanted = await app.push_screen_wait(form)
    if wanted is None:
        return
    with noticed(app):
        paths = wanted.paths().values()
        taken = await to_thread(lambda: [path.name for path in paths if path.exists()])
        if taken:
            question = Ask(_("There is already: {names}", names=", ".join(taken)), {"o": _("overwrite")})
            if await app.push_screen_wait(question) != "o":
                return
        await disk().run(partial(export, session, found.recording, wanted, overwrite=bool(taken)))
        app.notice(_("Written: {path}", path=", ".join(str(path) for path in paths)))


def export(session: Session, recording: Recording, wanted: ExportChoice, *, overwrite: bool) -> None:
    """Blocks. Raises `EngineError`, `OutputError`."""
    paths = wanted.paths()
    outputs: list[Output] = [(session.exporter(f), f, path) for f, path in paths.items() if f != AUDIO]
    if outputs:
        recording.export(outputs, show=wanted.show, span=wanted.span, overwrite=overwrite)
    if AUDIO in paths:
        recording.export_audio(paths[AUDIO], span=wanted.span, overwrite=overwrite)
