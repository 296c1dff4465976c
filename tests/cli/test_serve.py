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

from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

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
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert re.fullmatch(r"\d\d:\d\d:\d\d  stopped after 0:\d\d, 0 streams\n", out)
    assert "Traceback" not in err


def stream(url: str, seconds: float = 1.0, query: str = "stages=vad") -> list[str]:
    """Send that much audio as fast as it is taken. Gives the types of what the server said."""
    with connect(f"{url.replace('http', 'ws')}/v1/listen?{query}", compression=None) as socket:
        for _ in range(round(seconds * 10)):
            socket.send(b"\x00\x20" * 1600)
        socket.send('{"type": "stop"}')
        return [json.loads(message)["type"] for message in socket]


def printed(process: subprocess.Popen[str], text: str) -> list[str]:
    """The lines on standard output up to one with `text`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError(f"it never printed {text!r}, but {lines}")


@posix
def test_a_line_tells_of_each_session_and_of_what_changed(
    serve: Callable[..., tuple[subprocess.Popen[str], str]],
) -> None:
    process, url = serve("--plain", "--every", "0.2")
    says(process, "Ready.")
    assert stream(url)[-1] == "done"
    opened, closed = (line for line in printed(process, "closed") if "session 1" in line)
    assert re.search(r"^\d\d:\d\d:\d\d  session 1 opened  127\.0\.0\.1:\d+  vad$", opened.rstrip())
    assert "1000: 1.0 s of audio in 0:0" in closed
    assert re.search(r"latency p50 (-|[\d.]+ ms) p95 (-|[\d.]+ ms), 0 coalesced", closed)
    status = printed(process, "sessions, most")[-1]
    assert "0 sessions, most 1 of 1000" in status
    assert "loop lag p50" in status
    assert status.rstrip().endswith("0 errors, ready")
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=60)
    assert "stopped after" in rest
    assert "sessions, most" not in rest, "nothing changed"


@posix
def test_as_json_each_line_is_an_event(serve: Callable[..., tuple[subprocess.Popen[str], str]]) -> None:
    process, url = serve("--json", "--every", "0.2")
    says(process, "Ready.")
    with pytest.raises(ConnectionClosedError):
        stream(url, 0.0, "stages=nothing")
    stream(url, 0.5)
    lines = printed(process, '"code": 1000')
    lines += printed(process, '"status"')
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=60)
    events = [json.loads(line) for line in [*lines, *rest.splitlines()]]
    first, last = events[0], events[-1]
    assert first["type"] == "listening"
    assert first["addresses"][0] == url
    assert first["token_file"] is None
    wrong, opened, closed = [e for e in events if e["type"] in ("closed", "opened")]
    assert (wrong["type"], wrong["code"], wrong["stream"]["stages"]) == ("closed", 1008, "")
    assert opened["stream"]["id"] == closed["stream"]["id"] == 2
    assert closed["stream"]["received_s"] == 0.5
    assert closed["stream"]["bytes_received"] == 16_000
    error = next(e for e in events if e["type"] == "error")
    assert "stages" in error["message"]
    assert (last["type"], last["streams_opened"], last["audio_s"]["streams"]) == ("stopped", 2, 0.5)


@posix
def test_whoever_does_not_read_the_lines_holds_nothing_up(
    serve: Callable[..., tuple[subprocess.Popen[str], str]],
) -> None:
    process, url = serve("--json")
    says(process, "Ready.")
    for _ in range(100):  # about a kilobyte each; a pipe takes 64
        stream(url, 0.0)
    with urlopen(f"{url}/healthz") as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143


@posix
def test_what_cannot_be_loaded_is_said_and_the_server_stays(
    serve: Callable[..., tuple[subprocess.Popen[str], str]],
) -> None:
    process, url = serve("--option", "asr.fault=broken")
    says(process, "the weights are damaged")
    with urlopen(f"{url}/healthz") as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
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
