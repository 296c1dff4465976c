"""What all commands share: errors, the log, and what may be written to a terminal."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from workbench import paths
from workbench.cli import console
from workbench.errors import InputError, MissingError, OutputError, ProfileError, UsageError, WorkbenchError

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def logging_restored() -> Iterator[None]:
    root, raises = logging.getLogger(), logging.raiseExceptions
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:], logging.raiseExceptions = handlers, raises
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            UsageError("no such file: 'x'", hint="Check the name."),
            2,
            "workbench: no such file: 'x'\n  Check the name.\n",
        ),
        (InputError("'x' is empty"), 1, "workbench: 'x' is empty\n"),
        (MissingError("no model"), 4, "workbench: no model\n"),
        (OutputError("the disk is full"), 74, "workbench: the disk is full\n"),
        (ProfileError("p has 2 mistakes", problems=("a", "b")), 2, "workbench: p has 2 mistakes\n  a\n  b\n"),
    ],
)
def test_an_error_of_ours_is_said_with_what_to_do_next(
    capsys: pytest.CaptureFixture[str], error: WorkbenchError, code: int, said: str
) -> None:
    assert console.fail(error) == code
    assert capsys.readouterr() == ("", said)


def test_an_error_of_the_system_names_the_file_and_the_log(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    assert console.fail(OSError(errno.ENOSPC, "No space left on device", "x.srt")) == 74
    assert capsys.readouterr().err == f"workbench: x.srt: No space left on device\n  Details: {log}\n"


def test_anything_else_is_a_bug_whose_traceback_is_in_the_log(
    capsys: pytest.CaptureFixture[str], log: Path, logging_restored: None
) -> None:
    console.set_up_log()
    with pytest.raises(ZeroDivisionError) as raised:
        raise ZeroDivisionError("a\nb \udcff")
    assert console.fail(raised.value) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "workbench: ZeroDivisionError: a b \\udcff"
    assert str(log) in said[1]
    assert "Traceback" in log.read_text()
    assert log == paths.log_file()


def test_a_mistake_of_the_user_is_one_line_in_the_log(log: Path, logging_restored: None) -> None:
    console.set_up_log()
    try:
        int("soon")
    except ValueError as error:
        problem = ProfileError("mine.toml has mistakes", problems=(":3: color: unknown key",))
        problem.__cause__ = error
        console.fail(problem)
    [line] = log.read_text().splitlines()
    assert line.endswith("mine.toml has mistakes; :3: color: unknown key")


def test_a_log_that_cannot_be_written_stops_nothing(log: Path, logging_restored: None) -> None:
    log.parent.parent.mkdir(exist_ok=True)
    log.parent.write_text("not a folder")
    console.set_up_log()
    console.log_error(ValueError("lost"))
    assert log.parent.read_text() == "not a folder"


def test_what_a_terminal_would_obey_is_shown_instead() -> None:
    assert console.printable("a\x1b[2Jb\tc\u202ed\udcffé会🎤\n") == "a\\x1b[2Jb\\tc\\u202ed\\udcffé会🎤\n"


def test_json_is_utf8_and_half_characters_come_back(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    console.print_json({"file": "会\udcff🎤\n"})
    out = capfdbinary.readouterr().out
    assert out == '{"file": "会\\udcff🎤\\n"}\n'.encode()
    assert json.loads(out) == {"file": "会\udcff🎤\n"}


def test_the_result_of_work_is_given_back() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert console.run(work()) == 7


def test_of_a_group_the_first_error_is_raised_with_its_cause() -> None:
    async def fail() -> None:
        try:
            raise ValueError("the cause")
        except ValueError as error:
            raise InputError("what came of it") from error

    async def work() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())

    with pytest.raises(InputError, match="what came of it") as raised:
        console.run(work())
    assert isinstance(raised.value.__cause__, ValueError)


def test_a_cancellation_that_no_signal_made_is_passed_on() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        console.run(work())


# what fits a terminal


@pytest.mark.parametrize(
    ("text", "most", "said"),
    [
        ("lecture-12.wav", 14, "lecture-12.wav"),
        ("lecture-12.wav", 10, "lectu….wav"),
        ("一二三四五六七八", 16, "一二三四五六七八"),
        ("一二三四五六七八", 10, "一二…七八"),
        ("one two", 5, "on…wo"),
        ("long", 1, "…"),
    ],
)
def test_what_is_too_long_loses_its_middle(text: str, most: int, said: str) -> None:
    assert console.cut(text, most) == said


@given(st.text(), st.integers(1, 30))
def test_what_was_cut_fits_whatever_its_characters(text: str, most: int) -> None:
    assert cell_len(console.cut(text, most)) <= most
    assert cell_len(console.cut_path(text, most)) <= most


def test_a_path_loses_its_folders_first() -> None:
    assert console.cut_path("/home/me/talks/a.wav", 20) == "/home/me/talks/a.wav"
    assert console.cut_path("/home/me/talks/a.wav", 19) == "…/a.wav"
    assert console.cut_path("/home/me/talks/lecture-12.wav", 10) == "lectu….wav"


def test_a_table_fits_the_terminal_and_only_its_paths_give_way() -> None:
    rows = [("NAME", "FILE", "DONE"), ("job-1", "/talks/讲座讲座讲座.wav", "100%")]
    assert console.table(rows, paths=1) == console.table(rows, most=36, paths=1)
    lines = console.table(rows, most=27, paths=1).splitlines()
    assert lines[1] == "job-1  讲座讲…座.wav   100%"
    assert len(console.table(rows, most=5, paths=1).splitlines()[1]) > 5  # names and numbers stay
