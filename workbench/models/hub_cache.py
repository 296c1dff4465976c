"""Weights that another program has downloaded: the cache that all users of the Hugging Face hub share, read only."""

from __future__ import annotations

import os
import re
from pathlib import Path

from workbench.models.catalog import Model


def snapshot(model: Model) -> dict[Path, str]:
    """The files of `model`, side by side in one folder, each with its declared hash; empty: not all are there.

    The cache names every content by its hash and links to it from a folder for each commit. Where links are not
    possible there are no hashes, and the cache is not used.
    """
    repository = _root() / f"models--{model.repository.replace('/', '--')}"
    try:
        revision = (repository / "refs/main").read_text(encoding="utf-8").strip()
        paths = [path for path in sorted((repository / "snapshots" / revision).iterdir()) if model.uses(path.name)]
    except OSError:
        return {}
    hashes = {path: path.resolve().name for path in paths if path.is_symlink() and path.is_file()}
    declared = all(re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", name) for name in hashes.values())
    return hashes if declared and not model.lacking([path.name for path in hashes]) else {}


def _root() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = Path(os.environ.get("HF_HOME") or cache / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
