from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from workbench.errors import EngineError, MissingError
from workbench.weights import check_weights

GOOD = {"model.bin": hashlib.sha256(b"weights").hexdigest()}


def test_the_file_that_was_meant_passes(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    check_weights(tmp_path, GOOD)


def test_one_other_byte_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weightz")
    with pytest.raises(EngineError, match=r"model\.bin is not the file"):
        check_weights(tmp_path, GOOD)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"model\.bin cannot be read: No such file"):
        check_weights(tmp_path, GOOD)
