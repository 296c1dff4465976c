"""Hashes before weights: what a folder of model files has to hold, and whether it does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from workbench.models.catalog import Model, ModelFile

MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What lies beside weights in our cache: where they came from, and their hashes as that source declared them."""

    source: str
    files: tuple[ModelFile, ...]

    def write(self, folder: Path) -> None:
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in `folder`; None where there is none that can be read."""
    try:
        data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = tuple(ModelFile(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in data["files"])
        return Manifest(str(data["source"]), files)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def complete_manifest(model: Model, folder: Path) -> Manifest | None:
    """The manifest in `folder`, if it vouches for all files that `model` needs."""
    manifest = read_manifest(folder)
    return manifest if manifest and not model.lacking([file.name for file in manifest.files]) else None


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob(path: Path) -> str:
    """The name git gives to the content of `path`: the hash that the hub declares for files it keeps in git."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def is_intact(path: Path, declared: str) -> bool:
    """Whether the content of `path` has the declared hash: a SHA-256, or a git blob's SHA-1 (told by length)."""
    return (sha256(path) if len(declared) == 64 else git_blob(path)) == declared


def first_wrong(folder: Path, files: Iterable[ModelFile]) -> str | None:
    """The first file that is absent or not what it has to be; None: all are right."""
    for file in files:
        path = folder / file.name
        if not path.is_file() or path.stat().st_size != file.size or not is_intact(path, file.sha256):
            return file.name
    return None


def without_parts(files: Sequence[ModelFile]) -> tuple[ModelFile, ...]:
    """The same files as they are in a folder, wherever they came from."""
    return tuple(ModelFile(f.name, f.size, f.sha256) for f in files)
