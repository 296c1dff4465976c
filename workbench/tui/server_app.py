"""The interface of `workbench serve`: it shows what the server does, and ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from textual.binding import BindingType, Keymap
from textual.screen import Screen

from workbench.tui.choices import Choices
from workbench.tui.shell import COMMON, Shell
from workbench.tui.texts import _

if TYPE_CHECKING:
    from workbench.server.facts import Snapshot


@dataclass(frozen=True, slots=True)
class Address:
    """How the server is reached."""

    urls: Sequence[str]
    """The first is the one to use."""
    token_file: str
    """Empty where no token is needed."""
    page: str
    """The URL of the page with captions."""

    @property
    def curl(self) -> str:
        """A command that asks the server something."""
        token = f'-H "Authorization: Bearer $(cat {self.token_file})" ' if self.token_file else ""
        return f"curl {token}{self.urls[0]}/v1/models"


class Served(Protocol):
    """A server. It is entered and left on the loop of the interface, wherever it runs itself."""

    def facts(self) -> Snapshot | None:
        """What is known now; None: it has not begun."""

    def serve(self) -> Awaitable[None]:
        """Until cancelled; then it ends within seconds."""


class ServerApp(Shell):
    TITLE = "workbench serve"
    BINDINGS: ClassVar[list[BindingType]] = [*COMMON]

    def __init__(self, served: Served, address: Address, choices: Choices, *, keys: Keymap | None = None) -> None:
        super().__init__(choices, keys=keys)
        self.address = address
        self._served = served

    @property
    def is_stopping(self) -> bool:
        return self._leaving.is_set()

    def facts(self) -> Snapshot | None:
        return self._served.facts()

    def get_default_screen(self) -> Screen[Any]:
        from workbench.tui.screens.server import ServerScreen

        return ServerScreen()

    async def work_on(self) -> None:
        """Serve, and end when the server does."""
        await self.check_keys()
        serving, leaving = asyncio.ensure_future(self._served.serve()), asyncio.ensure_future(self._leaving.wait())
        try:
            await asyncio.wait([serving, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (serving, leaving):
                task.cancel()
            await asyncio.wait([serving, leaving])
        if not serving.cancelled():
            serving.result()
        if not self._exit:
            self.exit(0)

    async def action_quit(self) -> None:
        now = self.facts()
        if self.is_stopping or now is None or not now.sessions:
            self._stop()
            return
        from workbench.tui.screens.ask import Ask

        question = Ask(
            _("Sessions that are open: {count}.", count=now.sessions),
            {"q": _("tell their clients what was heard so far, and stop the server")},
        )
        self.push_screen(question, lambda answer: self._stop() if answer == "q" else None)

    def _stop(self) -> None:
        self._leaving.set()
        self.left()
