"""docs/plugins.md shows this plugin: what it shows is what is here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import workbench_shout
from workbench.engines import StageKind
from workbench.plugins import Plugin, Registry

FOLDER = Path(__file__).parents[1]
TUTORIAL = FOLDER.parents[1] / "docs" / "plugins.md"


@pytest.mark.parametrize(
    ("language", "file"),
    [("python", "workbench_shout.py"), ("toml", "pyproject.toml"), ("python", "tests/test_workbench_shout.py")],
)
def test_the_tutorial_shows_the_file_byte_for_byte(language: str, file: str) -> None:
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert (FOLDER / file).read_text(encoding="utf-8") in blocks


def test_six_lines_of_toml_are_enough() -> None:
    lines = (FOLDER / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line]) == 6


def test_the_workbench_finds_it() -> None:
    registry = Registry()
    registry.add(Plugin("shout", "workbench-shout", "0.1.0"), lambda: workbench_shout)
    assert registry.plugins[0].error == ""
    assert registry.find(StageKind.TRANSLATION, "shout") is workbench_shout.Shout
