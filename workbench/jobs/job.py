"""A file job that this process works on."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from workbench.disk_errors import said_plainly
from workbench.errors import OutputError
from workbench.files import sweep
from workbench.jobs.at_work import AtWork
from workbench.jobs.checkpoint import Checkpoint, write_checkpoint
from workbench.jobs.segments import ItemResult, SegmentLog
from workbench.kept import Item
from workbench.lock import Lock

LOG: Final = Path("segments_results", "log.jsonl")
"""In a job's folder."""


class Job:
    """One that this process works on, until `close`. `commit` and `save` are for any thread."""

    def __init__(self, folder: Path, checkpoint: Checkpoint, lock: Lock) -> None:
        """For `JobStore`, which holds `lock` for it. Raises `InputError` or `OutputError`."""
        self.folder = folder
        self.name = folder.name
        self.checkpoint = checkpoint
        self.at_work = AtWork(folder / "at_work.jsonl")
        self.died_at: Set[Item] = frozenset()
        """What was at work when the process died that worked on it last; known when `count_deaths` has looked."""
        self._lock = lock
        self._writing = threading.Lock()
        sweep(folder)
        self._log = SegmentLog(folder / LOG, checkpoint.identity.key)
        self._results = {result.item: result for result in self._log.results}

    @property
    def results(self) -> Mapping[Item, ItemResult]:
        """What is stored now, in the order it was stored; of an item stored twice, the last. From any thread."""
        return self._results

    @property
    def refused_bytes(self) -> int:
        """How much of the log was damaged, or torn by a crash, when the job was opened; it is cut off."""
        return self._log.refused_bytes

    def commit(self, results: Sequence[ItemResult]) -> None:
        """Store results, all or none of them: on disk when this returns.

        One sync, however many they are. Raises `OutputError`, `DiskFull` where there is no room: what was stored before
        stays, and the same results can be stored later.
        """
        with self._writing, self._safe():
            self._log.append(results)
            self._results = self._results | {result.item: result for result in results}

    def forget(self) -> None:
        """Drop all results that are stored, on disk when this returns. Raises as `commit` does."""
        with self._writing, self._safe():
            self._results = {}
            self._log.clear()

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint, on disk when this returns.

        Raises as `commit` does: then `checkpoint` is as it was, and on disk is one of the two, whole. It can be saved
        again.
        """
        if checkpoint.identity.key != self.checkpoint.identity.key:
            raise ValueError("a job stays about what it was made for")
        with self._writing, self._safe():
            checkpoint = replace(checkpoint, updated=datetime.now().astimezone())
            write_checkpoint(self.folder, checkpoint)
            self.checkpoint = checkpoint

    def close(self) -> None:
        """Let others work on it. Nothing is lost without it."""
        self._log.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _safe(self) -> Iterator[None]:
        """Add to an error of writing what is not lost."""
        try:
            with said_plainly(self.folder):
                yield
        except OutputError as error:
            count = len(self._results)
            safe = f"The work up to here is safe: {count} {'result is' if count == 1 else 'results are'} stored."
            raise type(error)(error.message, hint=f"{safe} {error.hint}") from error
