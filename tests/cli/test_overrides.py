"""What the command line puts on top of a profile."""

from __future__ import annotations

from pathlib import Path

import pytest

import workbench
from tests import fakes
from workbench.cli.overrides import overridden, settings_of
from workbench.engines import Settings
from workbench.errors import MissingError, UnknownEngine, UsageError
from workbench.plugins import Registry
from workbench.profiles.schema import Profile, Stage, parse_profile

pytestmark = pytest.mark.usefixtures("place")

PROFILE = """\
schema = 1
name = "mine"
[vad]
engine = "keen"
[asr]
engine = "parrot"
options = { model = "large" }
[settings]
language = "en"
prompt = "Names: Ada."
"""


class Keen(workbench.Detector[None]):
    name = "keen"

    def open(self, settings: Settings) -> None:
        return None

    def process(self, item: workbench.AudioChunk, state: None) -> tuple[()]:
        return ()


class Lazy(Keen):
    name = "lazy"


class Parrot(workbench.Recognizer):
    name = "parrot"

    class Options(workbench.Options):
        model: str = "small"
        size: int = 1

    def process(self, item: workbench.Window, state: Settings) -> tuple[()]:
        return ()


@pytest.fixture
def registry() -> Registry:
    return fakes.registry(Keen, Lazy, Parrot)


@pytest.fixture(autouse=True)
def profile(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine.toml").write_text(PROFILE)
    monkeypatch.setenv("WORKBENCH_PROFILE", "mine.toml")


def engines(profile: Profile) -> dict[str, str]:
    return {kind: stage.engine for kind, stage in profile.stages().items()}


def test_without_anything_it_is_the_profile_in_use(registry: Registry) -> None:
    assert overridden(None, registry, [], []).to_dict() == parse_profile(PROFILE).to_dict()


def test_an_engine_that_is_named_again_keeps_its_options(registry: Registry) -> None:
    changed = overridden(None, registry, ["asr=parrot"], ["asr.size=2"])
    assert changed.asr == Stage(engine="parrot", options={"model": "large", "size": 2})


def test_an_engine_that_is_changed_starts_without_options(registry: Registry) -> None:
    Path("mine.toml").write_text('schema = 1\nname = "mine"\n[vad]\nengine = "keen"\noptions = { threshold = 0.7 }\n')
    changed = overridden(None, registry, ["vad=lazy"], [])
    assert changed.vad == Stage(engine="lazy")


def test_an_option_where_no_engine_is_named_goes_to_the_one_that_is_installed(registry: Registry) -> None:
    Path("mine.toml").write_text('schema = 1\nname = "mine"\n')
    assert engines(overridden(None, registry, [], ["asr.size=2"])) == {"asr": "parrot"}
    with pytest.raises(MissingError, match="no engine for tts is installed"):
        overridden(None, registry, [], ["tts.speed=2"])


def test_a_model_is_text_whatever_it_looks_like_and_comes_before_options(registry: Registry) -> None:
    changed = overridden(None, registry, [], ["asr.model=tiny"], model="3")
    assert changed.asr is not None
    assert changed.asr.options == {"model": "3"}


def test_a_mistake_is_told_with_the_words_of_the_command_line(registry: Registry) -> None:
    with pytest.raises(UsageError, match=r"^--option asr.size=big: must be a whole number, not the text 'big'$"):
        overridden(None, registry, [], ["asr.size=big"])
    with pytest.raises(UsageError, match=r"^--option vad.treshold=1: unknown option of keen .did you mean 'threshold'"):
        overridden(None, registry, [], ["vad.treshold=1"])
    with pytest.raises(UnknownEngine, match="no vad engine is called 'lasy'") as raised:
        overridden(None, registry, ["vad=lasy"], [])
    assert raised.value.hint == "Did you mean 'lazy'?"


def test_the_profile_made_for_this_machine_leaves_out_what_is_not_installed(registry: Registry) -> None:
    assert engines(overridden("auto", registry, [], [])) == {}


def test_a_profile_of_the_user_is_not_second_guessed(registry: Registry) -> None:
    Path("mine.toml").write_text('schema = 1\nname = "mine"\n[vad]\nengine = "gone"\n')
    assert engines(overridden(None, registry, [], [])) == {"vad": "gone"}


def test_what_is_given_goes_before_the_profiles_settings() -> None:
    profile = parse_profile(PROFILE)
    assert settings_of(profile, language="pt", prompt=None) == Settings(language="pt", prompt="Names: Ada.")
