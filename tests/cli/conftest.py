"""Distributions from outside the repository, and two ways to run the command: here, and as a child process."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from workbench.audio.wav import WavWriter

Command: TypeAlias = Callable[..., Result]
Child: TypeAlias = Callable[..., "subprocess.CompletedProcess[bytes]"]

HOOK = """
import workbench

class Twin(workbench.Detector):
    name = "always"
    def open(self, settings): pass
    def process(self, item, state): return ()

@workbench.hookimpl
def register_engines(register):
    {body}
"""
MODULES = {
    "workbench-outside": (Path(__file__).parent / "outside" / "workbench_outside.py").read_text("utf-8"),
    "raises-at-import": 'raise RuntimeError("no luck\\nat import")\n',
    "exits-at-import": "raise SystemExit(3)\n",
    "sleeps-at-import": 'import pathlib, time\npathlib.Path("importing").touch()\ntime.sleep(60)\n',
    "raises-in-hook": HOOK.format(body='raise RuntimeError("no luck in the hook")'),
    "registers-garbage": HOOK.format(body="register(42)"),
    "misspells-the-hook": HOOK.format(body="pass").replace("register_engines", "register_engine"),
    "twin-of-always": HOOK.format(body="register(Twin)"),
}
PROFILE = """\
schema = 1
name = "quick"
[vad]
engine = "always"
[asr]
engine = "echo"
"""


def _distribution(folder: Path, name: str) -> Path:
    """Lay `name` out as pip does. Gives the folder to put on the path."""
    module = name.replace("-", "_")
    info = folder / name / f"{module}-2.5.dist-info"
    info.mkdir(parents=True)
    (folder / name / f"{module}.py").write_text(MODULES[name], "utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n")
    (info / "entry_points.txt").write_text(f"[workbench]\n{name.removeprefix('workbench-')} = {module}\n")
    return folder / name


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each distribution, by name."""
    folder = tmp_path_factory.mktemp("site")
    return {name: _distribution(folder, name) for name in MODULES}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, with folders of its own for profiles and logs."""
    home = tmp_path / "home"
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"WORKBENCH_{name}_DIR", str(home / name.lower()))
    monkeypatch.delenv("WORKBENCH_NO_PLUGINS", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    (home / "config").mkdir(parents=True)
    (home / "config" / "quick.toml").write_text(PROFILE)
    monkeypatch.setenv("WORKBENCH_PROFILE", str(home / "config" / "quick.toml"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def install(
    distributions: dict[str, Path], monkeypatch: pytest.MonkeyPatch, place: Path
) -> Iterator[Callable[..., None]]:
    """Put distributions on the path, of this process and of its children."""

    def add(*names: str) -> None:
        folders = [str(distributions[name]) for name in names]
        for folder in folders:
            monkeypatch.syspath_prepend(folder)
        before = os.environ.get("PYTHONPATH", "")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*folders, *filter(None, [before])]))

    yield add
    for name in MODULES:
        sys.modules.pop(name.replace("-", "_"), None)


@pytest.fixture
def outside(install: Callable[..., None]) -> None:
    """The plugin workbench-outside is installed, and the profile in use names its engines."""
    install("workbench-outside")


@pytest.fixture
def log(place: Path) -> Path:
    return place.parent / "home" / "state" / "workbench.log"


@pytest.fixture
def command(place: Path) -> Iterator[Command]:
    """Run the command in this process: quick, but without signals and terminals."""
    from workbench.cli import app

    root, warn = logging.getLogger(), logging.raiseExceptions
    handlers, level = root.handlers[:], root.level

    def run(*arguments: str | Path) -> Result:
        result = CliRunner().invoke(app, [str(a) for a in arguments], prog_name="workbench")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    yield run
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:], logging.raiseExceptions = handlers, warn
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
def child(place: Path) -> Child:
    """Run the command as users do."""

    def run(*arguments: str | bytes | Path, env: dict[str, str] | None = None, **how: Any) -> Any:
        words: list[Any] = [sys.executable, "-m", "workbench", *arguments]
        how = {"capture_output": True, "timeout": 60} | how
        return subprocess.run(words, env=os.environ | (env or {}), check=False, **how)

    return run


@pytest.fixture
def tone(place: Path) -> Callable[..., Path]:
    """Make a WAV of a tone."""

    def make(name: str = "talk.wav", seconds: float = 2.0) -> Path:
        with WavWriter(Path(name), 16_000) as writer:
            writer.write(np.sin(np.arange(round(seconds * 16_000), dtype=np.float32) / 10))
            writer.commit()
        return Path(name)

    return make
