"""Other engines for a live session."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests import fakes
from tests.tui.small_engines import small_registry
from workbench.errors import EngineError
from workbench.live import Live
from workbench.profiles.schema import Profile
from workbench.tui.changing import change


def profile(ears: str, **more: Any) -> Profile:
    return Profile.model_validate(
        {"schema": 1, "name": ears, "vad": {"engine": "gate"}, "asr": {"engine": ears}} | more
    )


def test_the_settings_that_a_profile_names_come_with_it_where_they_are_wanted(folders: Path) -> None:
    async def test() -> None:
        named = profile("other-ears", settings={"language": "de"})
        async with Live(profile("ears"), small_registry()) as live:
            await change(live, named)
            assert (live.profile, live.settings.language) == (named, None)
            await change(live, named, with_settings=True)
            assert live.settings.language == "de"

    fakes.run(test)


def test_what_cannot_be_loaded_is_raised_and_what_was_in_use_goes_on(folders: Path) -> None:
    async def test() -> None:
        before = profile("ears")
        async with Live(before, small_registry()) as live:
            await change(live, before)
            with pytest.raises(EngineError, match="damaged"):
                await change(live, profile("deaf"))
            assert live.profile is before

    fakes.run(test)


def test_a_newer_wish_is_not_taken_back(folders: Path) -> None:
    async def test() -> None:
        newer = profile("other-ears", settings={"language": "de"})
        async with Live(profile("ears"), small_registry()) as live:
            changing = asyncio.ensure_future(change(live, profile("deaf")))
            await asyncio.sleep(0)
            live.change(profile=newer)
            await changing
            assert live.profile is newer

    fakes.run(test)
