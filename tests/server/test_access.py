"""Where a server listens, and the token it asks for."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from workbench.errors import UsageError
from workbench.server.access import access, bind, default_token_file, read_token, url

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX file modes")


def close(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


def test_by_default_only_this_machine_is_listened_to() -> None:
    sockets = bind("127.0.0.1", 0)
    try:
        addresses = [one.getsockname()[0] for one in sockets]
        assert addresses in (["127.0.0.1", "::1"], ["127.0.0.1"])
        assert len({one.getsockname()[1] for one in sockets}) == 1
        assert url(sockets[0]) == f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        assert access("127.0.0.1", sockets, [], [], None).token is None
    finally:
        close(sockets)


@posix
def test_beyond_this_machine_there_is_a_token_that_only_its_owner_reads() -> None:
    sockets = bind("0.0.0.0", 0)
    try:
        first = access("0.0.0.0", sockets, [], [], None)
        assert first.token is not None
        assert len(first.token) >= 32
        assert stat.S_IMODE(default_token_file().stat().st_mode) == 0o600
        assert access("0.0.0.0", sockets, [], [], None).token == first.token
        assert first.knows_host("10.0.0.7:8765")
        assert not first.knows_host("evil.example")
    finally:
        close(sockets)


@posix
def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("0123456789abcdef\n")
    path.chmod(0o644)
    with pytest.raises(UsageError, match="others may read") as refused:
        read_token(path)
    assert refused.value.hint == f"Keep it: chmod 600 {path}"


@pytest.mark.parametrize("text", ["", "short", "with a space in the middle", "t\xf6ken-0123456789abcdef", "\0" * 40])
def test_a_file_without_a_token_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    with pytest.raises(UsageError, match="holds no token"):
        read_token(path)


def test_a_port_in_use_is_said_plainly() -> None:
    sockets = bind("127.0.0.1", 0)
    try:
        with pytest.raises(UsageError, match="is in use") as refused:
            bind("127.0.0.1", sockets[0].getsockname()[1])
        assert "--port" in refused.value.hint
    finally:
        close(sockets)


@pytest.mark.parametrize("host", ["no such host", "203.0.113.7", "a" * 300])
def test_an_address_that_this_machine_does_not_have_is_said_plainly(host: str) -> None:
    with pytest.raises(UsageError):
        close(bind(host, 0))


@pytest.mark.parametrize("name", ["2001:DB8::1", "[2001:db8::1]", "[2001:db8::1]:8765"])
def test_an_address_of_ipv6_is_allowed_with_brackets_and_without(name: str) -> None:
    assert access("127.0.0.1", [], [name], [], None).knows_host("[2001:db8::1]:8765")


@pytest.mark.parametrize("name", ["http://host", "*", "", "a b", "host/path", "user@host"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--allow-host"):
        access("127.0.0.1", [], [name], [], None)


@pytest.mark.parametrize("origin", ["host", "*", "null", "ftp://host", "https://host/page", "https://"])
def test_an_origin_that_is_none_is_refused(origin: str) -> None:
    with pytest.raises(UsageError, match="--allow-origin"):
        access("127.0.0.1", [], [], [origin], None)
