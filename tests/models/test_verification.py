from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from workbench.models.catalog import ModelFile
from workbench.models.verification import MANIFEST, Manifest, first_wrong, is_intact, read_manifest

GOOD = ModelFile("model.bin", 7, hashlib.sha256(b"weights").hexdigest())


@pytest.mark.parametrize("content", [b"weightz", b"weight", b"weights!", b""])
def test_any_other_content_is_wrong(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.bin").write_bytes(content)
    assert first_wrong(tmp_path, [GOOD]) == "model.bin"


def test_a_missing_file_is_wrong_and_the_right_one_is_not(tmp_path: Path) -> None:
    assert first_wrong(tmp_path, [GOOD]) == "model.bin"
    (tmp_path / "model.bin").write_bytes(b"weights")
    assert first_wrong(tmp_path, [GOOD]) is None


def test_a_git_blob_is_checked_by_the_name_git_gives_it(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"hello\n")
    assert is_intact(tmp_path / "config.json", "ce013625030ba8dba906f756967f9e9ca394464a")
    (tmp_path / "config.json").write_bytes(b"hello!\n")
    assert not is_intact(tmp_path / "config.json", "ce013625030ba8dba906f756967f9e9ca394464a")


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    manifest = Manifest("someone/model@main", (GOOD,))
    manifest.write(tmp_path)
    assert read_manifest(tmp_path) == manifest


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"source": "x", "files": [{}]}', '{"source": "x", "files": 3}'])
def test_an_unreadable_manifest_is_none(tmp_path: Path, text: str) -> None:
    assert read_manifest(tmp_path) is None
    (tmp_path / MANIFEST).write_text(text)
    assert read_manifest(tmp_path) is None
