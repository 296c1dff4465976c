"""Who is answered: names, pages, tokens and numbers, each shown to a server that runs."""

from __future__ import annotations

import asyncio
import base64
import logging

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.fakes import run
from tests.server.serving import Server, serving
from workbench.server.access import LOOPBACK_NAMES, Access
from workbench.server.limits import Limits

TOKEN = "a-token-that-nobody-guesses"
OPEN = Access(hosts=LOOPBACK_NAMES)
NAMED = Access(
    hosts=LOOPBACK_NAMES | {"captions.example"},
    origins=frozenset({"https://page.example", "http://page.example:3000"}),
    any_address=True,
    token=TOKEN,
)
BEARER = {"authorization": f"Bearer {TOKEN}"}


async def status(server: Server, headers: dict[str, str], path: str = "/v1/models") -> int:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    answer = await server.raw(f"GET {path} HTTP/1.1\r\n{lines}connection: close\r\n\r\n".encode("latin-1"))
    return int(answer.split(b" ")[1])


async def handshake(server: Server, headers: dict[str, str]) -> int:
    """The status of the answer to a WebSocket's handshake: 101 is a yes."""
    key = base64.b64encode(b"0123456789abcdef").decode()
    asked = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-key": key, "sec-websocket-version": "13"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in (asked | headers).items())
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET /v1/listen HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))
    line = await reader.readline()
    writer.transport.abort()
    return int(line.split(b" ")[1])


MATRIX: list[tuple[str, Access, dict[str, str], int]] = [
    ("its own name", OPEN, {"host": "localhost"}, 200),
    ("its own address and a port", OPEN, {"host": "127.0.0.1:8765"}, 200),
    ("its own address in IPv6", OPEN, {"host": "[::1]:8765"}, 200),
    ("another letter case", OPEN, {"host": "LocalHost"}, 200),
    ("a name of somebody else", OPEN, {"host": "evil.example"}, 421),
    ("a name that begins like its own", OPEN, {"host": "localhost.evil.example"}, 421),
    ("a name that ends like its own", OPEN, {"host": "evil-localhost"}, 421),
    ("an address that is not its own", OPEN, {"host": "10.0.0.7"}, 421),
    ("a user before the name", OPEN, {"host": "localhost@evil.example"}, 421),
    ("a port that is none", OPEN, {"host": "localhost:99999"}, 421),
    ("an empty name", OPEN, {"host": ""}, 421),
    ("a path behind the name", OPEN, {"host": "localhost/evil"}, 421),
    ("its own page", OPEN, {"host": "localhost:8765", "origin": "http://localhost:8765"}, 200),
    ("a page of another port", OPEN, {"host": "localhost:8765", "origin": "http://localhost:3000"}, 403),
    ("a page of somebody else", OPEN, {"host": "localhost", "origin": "https://evil.example"}, 403),
    ("a page without an origin", OPEN, {"host": "localhost", "origin": "null"}, 403),
    ("an empty origin", OPEN, {"host": "localhost", "origin": ""}, 403),
    ("a token where none is needed", OPEN, {"host": "localhost", "authorization": "Bearer sk-anything"}, 200),
    ("the token", NAMED, {"host": "localhost", **BEARER}, 200),
    ("the token, in another letter case", NAMED, {"host": "localhost", "authorization": f"bearer {TOKEN}"}, 200),
    ("an allowed name", NAMED, {"host": "captions.example", **BEARER}, 200),
    ("any address", NAMED, {"host": "192.168.1.7:8765", **BEARER}, 200),
    ("an allowed page", NAMED, {"host": "localhost", "origin": "https://page.example", **BEARER}, 200),
    ("an allowed page with a port", NAMED, {"host": "localhost", "origin": "http://page.example:3000", **BEARER}, 200),
    (
        "an allowed page by the wrong scheme",
        NAMED,
        {"host": "localhost", "origin": "http://page.example", **BEARER},
        403,
    ),
    ("no token", NAMED, {"host": "localhost"}, 401),
    ("a wrong token", NAMED, {"host": "localhost", "authorization": "Bearer wrong"}, 401),
    ("a part of the token", NAMED, {"host": "localhost", "authorization": f"Bearer {TOKEN[:-1]}"}, 401),
    ("the token by another scheme", NAMED, {"host": "localhost", "authorization": f"Basic {TOKEN}"}, 401),
    ("a token of other letters", NAMED, {"host": "localhost", "authorization": "Bearer t\xf6ken"}, 401),
    ("the token under a strange name", NAMED, {"host": "evil.example", **BEARER}, 421),
    ("the token from a strange page", NAMED, {"host": "localhost", "origin": "https://evil.example", **BEARER}, 403),
]


@pytest.mark.parametrize("allowed", [OPEN, NAMED], ids=["open", "named"])
def test_who_asks_decides_whether_it_is_answered(allowed: Access) -> None:
    async def test() -> None:
        async with serving(allowed=allowed) as server:
            for what, wanted, headers, expected in MATRIX:
                if wanted is allowed:
                    assert await status(server, headers) == expected, what
                    assert await handshake(server, headers) == (101 if expected == 200 else expected), what

    run(test)


