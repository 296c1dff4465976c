"""Files whose windows are recognized together, by an engine that says then what a test wants."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

import workbench
from tests import fakes
from tests.jobs.scribe import Ear, Tape
from workbench import events
from workbench.builtin.subtitles import SubtitleExporter
from workbench.engines import Settings
from workbench.errors import StageError
from workbench.jobs.checkpoint import Checkpoint, State
from workbench.jobs.request import Request
from workbench.jobs.store import JobStore
from workbench.jobs.work import look, work
from workbench.outputs import Targets
from workbench.profiles.schema import Profile
from workbench.session import Session
from workbench.transcribe import Result, transcribe

WINDOWS = 120


def said(window: workbench.Window, last: str) -> workbench.Transcript:
    number = window.segments[0].id
    text = f"{number} {number + 1} {number + 2} {number + 3} {last}"
    return window.transcript(text, language="en", start=0.0, end=window.duration)


class Chorus(workbench.BatchEngine[workbench.Window, workbench.Transcript, Settings], workbench.Recognizer):
    name = "chorus"
    together: ClassVar[str] = "five"
    """The last of five words where windows come together; alone it is "five"."""
    alone: ClassVar[list[int]] = []
    """Windows that were recognized so."""
    batches: ClassVar[list[int]] = []
    error: ClassVar[Exception | None] = None
    """Is raised for windows alone."""
    opened: ClassVar[threading.Event]
    """Before, no windows come back."""

    class Options(workbench.Options):
        batch_size: int = 4

    def __init__(self, options: Options) -> None:
        self.max_batch = options.batch_size

    def process(self, item: workbench.Window, state: Settings) -> Iterator[workbench.Transcript]:
        if self.error is not None:
            raise self.error
        self.alone.append(item.segments[0].id)
        yield said(item, "five")

    def process_batch(
        self, work: Sequence[tuple[workbench.Window, Settings]]
    ) -> Sequence[Iterable[workbench.Transcript]]:
        if self.max_batch == 1:
            return [self.process(*work[0])]
        self.batches.append(len(work))
        assert self.opened.wait(60)
        return [[said(item, self.together)] for item, _ in work]


class Fixed(Chorus):
    """Takes windows together whatever its options."""

    name = "fixed"

    class Options(workbench.Options):
        pass

    def __init__(self, options: Options) -> None:
        self.max_batch = 4


@pytest.fixture(autouse=True)
def tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"WORKBENCH_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setattr(Chorus, "alone", [])
    monkeypatch.setattr(Chorus, "batches", [])
    monkeypatch.setattr(Chorus, "opened", threading.Event(), raising=False)
    Chorus.opened.set()
    path = tmp_path / "a.wav"
    path.write_text(f"{WINDOWS * 4} seconds")
    return path


def request(path: Path, engine: str = "chorus", **options: object) -> Request:
    asr = {"engine": engine, "options": {"packing": False, **options}}
    profile = Profile.model_validate({"schema": 1, "name": "test", "vad": {"engine": "ear"}, "asr": asr})
    targets = Targets(path, (("srt", path.with_suffix(".srt")),))
    return Request(targets=targets, settings=Settings(language="en"), profile=profile)


def session(wanted: Request) -> Session:
    return Session(wanted.profile, fakes.registry(Tape, Ear, Chorus, Fixed, SubtitleExporter))


def run(wanted: Request) -> Result:
    """As a job, whose first windows wait for others to come with."""

    def tell(event: events.Event) -> None:
        if isinstance(event, events.SpeechEnded) and event.segment_id == 5:
            Chorus.opened.set()

    async def done() -> Result:
        async with session(wanted) as opened:
            looked = await look(wanted, opened)
            job = JobStore().take(looked.identity, wanted.targets.path, looked.request.to_dict())
            return await work(job, looked.request, opened, tell)

    return fakes.run(done)


def checkpoint() -> Checkpoint:
    (found,) = JobStore().jobs()
    assert found.checkpoint is not None
    return found.checkpoint


def test_three_windows_spread_over_the_file_are_recognized_alone_too(tape: Path) -> None:
    Chorus.opened.clear()
    result = run(request(tape))
    assert Chorus.alone == [20, 60, 100]
    assert sum(Chorus.batches) == WINDOWS
    assert 1 < max(Chorus.batches) <= 4
    assert result.to_dict()["drift"] == {"windows": 3, "words": 15, "differing": 0, "share": 0.0}
    assert result.warnings == ()


def test_where_texts_drift_the_whole_file_is_recognized_one_by_one(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chorus, "together", "fife")
    result = run(request(tape))
    why = "3 of 15 words differ in 3 windows that were recognized alone too, so windows are recognized one by one"
    assert result.warnings == (why,)
    assert {caption.transcript.text.split()[-1] for caption in result.captions} == {"five"}
    assert sorted(Chorus.alone[3:]) == list(range(WINDOWS))
    assert "fife" not in tape.with_suffix(".srt").read_text()
    assert [step.said for step in checkpoint().steps] == [why]


def test_nothing_that_drifted_is_taken_up_another_day(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chorus, "together", "fife")

    class Dies(Exception):
        pass

    def dies(self: Chorus, item: workbench.Window, state: Settings) -> list[workbench.Transcript]:
        if self.max_batch == 1:
            raise Dies
        return [said(item, "five")]

    with monkeypatch.context() as patch:
        patch.setattr(Chorus, "process", dies)
        with pytest.raises(StageError, match="Dies"):
            run(request(tape))
    result = run(request(tape))
    assert {caption.transcript.text.split()[-1] for caption in result.captions} == {"five"}
    assert sorted(Chorus.alone) == list(range(WINDOWS))


def test_texts_of_an_engine_that_cannot_do_otherwise_come_with_a_warning(
    tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Chorus, "together", "fife")
    result = run(request(tape, "fixed"))
    assert result.warnings == ("3 of 15 words differ in 3 windows that were recognized alone too",)
    assert result.drift is not None
    assert result.drift.share == 0.2


def test_without_a_job_it_is_a_warning_too(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chorus, "together", "fife")
    wanted = request(tape)

    async def done() -> Result:
        async with session(wanted) as opened:
            stages = await opened.load(opened.plan(wanted.settings))
            return await transcribe(opened, stages, wanted.targets, wanted.settings, lambda event: None)

    assert fakes.run(done).warnings == ("3 of 15 words differ in 3 windows that were recognized alone too",)


def test_a_window_that_cannot_be_repeated_does_not_fail_the_file(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chorus, "error", ValueError("odd"))
    result = run(request(tape))
    assert len(result.captions) == WINDOWS
    assert result.drift is None


def test_one_by_one_nothing_is_compared(tape: Path) -> None:
    result = run(request(tape, batch_size=1))
    assert Chorus.batches == []
    assert len(Chorus.alone) == WINDOWS
    assert result.to_dict()["drift"] is None


def test_a_job_that_is_cancelled_while_a_window_is_recognized_alone_keeps_what_it_has(
    tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = fakes.Gate()
    process = Chorus.process
    wanted = request(tape)

    def held(self: Chorus, item: workbench.Window, state: Settings) -> list[workbench.Transcript]:
        gate([])
        return list(process(self, item, state))

    async def cancelled() -> None:
        async with session(wanted) as opened:
            looked = await look(wanted, opened)
            job = JobStore().take(looked.identity, wanted.targets.path, looked.request.to_dict())
            task = asyncio.create_task(work(job, looked.request, opened, lambda event: None))
            await gate.entered()
            task.cancel()
            gate.open()
            assert isinstance(await fakes.outcome(task), asyncio.CancelledError)

    with monkeypatch.context() as patch:
        patch.setattr(Chorus, "process", held)
        fakes.run(cancelled)
    assert checkpoint().state is State.PAUSED
    stored = len(JobStore().jobs()[0].results())
    assert stored >= 20
    monkeypatch.setattr(Chorus, "batches", [])
    monkeypatch.setattr(Chorus, "opened", threading.Event(), raising=False)
    Chorus.opened.set()
    result = run(wanted)
    assert sum(Chorus.batches) == WINDOWS - stored
    assert result.drift is not None
    assert result.drift.windows == 3
