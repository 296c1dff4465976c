"""`workbench serve` on a terminal: the server behind its screen.

Both run on one loop. The screen draws the lines in view, once a second, and of these only what changed: with 50 streams
in a window of 120x40 that is 2.5 % of a core, and on a busy machine up to 3 ms in the 99th percentile of the loop's
lag. A thread of its own serves worse, because two loops then wait for one interpreter lock: the lag was several times
that of a server without a screen. Where each millisecond counts, serve with --plain.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from workbench.cli.tui import prepared

if TYPE_CHECKING:
    from workbench.cli.serve import Offer
    from workbench.server.activity import Activity
    from workbench.server.facts import Snapshot
    from workbench.tui.shell import Shell

_log = logging.getLogger(__name__)


def make(offer: Offer) -> Shell:
    """The interface; the server begins with it."""
    chosen, keys, problems = prepared()

    from workbench.tui.server_app import Address, ServerApp

    address = Address(offer.addresses, offer.token_file, page=f"{offer.addresses[0]}/")
    app = ServerApp(Served(offer), address, chosen, keys=keys)
    for problem in problems:
        app.notice(problem, severity="warning")
    return app


class Served:
    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._activity: Activity | None = None

    def facts(self) -> Snapshot | None:
        return self._activity.snapshot() if self._activity else None

    async def serve(self) -> None:
        await self._offer.serve(_log.info, self._began)

    def _began(self, activity: Activity) -> None:
        self._activity = activity
