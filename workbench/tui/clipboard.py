"""A file with what was copied, for terminals that do not let programs use the clipboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench import paths
from workbench.errors import WorkbenchError
from workbench.threads import to_thread
from workbench.tui.texts import _

if TYPE_CHECKING:
    from workbench.tui.shell import Shell


async def keep(app: Shell, text: str) -> None:
    """Write it, and tell where."""
    from workbench.files import write_atomically

    path = paths.state_dir() / "clipboard.txt"
    try:
        await to_thread(write_atomically, path, text.encode("utf-8", "backslashreplace"), overwrite=True)
    except WorkbenchError as error:
        app.notice(_("Copied to the clipboard only: {error}", error=error), error.hint, "warning")
    else:
        app.notice(_("Copied {count} characters.", count=len(text)), _("Also in {path}", path=path))