def test_a_request_needs_one_name() -> None:
    async def test() -> None:
        async with serving() as server:
            assert b" 421 " in await server.raw(b"GET /healthz HTTP/1.0\r\n\r\n")
            twice = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n"
            assert b" 400 " in await server.raw(twice)

    run(test)


def test_a_token_counts_in_no_url_and_stands_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        with caplog.at_level(logging.DEBUG):
            async with serving(allowed=NAMED) as server:
                named = {"host": "localhost"}
                for query in (f"token={TOKEN}", f"access_token={TOKEN}", f"api_key={TOKEN}"):
                    assert await status(server, named, f"/v1/models?{query}") == 401
                assert await status(server, named | BEARER) == 200
                assert await handshake(server, named | BEARER) == 101

    run(test)
    ours = [
        record for record in caplog.records if not record.name.startswith(("websockets.client", "httpx2", "httpcore"))
    ]
    assert not [record for record in ours if TOKEN in record.getMessage()]


def test_whether_the_server_runs_is_told_without_the_token() -> None:
    async def test() -> None:
        async with serving(allowed=NAMED) as server:
            assert await status(server, {"host": "localhost"}, "/healthz") == 200
            assert await status(server, {"host": "evil.example"}, "/healthz") == 421

    run(test)


def test_a_browser_shows_the_token_as_a_subprotocol_and_gets_one_back() -> None:
    async def test() -> None:
        async with serving(allowed=NAMED) as server:
            async with server.listen(subprotocols=["workbench", f"bearer.{TOKEN}"]) as socket:
                assert socket.subprotocol == "workbench"
            async with server.listen(subprotocols=[f"bearer.{TOKEN}"]) as socket:
                assert socket.subprotocol == f"bearer.{TOKEN}"
            for wrong in (["workbench"], ["workbench", "bearer.wrong"], [TOKEN]):
                with pytest.raises(InvalidStatus) as refused:
                    async with server.listen(subprotocols=wrong):
                        pass
                assert refused.value.response.status_code == 401

    run(test)


def test_no_page_is_told_that_it_may_read_answers() -> None:
    async def test() -> None:
        async with serving(allowed=NAMED) as server, server.http(headers=BEARER) as client:
            answer = await client.get("/v1/models", headers={"origin": "https://page.example"})
            assert not [name for name in answer.headers if name.startswith("access-control")]
            preflight = await client.options("/v1/models", headers={"origin": "https://page.example"})
            assert preflight.status_code == 405

    run(test)


def test_a_refusal_has_the_shape_of_all_errors() -> None:
    async def test() -> None:
        async with serving(allowed=NAMED) as server, server.http() as client:
            error = (await client.get("/v1/models")).json()["error"]
            assert error["type"] == "authentication_error"
            assert error["code"] == "invalid-api-key"
            assert "Authorization: Bearer" in error["hint"]

    run(test)


def test_a_client_has_so_many_sessions_and_no_more() -> None:
    async def test() -> None:
        async with (
            serving(limits=Limits(sessions_per_client=2)) as server,
            server.http() as client,
            server.listen() as first,
            server.listen() as second,
        ):
            with pytest.raises(ConnectionClosed) as closed:
                async with server.listen() as third:
                    await third.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
            busy = await client.post("/v1/audio/speech", json={"model": "tts-1", "input": "Hi", "voice": "anna"})
            assert busy.status_code == 429
            assert busy.headers["retry-after"] == "5"
            assert (await client.get("/readyz")).status_code == 200
            await first.close()
            await second.close()
            while "workbench_sessions 0.0" not in (await client.get("/metrics")).text:
                pass
            async with server.listen() as fourth:
                assert "ready" in str(await fourth.recv())

    run(test)


def test_more_headers_than_anyone_needs_are_refused() -> None:
    async def test() -> None:
        async with serving(limits=Limits(headers=20, header_bytes=4096)) as server:
            many = {"host": "localhost"} | {f"x-{n}": "1" for n in range(30)}
            assert await status(server, many) == 431
            assert await status(server, {"host": "localhost", "x": "1" * 10_000}) == 431

    run(test)


def test_a_request_whose_headers_do_not_come_is_dropped() -> None:
    async def test() -> None:
        async with serving(limits=Limits(handshake_s=0.05)) as server:
            for begun in (b"", b"GET /healthz HTTP/1.1\r\nhost: loc", b"GET / HTTP/1.1\r\n"):
                assert not await answered(server, begun)
            assert b"200 OK" in await answered(server, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nGET /heal")

    run(test)


async def answered(server: Server, data: bytes) -> bytes:
    """What comes back until the connection is closed or reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    came = b""
    try:
        while part := await reader.read(4096):
            came += part
    except ConnectionResetError:
        pass
    finally:
        writer.close()
    return came


def test_a_connection_too_many_is_cut_off() -> None:
    async def test() -> None:
        async with serving(limits=Limits(connections=3), ready=False) as server:
            held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
            assert not await answered(server, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            for _, writer in held:
                writer.close()

    run(test)
