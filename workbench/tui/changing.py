"""Other engines or settings for the live session, while it runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.profiles.schema import Profile

if TYPE_CHECKING:
    from workbench.live import Live


async def change(live: Live, wanted: Profile, *, with_settings: bool = False) -> None:
    """Use `wanted`, and where `with_settings`, the settings of streams that it names. Returns when all is loaded.

    Raises why it could not be loaded; then what was in use goes on.
    """
    named = wanted.settings.model_dump(exclude_unset=True) if with_settings else {}
    live.change(profile=wanted, settings=replace(live.settings, **named))
    await live.settled()
