"""`workbench serve`"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import console
from workbench.cli.options import EngineOptions, Engines, Language, Model, ProfileName
from workbench.cli.overrides import overridden, settings_of
from workbench.engines import Settings
from workbench.errors import MissingError
from workbench.plugins import Registry
from workbench.profiles import affinity
from workbench.profiles.schema import Profile
from workbench.server.access import Access, access, bind, default_token_file, url
from workbench.server.limits import Limits, parse_limits
from workbench.session import Session
from workbench.threads import favour_the_loop, limit_arenas

if TYPE_CHECKING:
    from workbench.server.activity import Activity


def serve(
    host: Annotated[
        str, typer.Option("--host", metavar="H", help="Where to listen. Beyond this machine a token is needed.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0: one that is free.")] = 8765,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="F", help="Ask for the token in it; it is made if it is missing."),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", metavar="H", help="Another name of this server; repeatable.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option("--allow-origin", metavar="URL", help="Whose pages may use it beside its own; repeatable."),
    ] = None,
    limit: Annotated[
        list[str] | None, typer.Option("--limit", metavar="NAME=N", help="See docs/server.md; repeatable.")
    ] = None,
    language: Language = None,
    model: Model = None,
    profile: ProfileName = None,
    engine: Engines = None,
    option: EngineOptions = None,
    plain: Annotated[bool, typer.Option("--plain", help="A line for what happens, instead of the screen.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same, one event a line, on standard output.")] = False,
    every: Annotated[
        float, typer.Option("--every", metavar="S", min=0.1, help="Between two lines on how things are.")
    ] = 10.0,
) -> None:
    """Offer the engines to other programs, over HTTP and WebSocket. Ctrl-C stops.

    Only programs on this machine are answered, unless --host says otherwise. On a terminal a screen shows what the
    server does.
    """
    limits = parse_limits(limit or [])
    _check_installed()
    registry = console.registry()
    chosen = overridden(profile, registry, engine or [], option or [], model)
    settings = settings_of(chosen, language=language)
    affinity.apply(chosen.hardware.cpu_affinity)
    limit_arenas()
    favour_the_loop()
    sockets = bind(host, port)
    try:
        allowed = access(host, sockets, allow_host or [], allow_origin or [], token_file)
        offer = Offer(chosen, registry, settings, sockets, allowed, limits, _token_file(allowed, token_file))
        console.say(f"Listening on {' and '.join(offer.addresses)}. Ctrl-C stops.")
        if offer.token_file:
            console.say(f"Clients need the token in {offer.token_file}.")
        if plain or as_json or not _is_on_terminal():
            console.run(_serve(offer, every, as_json=as_json), new_loop=fast_loop())
        elif code := _watch(offer):
            raise typer.Exit(code)
    finally:
        for one in sockets:
            one.close()


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes uvloop's, which costs a tenth less for each message; None where it is not installed."""
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return None
    return uvloop.new_event_loop


def _check_installed() -> None:
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError as error:
        raise MissingError(
            f"the server needs the package {error.name!r}", hint='pip install "audio-workbench[server]"'
        ) from error


def _token_file(allowed: Access, given: Path | None) -> str:
    return str(given or default_token_file()) if allowed.token is not None else ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What is served, to whom, and where."""

    profile: Profile
    registry: Registry
    settings: Settings
    sockets: Sequence[socket.socket]
    access: Access
    limits: Limits
    token_file: str
    """Empty where no token is needed."""

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(map(url, self.sockets))

    async def serve(self, told: Callable[[str], None], began: Callable[[Activity], None]) -> None:
        """Until cancelled."""
        from workbench.server.serving import serve as serve_until_cancelled

        async with Session(self.profile, self.registry) as session:
            await serve_until_cancelled(
                session, self.settings, self.sockets, self.access, self.limits, told, began=began
            )


def _is_on_terminal() -> bool:
    return all(map(console.is_terminal, (sys.stdin, sys.stdout, sys.stderr))) and console.moves_cursor(sys.stdout)


def _watch(offer: Offer) -> int:
    """Serve behind a screen. Gives the exit code."""
    from workbench.cli.serve_screen import make
    from workbench.cli.tui import PATIENCE_S, on_terminal

    return on_terminal(lambda: make(offer), patience_s=PATIENCE_S + 2 * offer.limits.shutdown_s)


async def _serve(offer: Offer, every_s: float, *, as_json: bool) -> None:
    from workbench.cli.serve_lines import Lines

    lines = Lines(every_s, as_json=as_json)
    addresses = offer.addresses
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lines.repeat())
            await offer.serve(console.say, lambda activity: lines.began(activity, addresses, offer.token_file))
    finally:
        await lines.end()
