"""Which engines a client's request is answered with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, ClassVar

import pytest

import workbench
from tests.fakes import registry, run, until
from tests.server.serving import PROFILE, RATE, Ear, Mirror, Parrot, tone
from workbench.engines import Settings
from workbench.errors import EngineError, MissingError, UnsupportedLanguage
from workbench.profiles.schema import parse_profile
from workbench.server import engines as module
from workbench.server.engines import Engines
from workbench.session import Session


class Choosy(Parrot):
    """Left to choose, it takes the larger model where memory holds it; the smaller one knows English only."""

    name = "choosy"
    free_mb: ClassVar[int] = 500
    breaks: ClassVar[bool] = False

    class Options(workbench.Options):
        model: str = "auto"

    def __init__(self, options: Any) -> None:
        if self.breaks:
            raise EngineError("no card", hint="Plug it in.")

    def process(self, item: workbench.Window, state: Settings) -> Iterator[workbench.Transcript]:
        if self.breaks:
            raise EngineError("the card fell out")
        yield from super().process(item, state)

    @classmethod
    def resolve(cls, options: Any, settings: Settings) -> Any:
        if options.model == "auto":
            if cls.free_mb < 100:
                raise MissingError("no model fits")
            options = options.model_copy(update={"model": "small" if settings.language == "en" else "large"})
        if options.model == "small" and settings.language != "en":
            raise UnsupportedLanguage("the small one knows English only")
        return options


@asynccontextmanager
async def loaded(settings: Settings) -> AsyncIterator[Engines]:
    """Engines of a server whose streams have `settings` unless they set others."""
    async with Session(parse_profile(PROFILE), registry(Ear, Choosy, Mirror)) as session:
        engines = Engines(session, settings)
        keeping = asyncio.create_task(engines.keep_loaded(lambda line: None))
        try:
            await until(lambda: engines.problem() is None)
            yield engines
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])


def test_what_is_loaded_answers_though_the_memory_it_takes_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with loaded(Settings()) as engines:
            monkeypatch.setattr(Choosy, "free_mb", 10)
            for language in (None, "de", "en"):
                stages = await engines.recognition(Settings(language=language))
                assert stages.recognizer in [pool for _, pool in engines.at_work]
            translated = await engines.recognition(Settings(language="en", target_language="xx"))
            assert translated.translator is not None

    run(test)


def test_another_model_is_loaded_for_what_the_loaded_one_cannot_do(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with loaded(Settings(language="en")) as engines:
            assert [model.id for model in engines.models] == ["loudness", "small"]
            first = (await engines.recognition(Settings(language="en"))).recognizer
            assert (await engines.recognition(Settings(language="de"))).recognizer is not first
            monkeypatch.setattr(Choosy, "free_mb", 10)
            with pytest.raises(UnsupportedLanguage, match="English only"):
                await engines.recognition(Settings(language="de"))

    run(test)


def test_an_engine_that_breaks_is_known_and_loaded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    segment = workbench.SpeechSegment(id=0, audio=workbench.AudioChunk(tone(1.0), RATE, 0.0))

    async def said(engines: Engines) -> list[str]:
        pool: Any = (await engines.recognition(Settings(language="en"))).recognizer
        window = workbench.Window((segment,))
        async with pool.open(Settings(language="en")) as stage, aclosing(stage.results(window)) as results:
            return [transcript.text async for transcript in results]

    async def test() -> None:
        async with loaded(Settings()) as engines:
            monkeypatch.setattr(Choosy, "breaks", True)
            with pytest.raises(EngineError):
                await said(engines)
            assert engines.problem()
            await until(lambda: engines.problem() == "no card\nPlug it in.")
            monkeypatch.setattr(Choosy, "breaks", False)
            await until(lambda: engines.problem() is None)
            assert await said(engines) == ["Hello there."]

    run(test)


def test_a_file_job_works_with_what_is_loaded_and_takes_none_of_it_to_make_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        async with loaded(Settings()) as engines:
            monkeypatch.setattr(Choosy, "free_mb", 10)
            profile = engines.profile(Settings(language="en"))
            beside = engines.session.beside(profile)
            stages = await beside.load(beside.plan(Settings(language="en")))
            assert stages.recognizer in [pool for _, pool in engines.at_work]
            await beside.release(None)
            assert engines.problem() is None

    run(test)
