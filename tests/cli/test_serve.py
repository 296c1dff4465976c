"""The server as users start it: another process, with engines from another package."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from typer.testing import Result

pytest.importorskip("fastapi", reason='pip install "audio-workbench[server]"')

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


@pytest.fixture
def serve(place: Path, outside: None) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Start one at a port that is free. Gives it, and its address."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
        words = [sys.executable, "-m", "workbench", "serve", "--port", "0", *arguments]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"Listening on (http://127\.0\.0\.1:\d+)", line):
                return process, found[1]
        raise AssertionError("it never listened")

    yield start
    for process in started:
        process.kill()
        process.communicate()


def says(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if text in line:
            return
    raise AssertionError(f"it never said {text!r}, but {said}")


@posix
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_it_says_where_it_listens_and_ends_when_told_to(
    serve: Callable[..., tuple[subprocess.Popen[str], str]], name: str, code: int
) -> None:
    process, url = serve()
    says(process, "Ready.")
    with urlopen(f"{url}/readyz") as answer:
        assert json.load(answer) == {"status": "ready"}
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert out == ""
    assert "Traceback" not in err


@posix
def test_what_cannot_be_loaded_is_said_and_the_server_stays(
    serve: Callable[..., tuple[subprocess.Popen[str], str]],
) -> None:
    process, url = serve("--option", "asr.fault=broken")
    says(process, "the weights are damaged")
    with urlopen(f"{url}/healthz") as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143


@posix
def test_beyond_this_machine_it_says_where_the_token_is(
    serve: Callable[..., tuple[subprocess.Popen[str], str]], place: Path
) -> None:
    path = place / "token"
    process, _ = serve("--token-file", str(path))
    says(process, str(path))
    assert path.stat().st_mode & 0o077 == 0


def test_a_port_in_use_is_a_mistake_in_the_command(
    serve: Callable[..., tuple[subprocess.Popen[str], str]], command: Callable[..., Result]
) -> None:
    _, url = serve()
    result = command("serve", "--port", url.rpartition(":")[2])
    assert result.exit_code == 2
    assert "is in use" in result.output


def test_without_its_packages_it_says_what_to_install(
    command: Callable[..., Result], outside: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = command("serve")
    assert result.exit_code == 4
    assert 'pip install "audio-workbench[server]"' in result.output


def test_only_serving_imports_the_packages_of_the_server(place: Path) -> None:
    program = (
        "import sys, contextlib\n"
        "from workbench.cli import app\n"
        "for words in (['--help'], ['serve', '--help']):\n"
        "    with contextlib.suppress(SystemExit):\n"
        "        app(words, prog_name='workbench')\n"
        "print(sorted({'fastapi', 'starlette', 'uvicorn', 'websockets', 'prometheus_client'} & set(sys.modules)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
