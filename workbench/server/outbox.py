"""What waits for a client that reads more slowly than there is to tell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Hashable
from typing import Any

from workbench import events
from workbench.server.timing import Decided


class Full(Exception):
    """More waits than may."""


class Outbox:
    """On the loop only. Interim text that was not sent yet gives way to newer text of its segment."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._waiting: dict[Hashable, tuple[dict[str, Any], Decided | None]] = {}
        self._count = 0
        self.coalesced = 0
        """Interim texts that gave way before they were sent."""
        self._changed = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        """Of what waits."""
        return len(self._waiting)

    def put(self, event: events.Event | dict[str, Any], decided: Decided | None = None) -> None:
        """`decided`: comes out with it. Raises `Full`."""
        if isinstance(event, events.Transcript | events.Translation):
            text = event.transcript if isinstance(event, events.Transcript) else event.translation
            interim = (event.type, text.segment_id)
            self.coalesced += self._waiting.pop(interim, None) is not None
            key: Hashable = self._number() if text.is_final else interim
        else:
            key = self._number()
        if len(self._waiting) >= self.limit:
            raise Full("the client does not read")
        self._waiting[key] = event if isinstance(event, dict) else event.to_dict(), decided
        self._changed.set()

    def close(self) -> None:
        """Nothing more comes. What waits is still given out."""
        self._closed = True
        self._changed.set()

    async def get(self) -> tuple[str, Decided | None] | None:
        """The next message, as JSON, and what it was put in with; None: there will be none."""
        while not self._waiting:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        event, decided = self._waiting.pop(next(iter(self._waiting)))
        return json.dumps(event, ensure_ascii=False, default=float), decided

    def _number(self) -> int:
        self._count += 1
        return self._count
