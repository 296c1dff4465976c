"""Files of watched folders that could not be read: each is told once, and again when it has changed."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from workbench.disk_errors import said_plainly
from workbench.files import write_atomically
from workbench.jobs.watch import Status
from workbench.jobs.work import status_of
from workbench.lock import Lock

_log = logging.getLogger(__name__)


class Unreadable:
    """Which they are, in a file beside the jobs, which any number of processes may use at once. Blocks."""

    def __init__(self, root: Path) -> None:
        """`root`: the folder of the jobs, made when it is needed."""
        self._path = root / ".unreadable.json"

    def known(self) -> dict[Path, Status]:
        """Absolute paths, each with what the file was like when it was tried."""
        try:
            stored = json.loads(self._path.read_text("ascii"))
            return {Path(path): (int(size), int(changed)) for path, (size, changed) in stored.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            _log.warning("%s is not used: %s", self._path, error)
            return {}

    def add(self, path: Path, status: Status) -> None:
        """Remember one more, and forget those that are like that no more. Raises `OutputError`.

        One that only its permissions make unreadable is not remembered: they change without the file.
        """
        with said_plainly(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        with Lock(self._path.with_suffix(".lock")):
            found = self.known() | {path.absolute(): status}
            kept = {str(p): was for p, was in found.items() if status_of(p) == was and os.access(p, os.R_OK)}
            write_atomically(self._path, json.dumps(kept).encode("ascii"), overwrite=True)
