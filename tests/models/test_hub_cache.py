from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.fakes import SMALL
from workbench.models.hub_cache import snapshot

SHA256 = hashlib.sha256(b"weights").hexdigest()
BLOB = "ce013625030ba8dba906f756967f9e9ca394464a"


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a commit in a cache as huggingface_hub lays it out."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--someone--small"
    commit = repository / "snapshots/abc"
    for folder in (commit, repository / "refs", repository / "blobs"):
        folder.mkdir(parents=True)
    (repository / "refs/main").write_text("abc")
    for name, blob, content in (("model.bin", SHA256, b"weights"), ("config.json", BLOB, b"hello\n")):
        (repository / "blobs" / blob).write_bytes(content)
        (commit / name).symlink_to(f"../../blobs/{blob}")
    return commit


def test_files_come_with_the_hashes_in_their_names(commit: Path) -> None:
    assert snapshot(SMALL) == {commit / "model.bin": SHA256, commit / "config.json": BLOB}


def test_hf_home_and_the_default_are_looked_at_too(
    commit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_CACHE")
    (tmp_path / "huggingface").mkdir()
    (tmp_path / "huggingface/hub").symlink_to(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    assert len(snapshot(SMALL)) == 2
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert len(snapshot(SMALL)) == 2


def test_an_incomplete_model_is_none(commit: Path) -> None:
    (commit / "config.json").unlink()
    assert snapshot(SMALL) == {}


def test_copies_without_a_hash_in_their_name_are_not_used(commit: Path) -> None:
    (commit / "config.json").unlink()
    (commit / "config.json").write_bytes(b"hello\n")
    assert snapshot(SMALL) == {}


def test_no_cache_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "nowhere"))
    assert snapshot(SMALL) == {}
