"""`python -m tests.jobs.gilding`: a job as this program stores it, put among those that must always be resumed.

To be run when what a checkpoint or a log holds has changed; folders that are there already stay as they are.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.jobs.jobs import FILE, IDENTITY, item, result
from workbench.jobs.checkpoint import VERSION, Checkpoint, Failure, State, StepDown
from workbench.jobs.store import JobStore

GOLDEN: Final = Path(__file__).parent / "golden"


def gild(folder: Path) -> None:
    """Make `folder` a job with something in each field of its checkpoint."""
    with tempfile.TemporaryDirectory() as root:
        request = {"targets": {"path": str(FILE), "subtitles": [["srt", "talk.srt"]]}, "priority": 2}
        with JobStore(Path(root)).create(IDENTITY, FILE, request=request) as job:
            job.commit([result(0)])
            job.commit([result(2), result(1)])
            at = datetime(2026, 11, 21, 9, 8, tzinfo=UTC)
            failure = Failure(at=at, item=item(3), is_temporary=True, code="engine-hung", message="no answer")
            step = StepDown(profile=dict(IDENTITY.profile), said="batch size 8 instead of 16")
            paused = replace(job.checkpoint, state=State.PAUSED, language="de", duration=240.25, queue=".queue-ab")
            job.save(replace(paused, failures=(failure,), steps=(step,)))
        shutil.copytree(job.folder, folder, ignore=shutil.ignore_patterns("lock"))


if __name__ == "__main__":
    gild(GOLDEN / f"version-{VERSION}-of-{len(fields(Checkpoint))}-fields")
