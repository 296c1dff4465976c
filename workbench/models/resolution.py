"""From a model to a folder: an installed package, else our cache, else the hub's cache, else a download."""

from __future__ import annotations

import shutil
from pathlib import Path

from workbench import paths
from workbench.errors import EngineError, MissingError
from workbench.models import hub_cache, packages
from workbench.models.catalog import Model, Package, absent
from workbench.models.download import download as download_model
from workbench.models.progress import Progress, loading_progress, log_progress
from workbench.models.verification import Manifest, complete_manifest, first_wrong, is_intact


def present(model: Model) -> str | None:
    """Where the weights lie: "package X", "cache" or "hub cache"; None: not on this machine. Reads no weights."""
    if package := _installed(model):
        return f"package {package.title}"
    if complete_manifest(model, _cache_folder(model)):
        return "cache"
    return "hub cache" if hub_cache.snapshot(model) else None


def locate(model: Model, progress: Progress | None = None, *, download: bool = True) -> Path:
    """The folder with the weights, every file of which has just been verified; fetched first where there is none.

    `progress` is told while weights are put together or downloaded; without one, `loading_progress`, or the log.
    Raises `EngineError` for a file with a wrong hash, `MissingError` when the weights cannot be had.
    """
    progress = progress or loading_progress.get() or log_progress(model.name)
    if package := _installed(model):
        return _from_package(model, package, progress)
    if manifest := complete_manifest(model, _cache_folder(model)):
        return _from_cache(model, manifest)
    if found := hub_cache.snapshot(model):
        return _from_hub_cache(model, found)
    if not (download and model.repository):
        raise absent(model)
    download_model(model, _cache_folder(model), progress)
    return _cache_folder(model)


def verify(model: Model) -> None:
    """Hash what is here, where it lies. Raises `EngineError` for a wrong hash, `MissingError` where nothing is."""
    if package := _installed(model):
        packages.verify(package)
    else:
        locate(model, download=False)


def fetch(model: Model, progress: Progress | None = None) -> Path:
    """Like `locate`, but what is damaged in our cache is thrown away and fetched anew."""
    try:
        return locate(model, progress)
    except EngineError:
        folder = _cache_folder(model)
        if not folder.is_dir():
            raise
        shutil.rmtree(folder)
        return locate(model, progress)


def user_folder(path: Path, model: Model) -> Path:
    """A folder the user names instead of a model, if it holds files like those of `model`. Nothing vouches for them."""
    path = path.expanduser()
    if not path.is_dir():
        raise MissingError(f"there is no folder {path}", hint="Name a folder of converted weights, or a known model.")
    if lacking := model.lacking([file.name for file in path.iterdir()]):
        raise MissingError(f"{path} holds no model of {model.engine}: it has no {lacking}")
    return path


def _installed(model: Model) -> Package | None:
    return next((package for package in model.packages if packages.is_installed(package)), None)


def models_dir() -> Path:
    """Our cache: what was fetched lies there."""
    return paths.cache_dir() / "models"


def _cache_folder(model: Model) -> Path:
    return models_dir() / model.engine / model.name


def _from_package(model: Model, package: Package, progress: Progress) -> Path:
    if folder := packages.own_folder(package):
        if wrong := first_wrong(folder, package.files):
            raise packages.damaged(package, str(folder / wrong))
        return folder
    folder = _cache_folder(model)
    packages.assemble(package, folder, progress)
    return folder


def _from_cache(model: Model, manifest: Manifest) -> Path:
    folder = _cache_folder(model)
    if wrong := first_wrong(folder, manifest.files):
        raise _damaged(folder / wrong, f"workbench models --fetch {model.name}")
    return folder


def _from_hub_cache(model: Model, files: dict[Path, str]) -> Path:
    for path, declared in files.items():
        if not is_intact(path, declared):
            raise _damaged(path, f"hf cache rm model/{model.repository}")
    return next(iter(files)).parent


def _damaged(path: Path, mend: str) -> EngineError:
    return EngineError(f"{path} is not what it has to be: its size or SHA-256 is wrong, so it is not loaded", hint=mend)
