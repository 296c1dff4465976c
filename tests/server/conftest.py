"""Folders of a server's own."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason='pip install "audio-workbench[server]"')


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"WORKBENCH_{name}_DIR", str(tmp_path / name.lower()))
    return tmp_path
