"""What goes wrong in the background of a screen is told, and ends nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workbench import paths
from workbench.errors import ProfileError, WorkbenchError, in_one_line
from workbench.tui.texts import _
from workbench.tui.widgets.notice_line import Notice

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp

_log = logging.getLogger(__name__)


@contextmanager
def noticed(app: WorkbenchApp, hint: str = "", about: str = "") -> Iterator[None]:
    """Make an exception a notice with what to do next: `hint`, where it does not say so itself.

    `about`: see `Shell.settle`.
    """
    try:
        yield
    except ProfileError as error:
        app.notice("; ".join([_(error.message), *error.problems]), _(error.hint), "error")
    except WorkbenchError as error:
        app.take(Notice(_(error.message), _(error.hint) or hint, "error", about=about))
    except Exception as error:
        _log.exception("on a screen")
        hint = _("This is a bug of the workbench. Details: {path}", path=paths.log_file())
        app.notice(in_one_line(error), hint, "error")
