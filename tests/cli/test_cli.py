"""The command as users start it: a process with a terminal, signals, full disks and odd locales."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import MissingError, OutputError, UsageError, WorkbenchError
from workbench.jobs.store import JobStore

Child = Callable[..., "subprocess.CompletedProcess[bytes]"]
Tone = Callable[..., Path]

unix = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals, limits and terminals on Windows")
HEAVY = {
    "numpy",
    "pydantic",
    "textual",
    "torch",
    "faster_whisper",
    "onnxruntime",
    "ctranslate2",
    "av",
    "soxr",
    "pysubs2",
}

IMPORTED = """
import sys
from workbench.cli import main
sys.argv = ["workbench", *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
sys.stderr.write(" ".join(sys.modules))
"""


def imported_by(*arguments: str) -> set[str]:
    code = IMPORTED.format(arguments=arguments)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(ran.stderr.splitlines()[-1].split())


def say(child: subprocess.CompletedProcess[bytes]) -> str:
    return child.stderr.decode()


# help


@pytest.mark.usefixtures("place")
def test_help_and_version_import_nothing_heavy() -> None:
    assert not imported_by("--help") & HEAVY
    assert not imported_by("--version") & HEAVY


@pytest.mark.usefixtures("place")
def test_detection_of_hardware_imports_no_model_runtime() -> None:
    assert not imported_by("profile", "detect", "--json") & (HEAVY - {"pydantic", "numpy"})


@pytest.mark.usefixtures("place")
def test_listing_plugins_imports_no_model_runtime() -> None:
    assert not imported_by("plugins") & (HEAVY - {"pydantic", "numpy"})


def test_help_names_all_commands_and_each_has_its_own(command: Any) -> None:
    told = command("--help")
    assert told.exit_code == 0
    for name in ("transcribe", "profile", "plugins", "models", "paths", "doctor"):
        assert f"\n  {name} " in told.stdout
        of_command = command(name, "-h")
        assert of_command.exit_code == 0
        assert f"workbench {name}" in of_command.stdout
    assert "WORKBENCH" not in command("transcribe", "--help").stderr


def helps(command: Any, *words: str) -> Iterator[tuple[str, str]]:
    """(command, help) of what `words` stand for, and of all its commands."""
    told = command(*words, "--help").stdout
    yield " ".join(["workbench", *words]), told
    for name in re.findall(r"^  ([a-z]+) ", told.partition("Commands:\n")[2].partition("\n\n")[0], re.MULTILINE):
        yield from helps(command, *words, name)


def test_each_command_has_a_usage_line_as_in_manuals(command: Any) -> None:
    told = dict(helps(command))
    assert len(told) > 20
    for name, text in told.items():
        usage, _, rest = text.partition("\n")
        assert re.fullmatch(
            rf"Usage: {name} \[OPTIONS\](( [A-Z]+| \[[A-Z]+\])(\.\.\.)?| \[?COMMAND\]? \[ARGS\]\.\.\.)*", usage
        )
        for argument in re.findall(r"[A-Z]+", usage.partition("[OPTIONS]")[2].partition("COMMAND")[0]):
            assert re.search(rf"^  {argument}  ", rest, re.MULTILINE)
    assert told["workbench transcribe"].startswith("Usage: workbench transcribe [OPTIONS] FILE...\n")
    assert told["workbench plugins"].startswith("Usage: workbench plugins [OPTIONS] [NAME]\n")


def test_the_help_tells_the_exit_codes(command: Any) -> None:
    said = " ".join(command("--help").stdout.split())
    assert "Exit codes: 0 all is well," in said
    for error in (WorkbenchError, UsageError, MissingError, OutputError):
        assert f" {error.exit_code} " in said.partition("Exit codes:")[2]


def test_the_version_is_told(command: Any) -> None:
    assert command("--version").stdout.startswith("workbench ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plugin"], "No command is called 'plugin' (did you mean 'plugins'?)."),
        (["talk one.mp4"], "To make subtitles of a file: workbench transcribe 'talk one.mp4'"),
        (["transcribe"], "Missing argument 'FILE'"),
        (["transcribe", "a.wav", "--langage", "en"], "--language"),
        (["plugins", "--no-plugin"], "--no-plugin needs the name of a plugin"),
    ],
)
def test_a_wrong_command_line_is_refused_with_what_is_meant(command: Any, arguments: list[str], said: str) -> None:
    result = command(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_no_plugin_with_a_name_that_nothing_has_is_told(command: Any) -> None:
    result = command("plugins", "--no-plugin", "builtins")
    assert result.exit_code == 0
    assert result.stderr == "note: no plugin is called 'builtins' (did you mean 'builtin'?)\n"


# standard output


@unix
def test_a_reader_that_goes_away_ends_it_quietly(child: Child) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = child("plugins", capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (ran.returncode, say(ran)) == (141, "")


@unix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.usefixtures("outside")
def test_a_full_disk_behind_standard_output_is_an_error_of_output(child: Child, tone: Tone) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = child("transcribe", tone(), "-o", "-", capture_output=False, stdout=full, stderr=subprocess.PIPE)
        assert ran.returncode == 74
        assert say(ran).startswith("workbench: talk.wav: standard output cannot be written: No space left")
        assert say(ran).splitlines()[2:] == [
            "What was made of files that failed is kept. To try again: workbench jobs retry"
        ]
        ran = child("--help", capture_output=False, stdout=full, stderr=subprocess.PIPE)
        assert ran.returncode == 74
        assert "Traceback" not in say(ran)


@unix
@pytest.mark.usefixtures("outside")
def test_closed_streams_are_no_reason_to_crash(child: Child, tone: Tone) -> None:
    ran = child("transcribe", tone(), "-o", "-", preexec_fn=lambda: os.close(1))
    assert ran.returncode == 74
    assert "standard output is closed" in say(ran)
    ran = child("transcribe", "talk.wav", preexec_fn=lambda: os.close(2))
    assert (ran.returncode, Path("talk.srt").exists()) == (0, True)


# files


@unix
@pytest.mark.usefixtures("outside")
def test_a_full_disk_leaves_nothing_half_written(child: Child, tone: Tone, log: Path) -> None:
    import resource

    log.parent.mkdir(parents=True)
    log.write_bytes(b"." * 16)  # where nothing more fits either

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))

    ran = child("transcribe", tone(), "--speak", "--engine=tts=hum", preexec_fn=limit)
    assert ran.returncode == 74
    assert "cannot be written: the file is too large" in say(ran)
    assert "Traceback" not in say(ran)
    assert [path.name for path in Path().iterdir()] == ["talk.wav"]


ODD_NAMES = (
    "two words.wav",
    "会议 🎤.wav",
    "-dash.wav",
    "new\nline.wav",
    "\x1b[31mred.wav",
    b"half\xff.wav",
    "a:smile:.wav",
)


@unix
@pytest.mark.usefixtures("outside")
def test_odd_names_work_in_a_locale_that_has_not_their_letters(child: Child, tone: Tone) -> None:
    original = tone()
    for name in ODD_NAMES:
        os.link(original, name)
    ascii_only = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    ran = child("transcribe", "--json", "-o", "out/", "--", *ODD_NAMES, "gone\n.wav", env=ascii_only)
    assert ran.returncode == 3, say(ran)
    rows = [json.loads(line) for line in ran.stdout.decode("utf-8").splitlines()]
    names = [os.fsdecode(name) for name in ODD_NAMES]
    assert sorted(row["file"] for row in rows) == sorted([*names, "gone\n.wav"])
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(n.removesuffix("wav") + "srt" for n in names)
    lines = say(ran).splitlines()
    assert len(lines) == len(names) + 2, lines  # a line each, and a hint: no name breaks its line
    assert "\x1b" not in say(ran)


# signals


def _held(tone: Tone, *arguments: str, stderr: int | None = None) -> tuple[subprocess.Popen[bytes], Path]:
    """A transcription that has just called an engine, which goes on when there is such a file."""
    gate = Path("gate").resolve()
    words = ["transcribe", str(tone()), "--option", f"asr.gate={gate}", "--speak", "--engine=tts=hum", *arguments]
    running = subprocess.Popen(
        [sys.executable, "-m", "workbench", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if stderr is None else stderr,
    )
    deadline = time.monotonic() + 30
    while not gate.with_suffix(".entered").exists():
        assert time.monotonic() < deadline, running.communicate()
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    return running, gate


@unix
@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_waits_for_the_running_call_and_leaves_no_file(tone: Tone, name: str) -> None:
    running, gate = _held(tone)
    assert running.stderr is not None
    running.send_signal(getattr(signal, name))
    assert running.stderr.readline() == b"Stopping. Once more ends it at once.\n"
    assert running.stderr.readline() == b"Waiting for engines to end what they have begun.\n"
    assert running.poll() is None
    gate.touch()
    out, said = running.communicate(timeout=60)
    assert out == b""
    assert said.startswith(b"talk.wav: paused. To go on: workbench jobs resume ")
    assert running.returncode == 128 + getattr(signal, name)
    assert sorted(path.name for path in Path().iterdir()) == ["gate", "gate.entered", "talk.wav"]


@unix
@pytest.mark.usefixtures("outside")
def test_a_second_signal_ends_it_at_once(tone: Tone) -> None:
    running, _ = _held(tone)
    assert running.stderr is not None
    running.send_signal(signal.SIGINT)
    running.stderr.readline()
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGTERM
    assert [path.name for path in Path().iterdir() if path.suffix in (".srt", ".wav")] == ["talk.wav"]


@unix
def test_ctrl_c_while_plugins_are_imported_ends_it_quietly(install: Callable[..., None], tone: Tone) -> None:
    install("sleeps-at-import")
    words = [sys.executable, "-m", "workbench", "transcribe", str(tone())]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not Path("importing").exists():
        time.sleep(0.01)
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=60) == (b"", b"")
    assert running.returncode == 130


# terminals


def _read(terminal: int) -> str:
    """What the child still has to say on its terminal."""
    said = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # it has closed it
            break
        if not data:
            break
        said += data
    return said.decode()


@unix
@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("interrupted", [False, True])
def test_on_a_terminal_there_are_bars_and_the_cursor_comes_back(
    tone: Tone, monkeypatch: pytest.MonkeyPatch, interrupted: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    ours, theirs = os.openpty()
    running, gate = _held(tone, "--json", stderr=theirs)
    os.close(theirs)
    seen = ""
    while "talk.wav" not in seen:
        seen += os.read(ours, 65536).decode()
    assert "\x1b[?25l" in seen  # the cursor is hidden
    if interrupted:
        running.send_signal(signal.SIGINT)
        while "Stopping" not in seen:
            seen += os.read(ours, 65536).decode()
    gate.touch()
    seen += _read(ours)
    data, _ = running.communicate(timeout=60)
    os.close(ours)
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
    assert running.returncode == (130 if interrupted else 0)
    if not interrupted:
        assert "talk.wav -> talk.srt, talk.speech.wav (0:02, en, 1 cue" in seen.replace("\r\n", "")
        assert json.loads(data)["file"] == "talk.wav"  # and not on the terminal
        assert '"segments"' not in seen


@unix
@pytest.mark.usefixtures("outside")
def test_a_terminal_that_is_closed_pauses_what_runs(tone: Tone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    ours, theirs = os.openpty()
    running, gate = _held(tone, stderr=theirs)
    os.close(theirs)
    os.close(ours)
    running.send_signal(signal.SIGHUP)
    gate.touch()
    running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGHUP
    [info] = JobStore().jobs()
    assert (info.state, info.checkpoint and info.checkpoint.failures) == ("paused", ())


@unix
@pytest.mark.usefixtures("outside")
def test_a_second_signal_leaves_the_prompt_a_clear_line(tone: Tone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    ours, theirs = os.openpty()
    running, _ = _held(tone, "--json", stderr=theirs)
    os.close(theirs)
    seen = ""
    running.send_signal(signal.SIGINT)
    while "Stopping" not in seen:
        seen += os.read(ours, 65536).decode()
    running.send_signal(signal.SIGTERM)
    seen += _read(ours)
    running.communicate(timeout=60)
    os.close(ours)
    assert seen.endswith("\r\x1b[2K\x1b[?25h")


@unix
@pytest.mark.usefixtures("outside")
def test_plain_on_a_terminal_draws_nothing(tone: Tone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    ours, theirs = os.openpty()
    running, gate = _held(tone, "--plain", stderr=theirs)
    os.close(theirs)
    gate.touch()
    seen = _read(ours)
    running.communicate(timeout=60)
    os.close(ours)
    assert "\x1b" not in seen
    assert not [c for c in seen if "\u2500" <= c <= "\u28ff"]
    assert seen.splitlines()[0] == "Loading engines"
