"""`workbench serve` on a terminal: the server behind its screen.

The server has a thread and a loop of its own. On one loop with the screen it would wait for each drawing, and for keys
that open another screen: with 50 streams in a window of 120x40 that adds 3 ms to the 99th percentile of the loop's lag,
and a tenth of a second when the help is opened. All that the two share is a frozen `Snapshot`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from workbench.cli.tui import prepared
from workbench.errors import first_error
from workbench.threads import to_thread, uninterrupted
from workbench.tui.shell import Shell

if TYPE_CHECKING:
    from workbench.cli.serve import Offer
    from workbench.server.activity import Activity
    from workbench.server.facts import Snapshot

PUBLISH_S: Final = 0.5
SWITCH_S: Final = 0.001
"""How long the screen may draw on, in Python, while the server has something to do: 0.005 by default."""
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
    """A server in a thread and on a loop of its own. All methods are called on the loop of the screen."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._facts: Snapshot | None = None
        self._stopping = threading.Event()
        self._stop: Callable[[], None] = lambda: None
        """Is called in any thread."""

    def facts(self) -> Snapshot | None:
        """At most `PUBLISH_S` old."""
        return self._facts

    async def serve(self) -> None:
        sys.setswitchinterval(SWITCH_S)
        running = asyncio.ensure_future(to_thread(lambda: asyncio.run(self._serve())))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            self._stopping.set()
            self._stop()
            await uninterrupted(running)
            raise

    # in the thread of the server

    async def _serve(self) -> None:
        """Until `_stop` is called; raises what the server does."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def stop() -> None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(task.cancel)

        self._stop = stop
        if self._stopping.is_set():
            return
        try:
            async with asyncio.TaskGroup() as tasks:

                def began(activity: Activity) -> None:
                    tasks.create_task(self._publish(activity))

                await self._offer.serve(_log.info, began)
        except asyncio.CancelledError:
            if not self._stopping.is_set():
                raise
        except BaseExceptionGroup as group:
            error = first_error(group)
            raise error from error.__cause__

    async def _publish(self, activity: Activity) -> None:
        """For ever."""
        while True:
            self._facts = activity.snapshot()
            await asyncio.sleep(PUBLISH_S)
