"""From what is typed to requests."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.jobs.scribe import PROFILE, scribes
from workbench.errors import UsageError
from workbench.profiles.schema import Profile
from workbench.session import Session
from workbench.tui.job_requests import JobChoice, completed, files_of, overwriting, requests, taken, unlisted

SOME: JobChoice = JobChoice((), ("srt",), "en", None, "source", None)


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b talk.wav", "a.mp3", "notes.txt", ".hidden.wav", "deep/c.mkv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("4 seconds")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(wanted: JobChoice, **profile: object) -> list[Path]:
    session = Session(Profile.model_validate({**PROFILE, **profile}), scribes())
    return [path for request in requests(wanted, session.profile, session) for path in request.targets.paths]


def test_a_file_is_meant_by_its_path_and_several_as_a_shell_takes_them(media: Path) -> None:
    assert files_of("b talk.wav") == (Path("b talk.wav"),)
    assert files_of(" ~/a.mp3 ") == (media / "a.mp3",)
    assert files_of(f"'{media}/b talk.wav' notes.txt notes.txt") == (media / "b talk.wav", Path("notes.txt"))


def test_of_a_folder_all_media_is_meant(media: Path) -> None:
    assert files_of(str(media)) == (media / "a.mp3", media / "b talk.wav")
    assert files_of(str(media), recursive=True)[-1] == media / "deep" / "c.mkv"


@pytest.mark.parametrize("typed", ["", "  ", "nothing", "it's", "x" * 500, "~nobody-of-that-name/a"])
def test_what_is_no_file_is_refused(media: Path, typed: str) -> None:
    with pytest.raises(UsageError):
        files_of(typed)


def test_a_folder_without_media_is_refused(media: Path) -> None:
    (media / "deep" / "c.mkv").unlink()
    with pytest.raises(UsageError, match="no audio or video"):
        files_of("deep")


@pytest.mark.parametrize(
    ("typed", "whole"),
    [("a", "a.mp3"), ("d", "deep/"), ("deep/", "deep/c.mkv"), ("~/b", "~/b talk.wav"), ("n", None), (".h", None)],
)
def test_a_path_is_completed_to_folders_and_media(media: Path, typed: str, whole: str | None) -> None:
    assert completed(typed) == whole


def test_nothing_completes_a_path_in_no_folder(media: Path) -> None:
    assert completed(os.path.join("nowhere", "a")) is None
    assert completed("a.mp3/x") is None
    assert completed("~nobody-of-that-name/a") is None


def test_files_go_beside_each_one_or_to_a_folder(media: Path) -> None:
    wanted = replace(SOME, files=(media / "a.mp3",), formats=("srt", "vtt"))
    assert made(wanted) == [media / "a.srt", media / "a.vtt"]
    assert made(replace(wanted, folder=Path("~/out"))) == [media / "out" / "a.srt", media / "out" / "a.vtt"]


def test_a_translation_is_named_and_asked_for(media: Path) -> None:
    wanted = replace(SOME, files=(media / "a.mp3",), target_language="de", show="both")
    assert made(wanted) == [media / "a.de.srt"]
    session = Session(Profile.model_validate({**PROFILE, "settings": {"prompt": "Names"}}), scribes())
    (request,) = requests(wanted, session.profile, session)
    assert (request.settings.language, request.settings.target_language) == ("en", "de")
    assert (request.settings.prompt, request.targets.show) == ("Names", "both")


def test_what_is_listed_or_there_already_is_found(media: Path) -> None:
    session = Session(Profile.model_validate(PROFILE), scribes())
    asked = requests(replace(SOME, files=(Path("a.mp3"), Path("b talk.wav"))), session.profile, session)
    assert unlisted(asked, asked[:1]) == asked[1:]
    assert taken(asked) == []
    (media / "a.srt").write_text("by hand")
    assert taken(asked) == [Path("a.srt")]
    assert overwriting(asked[0]).targets.overwrite
