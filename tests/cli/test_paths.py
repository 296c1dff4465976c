"""Where the command says that things lie, and do lie."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.usefixtures("outside")
def test_it_names_where_things_lie(command: Any, tone: Callable[..., Path], place: Path) -> None:
    told = json.loads(command("paths", "--json").stdout)
    home = place.parent / "home"
    assert told == {
        "settings": str(home / "config"),
        "sessions": str(home / "data" / "sessions"),
        "jobs": str(home / "data" / "jobs"),
        "models": str(home / "cache" / "models"),
        "log": str(home / "state" / "workbench.log"),
    }
    command("live", "--file", tone(), "--pace", "0", "--option", "asr.fault=process")
    assert command("sessions", "path", "last").stdout.startswith(told["sessions"])
    assert Path(told["log"]).is_file()


def test_each_has_a_line(command: Any, place: Path) -> None:
    lines = command("paths").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["settings", "sessions", "jobs", "models", "log"]
    assert lines[-1].endswith(str(place.parent / "home" / "state" / "workbench.log"))
