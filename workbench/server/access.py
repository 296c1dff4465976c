"""Where the server listens, and who may ask: names it answers to, pages that may use it, and the token."""

from __future__ import annotations

import errno
import hmac
import ipaddress
import os
import secrets
import socket
import stat
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from workbench import paths
from workbench.disk_errors import said_plainly
from workbench.errors import UsageError

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ATTEMPTS: Final = 20
_NO_SUCH_ADDRESS: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_UNREAD_BYTES: Final = 262_144
"""That the system keeps for a client that does not read: by itself it would keep megabytes."""
_SHORTEST: Final = 16
"""Characters of a token."""


@dataclass(frozen=True, slots=True)
class Access:
    """Which requests are answered."""

    hosts: frozenset[str]
    """Names and addresses, in lower case and without a port, that a request may be for."""
    origins: frozenset[str] = frozenset()
    """Pages that may use the server beside its own, as SCHEME://HOST[:PORT]."""
    any_address: bool = False
    """Whether a request may be for any IP address: a page elsewhere can only give a name that it controls."""
    token: str | None = None
    """What each request must show; None: nothing."""

    def knows_host(self, header: str) -> bool:
        """Whether `header`, a Host header's value, is one that a request may be for."""
        host = _host_of(header)
        return host is not None and (host in self.hosts or (self.any_address and _is_address(host)))

    def knows_origin(self, origin: str, host_header: str) -> bool:
        """Whether a page of `origin` may use the server: its own, which was asked for as `host_header`, or a listed."""
        own = {f"{scheme}://{host_header.lower()}" for scheme in ("http", "https")}
        return origin.lower() in own or origin.lower() in self.origins

    def knows_token(self, given: Iterable[str]) -> bool:
        """Whether one of `given` is the token. How long that takes says nothing about it."""
        if self.token is None:
            return True
        expected = self.token.encode()
        return any(hmac.compare_digest(one.encode("utf-8", "replace"), expected) for one in given)


def access(
    host: str, sockets: Sequence[socket.socket], hosts: Iterable[str], origins: Iterable[str], token_file: Path | None
) -> Access:
    """Who may ask a server that listens on `sockets`. Beyond loopback there is a token, made when there is none yet.

    Raises `UsageError` for names that are none and a token file that others can read, and `OutputError`.
    """
    bound = {str(one.getsockname()[0]) for one in sockets}
    local = all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in bound)
    anywhere = any(ipaddress.ip_address(address.partition("%")[0]).is_unspecified for address in bound)
    path = token_file or (None if local else default_token_file())
    return Access(
        hosts=LOOPBACK_NAMES
        | {host.lower()}
        | {address.lower() for address in bound}
        | {_name(name) for name in hosts},
        origins=frozenset(map(_origin, origins)),
        any_address=anywhere,
        token=read_token(path) if path else None,
    )


def _host_of(header: str) -> str | None:
    """The host in `header`, without brackets and port; None where it is none."""
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return None
    return None if parts.netloc != header or "@" in header else (parts.hostname or "").rstrip(".") or None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _name(text: str) -> str:
    host = text.lower() if _is_address(text) else _host_of(text)
    if host is None or any(c in text for c in "/*? "):
        raise UsageError(f"--allow-host {text!r} is no name of a host", hint="Write it without http:// and port.")
    return host


def _origin(text: str) -> str:
    parts = urlsplit(text.lower())
    if parts.scheme not in ("http", "https") or text.lower() != f"{parts.scheme}://{parts.netloc}" or not parts.netloc:
        raise UsageError(f"--allow-origin {text!r} is no origin", hint="Write it as https://host or http://host:port.")
    return text.lower()


# the token


def default_token_file() -> Path:
    return paths.data_dir() / "server-token"


def read_token(path: Path) -> str:
    """The token in `path`; where there is no such file, it is made, for its owner only.

    Raises `UsageError` when others may read the file or it holds no token, and `OutputError`.
    """
    with said_plainly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
        with path.open("rb") as file:
            mode, data = os.fstat(file.fileno()).st_mode, file.read(4096)
    if os.name != "nt" and stat.S_IMODE(mode) & 0o077:
        raise UsageError(f"others may read the token in {str(path)!r}", hint=f"Keep it: chmod 600 {path}")
    token = data.decode("ascii", "replace").strip()
    if len(token) < _SHORTEST or not all(c.isalnum() or c in "-._~" for c in token) or not token.isascii():
        raise UsageError(
            f"{str(path)!r} holds no token",
            hint=f"Delete it to get a new one; or write {_SHORTEST} letters and digits.",
        )
    return token


# sockets


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on `host`; for localhost and 127.0.0.1 on ::1 too, where there is one. Port 0: a free one.

    Raises `UsageError`.
    """
    addresses = ["127.0.0.1", "::1"] if host in ("localhost", "127.0.0.1") else _resolved(host)
    for attempt in range(_ATTEMPTS):
        try:
            return _bound(addresses, port)
        except OSError as error:
            if port == 0 and error.errno == errno.EADDRINUSE and attempt < _ATTEMPTS - 1:
                continue  # the port that was free for one address is taken for another
            raise _explained(host, port, error) from error
    raise AssertionError


def _resolved(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"there is no host {host!r}", hint="Give an address of this machine, or 0.0.0.0.") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _bound(addresses: Sequence[str], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            try:
                sockets.append(_listening(address, port))
            except OSError as error:
                if not sockets or error.errno not in _NO_SUCH_ADDRESS:
                    raise
            port = sockets[0].getsockname()[1]
    except BaseException:
        for one in sockets:
            one.close()
        raise
    return sockets


def _listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let two servers share a port
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNREAD_BYTES)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        one.listen(1024)
        one.setblocking(False)
    except BaseException:
        one.close()
        raise
    return one


def _explained(host: str, port: int, error: OSError) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        return UsageError(f"port {port} is in use", hint="Choose another with --port; 0 takes one that is free.")
    if error.errno == errno.EACCES:
        return UsageError(f"port {port} may not be used", hint="Choose one above 1023 with --port.")
    if error.errno in _NO_SUCH_ADDRESS:
        return UsageError(f"this machine has no address {host!r}", hint="Give one that it has, or 0.0.0.0 for all.")
    return UsageError(f"{host}:{port} cannot be listened on: {error.strerror}", hint="Choose another --host or --port.")


def url(one: socket.socket) -> str:
    """Where `one` listens, as a client writes it."""
    address, port = one.getsockname()[:2]
    return f"http://{f'[{address}]' if ':' in address else address}:{port}"
