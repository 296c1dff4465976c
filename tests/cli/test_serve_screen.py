"""`workbench serve` on a terminal: the screen, a client that is shown on it, and the ways out."""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason='pip install "audio-workbench[server]"')
if sys.platform == "win32":
    pytest.skip("Windows has no such terminals and signals", allow_module_level=True)

from websockets.sync.client import connect

from tests.tui.terminal import Terminal
from tests.tui.test_terminal import assert_restored

Open = Callable[..., Terminal]


@pytest.fixture
def open_server(place: Path, outside: None) -> Open:
    def run(*arguments: str) -> Terminal:
        return Terminal("-m", "workbench", "serve", "--port", "0", *arguments, env={"COLUMNS": "80"})

    return run


def address(terminal: Terminal) -> str:
    """Where it listens, when it is ready."""
    terminal.shows("READY ✓")
    found = re.search(r"http://127\.0\.0\.1:\d+", terminal.text)
    assert found
    return found[0]


def test_it_shows_a_session_and_q_ends_it(open_server: Open) -> None:
    with open_server() as terminal:
        url = address(terminal)
        with connect(f"{url.replace('http', 'ws')}/v1/listen?stages=vad", compression=None) as socket:
            socket.send(b"\x00\x20" * 8000)
            terminal.shows("1 session")
            terminal.shows(f"127.0.0.1:{socket.local_address[1]}")
            heard: list[str] = []
            reading = threading.Thread(target=lambda: heard.extend(json.loads(text)["type"] for text in socket))
            reading.start()
            terminal.type("q")
            terminal.shows("Sessions that are open: 1.")
            terminal.type("q")
            assert terminal.ended() == 0
            reading.join(10)
        assert heard[-1] == "done"
        assert_restored(terminal)


def test_y_copies_the_address_and_without_a_session_q_ends_it(open_server: Open) -> None:
    with open_server() as terminal:
        address(terminal)
        terminal.type("y")
        terminal.until(lambda: b"\x1b]52;c;" in terminal.written)
        terminal.type("q")
        assert terminal.ended() == 0
        assert_restored(terminal)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_tells_clients_and_leaves_the_terminal_as_it_was(open_server: Open, name: str) -> None:
    number = getattr(signal, name)
    with open_server() as terminal:
        url = address(terminal)
        with connect(f"{url.replace('http', 'ws')}/v1/listen?stages=vad", compression=None) as socket:
            socket.send(b"\x00\x20" * 8000)
            terminal.shows("1 session")
            heard: list[str] = []
            reading = threading.Thread(target=lambda: heard.extend(json.loads(text)["type"] for text in socket))
            reading.start()
            terminal.process.send_signal(number)
            assert terminal.ended() == 128 + number
            reading.join(10)
        assert heard[-1] == "done"
        assert_restored(terminal)


def test_plain_needs_no_screen(open_server: Open) -> None:
    with open_server("--plain") as terminal:
        terminal.shows("Ready.")
        assert b"\x1b[?1049h" not in terminal.written
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.ended() == 128 + signal.SIGTERM


def test_a_window_that_is_closed_ends_it_and_clients_hear_the_rest(open_server: Open) -> None:
    with open_server() as terminal:
        url = address(terminal)
        with connect(f"{url.replace('http', 'ws')}/v1/listen?stages=vad", compression=None) as socket:
            socket.send(b"\x00\x20" * 8000)
            terminal.shows("1 session")
            terminal.close()
            heard = [json.loads(text)["type"] for text in socket]
        assert heard[-1] == "done"
        assert terminal.process.wait(60) == 128 + signal.SIGHUP
