"""`workbench serve`"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

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
from workbench.threads import limit_arenas


def serve(
    host: Annotated[
        str, typer.Option("--host", metavar="H", help="Where to listen. Beyond this machine a token is needed.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: one that is free.")] = 8765,
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
) -> None:
    """Offer the engines to other programs, over HTTP and WebSocket. Ctrl-C stops.

    Only programs on this machine are answered, unless --host says otherwise.
    """
    limits = parse_limits(limit or [])
    _check_installed()
    registry = console.registry()
    chosen = overridden(profile, registry, engine or [], option or [], model)
    settings = settings_of(chosen, language=language)
    affinity.apply(chosen.hardware.cpu_affinity)
    limit_arenas()
    sockets = bind(host, port)
    try:
        allowed = access(host, sockets, allow_host or [], allow_origin or [], token_file)
        console.say(f"Listening on {' and '.join(map(url, sockets))}. Ctrl-C stops.")
        if allowed.token is not None:
            console.say(f"Clients need the token in {token_file or default_token_file()}.")
        console.run(_serve(chosen, registry, settings, sockets, allowed, limits))
    finally:
        for one in sockets:
            one.close()


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


async def _serve(
    profile: Profile,
    registry: Registry,
    settings: Settings,
    sockets: Sequence[socket.socket],
    allowed: Access,
    limits: Limits,
) -> None:
    from workbench.server.serving import serve as serve_until_cancelled

    async with Session(profile, registry) as session:
        await serve_until_cancelled(session, settings, sockets, allowed, limits, console.say)
