"""Every text of the interface has its Chinese, and the same gaps to fill in."""

from __future__ import annotations

import ast
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench import tui
from workbench.tui import texts
from workbench.tui.texts import _

FOLDER = Path(tui.__file__).parent
MODULES = sorted([*FOLDER.rglob("*.py"), FOLDER.parent / "cli" / "tui.py"])
CATALOGUES = sorted((FOLDER / "texts" / "zh").glob("*.toml"))


def literals(module: Path) -> Iterator[str]:
    """The first argument of each `_()`, which must be written out."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("_", "texts._") and node.args:
            text = node.args[0]
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield text.value


def gaps(text: str) -> set[str]:
    return {name for _literal, name, _spec, _conversion in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("module", MODULES, ids=[str(module.relative_to(FOLDER.parent)) for module in MODULES])
def test_every_text_has_its_chinese(module: Path) -> None:
    chinese = texts.catalogue("zh")
    missing = sorted({text for text in literals(module) if text not in chinese})
    assert not missing


@pytest.mark.parametrize("file", CATALOGUES, ids=[file.stem for file in CATALOGUES])
def test_the_chinese_has_the_same_gaps(file: Path) -> None:
    for english, chinese in tomllib.loads(file.read_text("utf-8")).items():
        assert gaps(english) == gaps(chinese), english


OURS = [file for file in CATALOGUES if file.stem != "textual"]


@pytest.mark.parametrize("file", OURS, ids=[file.stem for file in OURS])
def test_no_chinese_is_left_over_from_a_text_that_is_gone(file: Path) -> None:
    assert not tomllib.loads(file.read_text("utf-8")).keys() - set(constants())


def constants() -> Iterator[str]:
    """All texts, those too that are translated where they are shown: the labels of tabs, words of tables."""
    for module in [*MODULES, *(FOLDER.parent / "profiles").glob("*.py")]:
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_two_catalogues_do_not_say_the_same_thing_differently() -> None:
    said: dict[str, str] = {}
    for file in CATALOGUES:
        for english, chinese in tomllib.loads(file.read_text("utf-8")).items():
            assert said.setdefault(english, chinese) == chinese, f"{file.name}: {english}"


def test_a_text_is_filled_in_in_either_language() -> None:
    assert _("Theme: {name}", name="dark") == "Theme: dark"
    texts.use("zh")
    assert _("Theme: {name}", name="dark") == "主题：dark"
    assert _("nobody translated this") == "nobody translated this"


@pytest.mark.parametrize(
    ("chosen", "environment", "language"),
    [
        (None, {}, "en"),
        (None, {"LANG": "zh_CN.UTF-8"}, "zh"),
        (None, {"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        (None, {"LANG": "de_DE.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"}, "zh"),
        ("zh", {"LANG": "en_US.UTF-8"}, "zh"),
        ("en", {"LC_ALL": "zh_CN"}, "en"),
        (None, {"LC_ALL": "", "LANG": "zh_CN"}, "zh"),
        (None, {"LANG": "fr_FR.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_environments(
    monkeypatch: pytest.MonkeyPatch, chosen: str | None, environment: dict[str, str], language: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert texts.preferred(chosen) == language
