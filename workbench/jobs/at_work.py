"""What a job is at, in a file that outlives its process: an engine that aborts takes the whole program with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from workbench.jobs.checkpoint import check_regular
from workbench.kept import Item

_log = logging.getLogger(__name__)


class AtWork:
    """The items that were begun, done or not. For any thread.

    Nothing is raised: it only helps where a process dies, and no work is lost for it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, item: Item) -> None:
        """Without a sync: a process that dies leaves it behind, a machine may not."""
        with self._logged("written"), self._path.open("ab", buffering=0) as file:
            file.write(_adapter().dump_json(item) + b"\n")

    def items(self) -> Iterator[Item]:
        """Up to a line that is damaged."""
        with suppress(OSError, ValueError):
            check_regular(self._path)
            for line in self._path.read_bytes().splitlines():
                yield _adapter().validate_json(line)

    def clear(self) -> None:
        """Nothing is at work."""
        with self._logged("removed"):
            self._path.unlink(missing_ok=True)

    @contextmanager
    def _logged(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            _log.warning("%s could not be %s: %s", self._path, doing, error)


@cache
def _adapter() -> TypeAdapter[Item]:
    return TypeAdapter(Item)
