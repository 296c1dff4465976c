"""What can be translated into is what installed translators can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

import workbench
from tests.tui.conftest import FakeLive, drive
from workbench import plugins
from workbench.engines import Settings
from workbench.plugins import Plugin, Registry
from workbench.profiles.schema import Profile
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.language import targets

ANY = Profile.model_validate({"schema": 1, "name": "x"})


class Pairs(workbench.Translator):
    name = "pairs"
    pairs: ClassVar[tuple[tuple[str, str], ...]] = (("en", "pt"), ("en", "ja"), ("pt", "en"))

    def process(self, item: workbench.Transcript, state: workbench.Settings) -> Iterator[workbench.Translation]:
        yield item.translated(item.text, language="pt")


class Anything(Pairs):
    name = "anything"
    pairs: ClassVar[tuple[tuple[str, str], ...]] = ()


@pytest.fixture
def registry(folders: Any) -> Registry:
    found = plugins.load(builtin_only=True)

    @workbench.hookimpl
    def register_engines(register: Callable[[Any], None]) -> None:
        register(Pairs)
        register(Anything)

    found.add(Plugin("pairs", "pairs", "1"), lambda: SimpleNamespace(register_engines=register_engines))
    return found


@pytest.mark.parametrize(
    ("engine", "source", "possible"),
    [
        (None, "en", {"pt", "ja"}),
        (None, "en-GB", {"pt", "ja"}),
        (None, None, {"pt", "ja", "en"}),
        (None, "ko", set()),
        ("pairs", "pt", {"en"}),
        ("anything", "ko", None),
    ],
)
def test_the_pairs_of_what_would_translate_decide(
    registry: Registry, engine: str | None, source: str | None, possible: set[str] | None
) -> None:
    profile = (
        ANY.model_copy()
        if engine is None
        else Profile.model_validate({"schema": 1, "name": "x", "translation": {"engine": engine}})
    )
    assert targets(registry, profile, source) == possible


def test_only_what_is_possible_is_offered(
    make: Callable[..., WorkbenchApp], live: FakeLive, registry: Registry
) -> None:
    live.registry, live.settings = registry, Settings(language="en")

    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("T")
        assert [option.id for option in app.screen.query_one(OptionList).options] == [":none", "ja", "pt"]
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        assert live.settings.target_language == "pt"

    drive(app := make("live"), test)


def test_where_nothing_is_possible_that_is_said_at_once(
    make: Callable[..., WorkbenchApp], live: FakeLive, registry: Registry
) -> None:
    live.registry, live.settings = registry, Settings(language="ko")

    async def test(pilot: Pilot[int]) -> None:
        await pilot.press("T")
        assert [notice.message for notice in app.notices] == ["No installed engine translates from ko."]
        assert not app.screen.query(OptionList)

    drive(app := make("live"), test)
