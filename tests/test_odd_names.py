"""No name leads out of the folder that it is a name in, wherever names come from."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PureWindowsPath
from typing import Final

import pytest

from tests.jobs.jobs import FILE, IDENTITY
from workbench import sessions
from workbench.errors import UsageError, WorkbenchError
from workbench.files import write_atomically
from workbench.jobs.store import JobStore
from workbench.models.catalog import Model
from workbench.outputs import refuse_taken, targets
from workbench.profiles import store
from workbench.profiles.schema import parse_profile

NAMES: Final = (
    "..", "../x", "../../x", "../../../x", "a/../../x", "./../x", ".//..//x", "..//x", "../x/", "x/..", "x/../..",
    "/x", "//x", "/etc/passwd", "/tmp/../x", "~", "~/x", "~root/x", "$HOME/x", "${HOME}", "$(touch x)", "`touch x`",
    "..\\x", "..\\..\\x", "a\\..\\..\\x", "\\x", "\\\\host\\share\\x", "C:\\x", "C:x", "\\\\.\\pipe\\x", "\\\\?\\C:\\x",
    "%2e%2e/x", "%2e%2e%2fx", "..%2fx", "..%5cx", "%252e%252e%252fx", "..%c0%afx", "%00", "x%00.wav",
    "\0", "x\0.wav", "../x\0.toml", "x\n../x", "x\r\n", "-x", "--force", "-rf /", "-o../x",
    "CON", "con.wav", "NUL", "AUX.srt", "COM1", "LPT9.txt", "x.", "x ", " x", ".", "...", ".hidden", "x" * 300,
    "\N{RIGHT-TO-LEFT OVERRIDE}vaw.x", "\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}/x", "\N{TWO DOT LEADER}/x",
    "x\N{FULLWIDTH SOLIDUS}..\N{FULLWIDTH SOLIDUS}x", "a:b", "a|b", "a*?<>\"", "\udcff", "e\N{COMBINING ACUTE ACCENT}",
)  # fmt: skip
"""As they come over the network, from other systems, and from those who mean harm."""
OPERATIONS: Final[dict[str, Callable[[str], object]]] = {
    "open a job": lambda name: JobStore().open(name, IDENTITY),
    "change a job": lambda name: JobStore().change(name, queue="x"),
    "remove a job": lambda name: JobStore().remove(name),
    "find a session": sessions.find,
    "write a profile": lambda name: store.write(parse_profile('schema = 1\nname = "x"'), name),
    "write the text of a profile": lambda name: store.write_text(name, "x"),
    "name a new profile": store.new_path,
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Deep enough that three steps up are still seen; with a job that must stay as it is."""
    home = tmp_path / "a" / "b" / "home"
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"WORKBENCH_{name}_DIR", str(home / name.lower()))
    monkeypatch.setenv("HOME", str(home))
    (home / "work").mkdir(parents=True)
    monkeypatch.chdir(home / "work")
    JobStore().create(IDENTITY, FILE).close()
    (tmp_path / "x").write_text("a victim")
    return home


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_kept_by_name_is_found_by_its_name_alone(tmp_path: Path, home: Path, operation: str) -> None:
    before = everything(tmp_path)
    assert len(NAMES) >= 60
    for name in NAMES:
        with pytest.raises(UsageError) as refused:
            OPERATIONS[operation](name)
        assert refused.value.hint
    assert everything(tmp_path) == before


def test_what_is_made_of_a_file_lies_in_the_folder_that_was_named(tmp_path: Path, home: Path) -> None:
    before = everything(tmp_path)
    written = []
    for name in NAMES:
        if "\0" in name:
            continue  # no system takes it for a file
        (made,) = targets([Path(name)], ["srt"], ["srt"], output="out/", translation="pt", speech="speech")
        assert {path.parent for path in made.paths} == {Path("out")}, name
        Path("out").mkdir(exist_ok=True)
        refuse_taken(made.paths)
        for path in made.paths:
            try:
                write_atomically(path, b"made", overwrite=False)
            except WorkbenchError as error:
                assert "too long" in error.message, name  # noqa: PT017
            else:
                written.append(path)
        for path in Path("out").iterdir():
            path.unlink()
    assert len(written) > 80
    assert everything(tmp_path) == before


def test_a_link_in_the_output_folder_leads_nowhere(tmp_path: Path, home: Path) -> None:
    Path("out").mkdir()
    (made,) = targets([Path("talk.wav")], ["srt"], ["srt"], output="out/")
    (path,) = made.paths
    path.symlink_to(tmp_path / "x")
    with pytest.raises(WorkbenchError):
        write_atomically(path, b"made", overwrite=False)
    write_atomically(path, b"made", overwrite=True)
    assert (tmp_path / "x").read_text() == "a victim"
    assert (path.is_symlink(), path.read_bytes()) == (False, b"made")
    path.unlink()
    path.symlink_to(tmp_path / "not-there")
    write_atomically(path, b"made", overwrite=True)
    assert not (tmp_path / "not-there").exists()


def test_no_file_of_a_model_lies_outside_its_folder() -> None:
    model = Model(name="m", engine="e", languages=(), license="MIT", size=1, memory_mb=1, files=("*x", "*.json"))
    used = [name for name in (*NAMES, "../x.json", "..\\x.json", "/x.json", "x.json") if model.uses(name)]
    assert "x.json" in used
    assert [name for name in used if os.path.dirname(os.path.normpath(f"/m/{name}")) != "/m"] == []
    assert [name for name in used if PureWindowsPath("C:/m", name).parent != PureWindowsPath("C:/m")] == []
