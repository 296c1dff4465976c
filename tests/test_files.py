"""Files that are complete or not there."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workbench import files
from workbench.errors import OutputError
from workbench.files import NewFile, sweep, write_atomically

LIMITED = """
import resource, signal, sys
from pathlib import Path
from workbench.errors import OutputError
from workbench.files import write_atomically
if sys.argv[2] == "limit":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_atomically(Path(sys.argv[1]), bytes(2_000_000), overwrite=True)
except OutputError as error:
    print(error.exit_code, error.message)
    print(error.hint)
"""
TMPFS = """
mount -t tmpfs -o size=1m none "$1" && printf old > "$1/out" && "$2" -c "$3" "$1/out" full
ls -A "$1"
cat "$1/out"
"""


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_the_file_holds_the_data_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_atomically(tmp_path / "out.srt", b"text", overwrite=False)
    assert (tmp_path / "out.srt").read_bytes() == b"text"
    assert names(tmp_path) == ["out.srt"]


def test_the_mode_follows_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_atomically(tmp_path / "out", b"", overwrite=False)
    finally:
        os.umask(old)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o640


def test_a_file_that_is_there_stays_unless_overwriting_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="exists already"):
        write_atomically(path, b"new", overwrite=False)
    assert path.read_bytes() == b"old"
    write_atomically(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("can_link", [True, False])
def test_a_file_that_appears_while_writing_stays(
    tmp_path: Path, can_link: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not can_link:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no links here")))
    path = tmp_path / "out"
    with NewFile(path, overwrite=False) as new:
        new.write(b"mine")
        path.write_bytes(b"theirs")
        with pytest.raises(OutputError, match="exists already"):
            new.commit()
    assert path.read_bytes() == b"theirs"
    assert names(tmp_path) == ["out"]


def test_where_links_are_not_possible_files_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EOPNOTSUPP, "FAT")))
    write_atomically(tmp_path / "out", b"text", overwrite=False)
    assert (tmp_path / "out").read_bytes() == b"text"
    assert names(tmp_path) == ["out"]


def test_nothing_is_seen_before_the_commit_nor_left_when_it_does_not_come(tmp_path: Path) -> None:
    with NewFile(tmp_path / "out", overwrite=False) as new:
        new.write(b"half")
        assert not (tmp_path / "out").exists()
    assert names(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_when_the_disk_fails_the_old_file_stays(tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, call, lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(OutputError, match="Input/output error"):
        write_atomically(path, b"new", overwrite=True)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["out"]


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no folder") as caught:
        write_atomically(tmp_path / "missing" / "out", b"", overwrite=True)
    assert str(tmp_path / "missing") in caught.value.message
    assert caught.value.exit_code == 74


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such folder")
def test_a_folder_that_takes_no_files_is_not_said_to_be_missing() -> None:
    with pytest.raises(OutputError, match="'/proc' takes no files"):
        write_atomically(Path("/proc/out"), b"", overwrite=False)


def test_a_directory_and_a_device_are_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="directory"):
        write_atomically(tmp_path, b"", overwrite=True)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="not a regular file"):
        write_atomically(tmp_path / "pipe", b"", overwrite=True)
    assert names(tmp_path) == ["pipe"]


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    write_atomically(tmp_path / "link", b"new", overwrite=True)
    assert (tmp_path / "target").read_bytes() == b"old"
    assert (tmp_path / "link").read_bytes() == b"new"


def test_permission_denied_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root, who may run the tests, may write everywhere
    with pytest.raises(OutputError, match="permission denied") as caught:
        write_atomically(tmp_path / "out", b"", overwrite=False)
    assert str(tmp_path) in caught.value.hint


def test_a_file_beyond_the_size_limit_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "out"), "limit"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("74 ")
    assert "too large" in result.stdout
    assert names(tmp_path) == []


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("moment", ["hold", "fsync_folder", "os.replace", "os.link"])
def test_a_file_that_is_written_is_whole_whenever_another_writer_sweeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, overwrite: bool
) -> None:
    step, swept = getattr(os, moment[3:]) if "." in moment else getattr(files, moment), list[str]()

    def after_a_sweep(*given: Any) -> Any:
        if len(swept) < 3:
            swept.append(moment)
            sweep(tmp_path)
        return step(*given)

    monkeypatch.setattr(os if "." in moment else files, moment.removeprefix("os."), after_a_sweep)
    write_atomically(tmp_path / "talk.srt", b"whole", overwrite=overwrite)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("talk.srt", b"whole")]


def test_a_full_disk_is_called_full_and_the_old_file_stays(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    script = ["sh", "-c", TMPFS, "sh", str(tmp_path), sys.executable, LIMITED]
    isolated = [[unshare, "-m", *script], [unshare, "-rm", *script]] if unshare else []
    for command in isolated:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if "full" in result.stdout:
            said, hint, *rest = result.stdout.splitlines()
            assert said.startswith("74 ")
            assert "the disk is full" in said
            assert "Free some space" in hint
            assert rest == ["out", "old"]
            return
    pytest.skip("a small disk cannot be mounted here: neither as root nor in a user namespace")


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process as Unix does")
def test_what_a_killed_process_left_half_written_is_swept_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from workbench.files import NewFile\n"
        "NewFile(Path(sys.argv[1]), overwrite=False).write(b'half')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.srt")], check=False)
    [left] = tmp_path.iterdir()
    with NewFile(tmp_path / "b.srt", overwrite=False) as writing:
        sweep(tmp_path)
        assert not left.exists()
        writing.write(b"whole")
        writing.commit()
    assert [path.name for path in tmp_path.iterdir()] == ["b.srt"]
    sweep(tmp_path / "missing")
