"""How one engine is loaded, and what is told of it meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

import workbench
from workbench.engines import Options, Recognizer
from workbench.errors import EngineError, MissingError
from workbench.models import Model, loading_progress
from workbench.models.states import Phase
from workbench.plan import Choice


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("WORKBENCH_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))


class Parrot(Recognizer):
    """Does in its constructor and its warm-up what a test wants."""

    name = "parrot"
    constructor: ClassVar[Callable[[], object]] = lambda: None
    warming: ClassVar[Callable[[], object]] = lambda: None
    known: ClassVar[Sequence[Model]] = ()
    done: ClassVar[list[str]] = []

    class Options(workbench.Options):
        model: str | None = "small"

    def __init__(self, options: Options) -> None:
        self.done.append("constructed")
        type(self).constructor()

    @classmethod
    def models(cls) -> Sequence[Model]:
        return cls.known

    def process(self, item: Any, state: Any) -> tuple[()]:
        return ()

    def warm_up(self) -> None:
        self.done.append("warmed up")
        type(self).warming()

    def close(self) -> None:
        self.done.append("closed")


@pytest.fixture
def parrot(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(Parrot, "done", [])
    return monkeypatch


def choice() -> Choice:
    return Choice(Parrot, Parrot.Options(), {})


class Told(list[Any]):
    """A report that remembers: the phase, or the phase and the bytes."""

    def __call__(self, phase: Phase, done: int = 0, total: int = 0) -> None:
        self.append((phase, done, total) if total else phase)


def fetch(*steps: tuple[int, int]) -> None:
    """What `models.locate` does in a constructor."""
    progress = loading_progress.get()
    assert progress is not None
    for done, total in steps:
        progress(done, total)


SMALL = Model(name="small", engine="parrot", languages=(), license="", size=1, memory_mb=1, files=("model.bin",))


def test_it_is_warmed_up_after_it_is_loaded(parrot: pytest.MonkeyPatch) -> None:
    told = Told()
    assert isinstance(choice().load(told), Parrot)
    assert told == [Phase.LOADING, Phase.WARMING]
    assert Parrot.done == ["constructed", "warmed up"]


def test_one_that_fails_to_warm_up_is_closed_and_named(parrot: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ValueError("too cold")

    parrot.setattr(Parrot, "warming", fail)
    with pytest.raises(EngineError, match="asr engine 'parrot' failed to warm up: ValueError: too cold"):
        choice().load()
    assert Parrot.done == ["constructed", "warmed up", "closed"]


def test_weights_that_are_fetched_are_downloading_and_then_loading(parrot: pytest.MonkeyPatch) -> None:
    told = Told()
    parrot.setattr(Parrot, "constructor", lambda: fetch((1, 10), (10, 10)))
    choice().load(told)
    assert told == [Phase.LOADING, (Phase.DOWNLOADING, 1, 10), Phase.LOADING, Phase.WARMING]


def test_known_weights_that_are_not_here_are_absent_until_the_first_byte_comes(parrot: pytest.MonkeyPatch) -> None:
    told = Told()
    parrot.setattr(Parrot, "known", (SMALL,))
    parrot.setattr(Parrot, "constructor", lambda: fetch((1, 10)))
    choice().load(told)
    assert told == [Phase.ABSENT, (Phase.DOWNLOADING, 1, 10), Phase.WARMING]


def test_weights_that_are_here_and_only_put_together_are_loading(parrot: pytest.MonkeyPatch) -> None:
    told = Told()
    parrot.setattr(Parrot, "known", (SMALL,))
    parrot.setattr("workbench.plan.present", lambda model: "package")
    parrot.setattr(Parrot, "constructor", lambda: fetch((1, 10)))
    choice().load(told)
    assert told == [Phase.LOADING, (Phase.LOADING, 1, 10), Phase.WARMING]


def test_a_burst_of_progress_is_told_about_ten_times_a_second(parrot: pytest.MonkeyPatch) -> None:
    told, now = Told(), 0.0

    def burst() -> None:
        nonlocal now
        for done in range(1, 10_001):
            now = done / 10_000  # one second in all
            fetch((done, 10_000))

    parrot.setattr("workbench.models.progress.time.monotonic", lambda: now)
    parrot.setattr(Parrot, "constructor", burst)
    choice().load(told)
    assert told[0] is Phase.LOADING
    assert 10 <= len([one for one in told if isinstance(one, tuple)]) <= 11
    assert told[-2:] == [Phase.LOADING, Phase.WARMING]


def test_who_asked_for_progress_before_is_told_all_of_it(parrot: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    token = loading_progress.set(lambda done, total: asked.append((done, total)))
    parrot.setattr(Parrot, "constructor", lambda: fetch((1, 10), (2, 10), (10, 10)))
    try:
        choice().load()
    finally:
        loading_progress.reset(token)
    assert asked == [(1, 10), (2, 10), (10, 10)]


def test_where_nobody_asked_the_log_is_told(parrot: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    parrot.setattr(Parrot, "constructor", lambda: fetch((10_000_000, 10_000_000)))
    choice().load()
    assert caplog.messages == ["model parrot small: 10 of 10 MB"]
    assert loading_progress.get() is None


def test_what_the_constructor_says_is_missing_stays_as_it_is(parrot: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise MissingError("no weights", hint="fetch them")

    parrot.setattr(Parrot, "constructor", fail)
    with pytest.raises(MissingError, match="no weights"):
        choice().load()
    assert Parrot.done == ["constructed"]


def test_a_choice_is_called_by_engine_and_model() -> None:
    assert choice().title == "parrot small"
    assert Choice(Parrot, Parrot.Options(model=None), {}).title == "parrot"
    assert Choice(Parrot, Options(), {}).model == ""
