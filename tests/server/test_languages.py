"""What a client is told that it can ask for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes import run, until
from tests.real_speech import needs_engines
from tests.server.serving import Mirror, Parrot, serving
from workbench.engines import StageKind
from workbench.plan import Choice
from workbench.plugins import load
from workbench.profiles.schema import parse_profile
from workbench.server.languages import spoken
from workbench.session import translation_pairs


def answer(**how: Any) -> Any:
    async def test() -> Any:
        async with serving(**how) as server, server.http() as client:
            return await client.get("/v1/languages")

    return run(test)


def test_what_engines_name_is_offered_and_null_where_they_name_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer().json() == {"language": None, "languages": None, "pairs": [["en", "xx"]]}
    monkeypatch.setattr(Parrot, "languages", ("en", "de"))
    monkeypatch.setattr(Mirror, "pairs", ())
    told = answer(profile='schema = 1\nname = "test"\n[vad]\nengine = "loudness"\n[translation]\nengine = "mirror"\n')
    assert told.json() == {"language": None, "languages": ["en", "de"], "pairs": None}


def test_nothing_is_offered_before_an_engine_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Parrot, "fails", True)
    told = answer(ready=False)
    assert (told.status_code, told.json()["error"]["code"]) == (503, "not-ready")


def test_asking_too_early_is_no_error_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with serving(ready=False) as server, server.http() as client:
            await until(lambda: bool(server.said))
            assert (await client.get("/v1/languages")).status_code == 503
            assert "workbench_errors_total 1.0" in (await client.get("/metrics")).text  # the engine that is ill

    monkeypatch.setattr(Parrot, "fails", True)
    run(test)


@needs_engines
def test_a_model_for_english_is_offered_for_english_only() -> None:
    registry = load()
    whisper: Any = registry.engines(StageKind.ASR)["faster-whisper"]
    assert spoken(Choice(whisper, whisper.Options(model="tiny.en"), {})) == ["en"]
    assert len(spoken(Choice(whisper, whisper.Options(model="base"), {})) or ()) > 90
    profile = parse_profile('schema = 1\nname = "test"\n')
    assert ("en", "pt") in (translation_pairs(profile, registry) or ())
