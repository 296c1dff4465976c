"""A job is about all that decides its text, and about nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

import workbench
from tests import fakes
from tests.jobs.talking import Capitals, Digests, Loud, Opened, Written, profile, write_talk
from tests.jobs.talking import request as asked
from workbench.engines import Settings
from workbench.errors import InputError
from workbench.jobs.checkpoint import Identity
from workbench.jobs.identity import identify, weights_of
from workbench.jobs.request import Request
from workbench.models import Model
from workbench.plan import Choice
from workbench.session import Session


class Weighty(Digests):
    """Has weights in a folder, a beam, and threads, which only change how fast it is."""

    name = "weighty"

    class Options(workbench.Options):
        speed_only: ClassVar[frozenset[str]] = frozenset({"threads"})
        model: str = ""
        beam: int = 5
        threads: int = 1

    @classmethod
    def models(cls) -> list[Model]:
        return []


def made_of(wanted: Request) -> Identity:
    async def identified() -> Identity:
        session = Session(wanted.profile, fakes.registry(Opened, Loud, Digests, Weighty, Capitals, Written))
        return await identify(wanted, session.plan(wanted.settings), session.registry)

    return fakes.run(identified)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_talk(tmp_path / "talk.wav", 1.0)


def weighty(wanted: Request, options: str = "") -> Request:
    found = profile().to_dict() | {"asr": {"engine": "weighty", "options": dict[str, Any]()}}
    for option in options.split():
        name, value = option.split("=")
        found["asr"]["options"][name] = int(value) if value.isdigit() else value
    return replace(wanted, profile=type(wanted.profile).model_validate(found))


def test_it_is_the_same_for_the_same(file: Path, tmp_path: Path) -> None:
    assert made_of(asked(file, tmp_path)) == made_of(asked(file, tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        lambda wanted: replace(wanted, priority=5),
        lambda wanted: replace(wanted, targets=replace(wanted.targets, subtitles=(), show="source")),
        lambda wanted: replace(wanted, targets=replace(wanted.targets, path=wanted.targets.path.rename("moved.wav"))),
        lambda wanted: replace(wanted, profile=profile('[hardware]\ncpu_affinity = "half"\n')),
        lambda wanted: replace(wanted, profile=profile("[jobs]\nfiles_at_once = 9\n")),
    ],
)
def test_what_does_not_change_the_text_is_not_in_it(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Request], Request]
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = asked(file, tmp_path)
    before = made_of(wanted)
    assert made_of(change(wanted)).key == before.key


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda wanted: replace(wanted, settings=Settings(language="en", target_language="de")), "settings.language"),
        (lambda wanted: replace(wanted, settings=replace(wanted.settings, hotwords="Ann")), "settings.hotwords"),
        (lambda wanted: replace(wanted, settings=Settings()), "settings.target_language"),
        (lambda wanted: replace(wanted, profile=profile("[capture]\nengine = 'file'\noptions.track = 2")), "capture"),
        (lambda wanted: weighty(wanted), "profile.asr.engine"),
    ],
)
def test_what_changes_the_text_is_named(
    file: Path, tmp_path: Path, change: Callable[[Request], Request], difference: str
) -> None:
    wanted = asked(file, tmp_path)
    before, after = made_of(wanted), made_of(change(wanted))
    assert before.key != after.key
    assert any(difference in line for line in before.differences(after))


def test_options_count_but_for_those_that_only_change_the_speed(file: Path, tmp_path: Path) -> None:
    wanted = asked(file, tmp_path)
    before = made_of(weighty(wanted))
    assert made_of(weighty(wanted, "threads=4")).key == before.key
    assert made_of(weighty(wanted, "beam=1")).key != before.key


def test_the_file_counts_by_what_it_holds(file: Path, tmp_path: Path) -> None:
    wanted = asked(file, tmp_path)
    before = made_of(wanted)
    os.utime(file, (0, 0))
    assert made_of(wanted).key == before.key
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    after = made_of(wanted)
    assert [line.split(":")[0] for line in before.differences(after)] == ["content"]
    file.unlink()
    with pytest.raises(InputError, match="no such file"):
        made_of(wanted)


def test_the_versions_of_the_plugins_at_work_count(file: Path, tmp_path: Path) -> None:
    found = made_of(asked(file, tmp_path)).plugins
    assert found == {"audio-workbench": workbench.__version__, "test": "1"}


def test_weights_in_a_folder_count_by_their_files(file: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "model.bin").write_bytes(b"old")
    wanted = weighty(asked(file, tmp_path), f"model={weights}")
    before = made_of(wanted)
    assert list(before.models)
    assert made_of(wanted).key == before.key
    (weights / "model.bin").write_bytes(b"newer")
    (difference,) = before.differences(made_of(wanted))
    assert difference.startswith("models.")


def test_an_engine_without_weights_has_no_hash() -> None:
    assert weights_of(Choice(Weighty, Weighty.Options(), {})) == ""
