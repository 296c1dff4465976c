"""Weights that come inside a package are checked before a runtime parses them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from workbench.errors import EngineError, MissingError


def check_weights(folder: Path, sha256: Mapping[str, str]) -> None:
    """See that each file of `sha256`, a name under `folder` to its SHA-256, is there and is that file.

    Raises `MissingError` for one that is not there and `EngineError` for another content.
    """
    for name, expected in sha256.items():
        path = folder / name
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise MissingError(f"{path} cannot be read: {error.strerror}", hint="Install its package again.") from error
        if found != expected:
            raise EngineError(
                f"{path} is not the file its engine was made for (SHA-256 {found[:12]}..., not {expected[:12]}...)",
                hint="Install its package again, in the version the plugin asks for.",
            )
