"""The file of choices."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench import config
from workbench.errors import OutputError, UsageError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


def test_without_a_file_nothing_is_chosen() -> None:
    assert config.read() == {}


def test_a_choice_is_read_back() -> None:
    config.change("profile", "quick")
    config.change("disabled_plugins", ["shout"])
    assert config.read() == {"profile": "quick", "disabled_plugins": ["shout"]}


def test_comments_survive_a_change(folder: Path) -> None:
    folder.mkdir()
    config.config_file().write_text('# mine\nprofile = "a" # for now\n')
    config.change("profile", "b")
    assert config.config_file().read_text() == '# mine\nprofile = "b" # for now\n'


def test_a_file_that_cannot_be_read_stays_as_it_is(folder: Path) -> None:
    folder.mkdir()
    config.config_file().write_text("profile =\n")
    with pytest.raises(UsageError, match="cannot be read") as caught:
        config.change("profile", "b")
    assert "Mend it" in caught.value.hint
    assert config.config_file().read_text() == "profile =\n"


def test_a_folder_that_cannot_be_made_is_said(folder: Path) -> None:
    folder.write_text("a file, no folder")
    with pytest.raises(OutputError):
        config.change("profile", "b")
