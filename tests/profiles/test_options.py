from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import pytest

import workbench
from tests import fakes
from workbench.errors import ProfileError, UsageError
from workbench.plugins import Registry
from workbench.profiles.options import (
    check_options,
    check_text,
    installed_only,
    mistakes,
    parse_override,
    parse_value,
    split_options,
)
from workbench.profiles.schema import parse_profile


class Ears(workbench.Recognizer):
    name = "ears"

    class Options(workbench.Options):
        beam_size: int = 5
        """How many texts are followed at once."""
        threads: int | Literal["auto"] = "auto"
        model: str = "auto"

    def process(self, item: workbench.Window, state: workbench.Settings) -> Iterable[workbench.Transcript]:
        return ()


class Gate(workbench.Detector[None]):
    name = "gate"

    class Options(workbench.Options):
        level_db: float = -40.0

    def open(self, settings: workbench.Settings) -> None: ...

    def process(self, item: workbench.AudioChunk, state: None) -> Iterable[workbench.Activity]:
        return ()


@pytest.fixture
def registry() -> Registry:
    return fakes.registry(Ears, Gate)


def profile_with(text: str) -> Any:
    return parse_profile(f'schema = 1\nname = "x"\n{text}', "my.toml")


def test_options_are_checked_and_the_cores_own_are_taken_out(registry: Registry) -> None:
    profile = profile_with(
        '[asr]\nengine = "ears"\noptions = { beam_size = 2, packing = false }\n'
        '[vad]\nengine = "gate"\noptions = { level_db = -30, min_silence_ms = 500 }\n'
    )
    chosen = check_options(profile, registry)
    assert chosen["asr"].engine is Ears
    assert chosen["asr"].options == Ears.Options(beam_size=2)
    assert chosen["asr"].core == {"packing": False}
    assert chosen["vad"].options == Gate.Options(level_db=-30.0)
    assert chosen["vad"].core == {"min_silence_ms": 500}


def test_all_mistakes_of_all_stages_show_with_their_lines(registry: Registry) -> None:
    profile = profile_with(
        '[vad]\nengine = "gaet"\n'
        '[asr]\nengine = "ears"\n[asr.options]\nbeam_sise = 2\nthreads = "many"\nmodel = 3\n'
        '[tts]\nengine = "mouth"\n'
    )
    with pytest.raises(ProfileError) as caught:
        check_options(profile, registry)
    assert caught.value.message == "my.toml has 5 mistakes"
    assert caught.value.problems == (
        "my.toml:4: vad.engine: no vad engine is called 'gaet' (did you mean 'gate'?)",
        "my.toml:8: asr.options.beam_sise: unknown option of ears (did you mean 'beam_size'?)",
        "my.toml:9: asr.options.threads: must be a whole number or 'auto', not the text 'many'",
        "my.toml:10: asr.options.model: must be text, not 3",
        "my.toml:12: tts.engine: no tts engine is called 'mouth' (installed: none)",
    )


def test_mistakes_in_shape_and_in_options_show_together_by_line(registry: Registry) -> None:
    text = 'schema = 1\nname = "x"\nnaem = 1\n[asr]\nengine = "ears"\noptions = { beam_sise = 2 }\nisolation = 3\n'
    with pytest.raises(ProfileError) as caught:
        check_text(text, "my.toml", registry)
    assert [problem.split(": ")[:2] for problem in caught.value.problems] == [
        ["my.toml:3", "naem"],
        ["my.toml:6", "asr.options.beam_sise"],
        ["my.toml:7", "asr.isolation"],
    ]
    right = text.replace("naem = 1\n", "").replace("sise", "size").replace("isolation = 3\n", "")
    assert check_text(right, "my.toml", registry).stages()["asr"].options == {"beam_size": 2}


def test_of_what_was_made_for_this_machine_only_what_is_installed_is_used(registry: Registry) -> None:
    text = 'schema = 1\nname = "x"\n[vad]\nengine = "gate"\n[asr]\nengine = "gone"\n'
    named = parse_profile(text, "my.toml")
    assert installed_only(named, registry) is named
    made = type(named).model_validate(named.to_dict())
    assert list(installed_only(made, registry).stages()) == ["vad"]


def test_mistakes_are_told_by_key() -> None:
    assert [(problem.key, problem.text) for problem in mistakes("vad", {"min_silence_ms": -1}, Gate)] == [
        ("min_silence_ms", "must be at least 0, not -1")
    ]


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), ("[0, 1]", [0, 1]), ("true", True), ("base", "base"), ("a b", "a b")]
)
def test_what_is_no_toml_is_text(text: str, value: Any) -> None:
    assert parse_value(text) == value


def test_options_of_the_command_line_are_checked_alike() -> None:
    own, core = split_options("vad", {"level_db": "-20", "min_silence_ms": "500"}, Gate)
    assert own == Gate.Options(level_db=-20.0)
    assert core == {"min_silence_ms": 500}
    with pytest.raises(ProfileError) as caught:
        split_options("vad", {"min_silense_ms": 5, "speech_pad_ms": "wide"}, Gate)
    assert caught.value.exit_code == 2
    assert caught.value.problems == (
        "vad.min_silense_ms: unknown option of gate (did you mean 'min_silence_ms'?)",
        "vad.speech_pad_ms: must be a whole number, not the text 'wide'",
    )


def test_where_no_key_is_close_the_known_ones_are_listed_the_cores_too() -> None:
    with pytest.raises(ProfileError) as caught:
        split_options("vad", {"pad": 1}, Gate)
    known = "level_db, threshold, hysteresis, min_speech_ms, min_silence_ms, speech_pad_ms, max_speech_s"
    assert caught.value.problems == (f"vad.pad: unknown option of gate (known: {known})",)


def test_an_engine_without_options_says_so() -> None:
    class Bare(Gate):
        name = "bare"
        Options = workbench.Options  # type: ignore[assignment]

    with pytest.raises(ProfileError) as caught:
        split_options("tts", {"pad": 1}, Bare)
    assert caught.value.problems == ("tts.pad: unknown option of bare, which has none",)


@pytest.mark.parametrize(
    ("text", "override"),
    [
        ("vad.min_silence_ms=500", ("vad", "min_silence_ms", 500)),
        ("asr.model=base", ("asr", "model", "base")),
        ("asr.model=large-v3", ("asr", "model", "large-v3")),
        ("asr.packing=false", ("asr", "packing", False)),
        ('asr.prompt="a = b"', ("asr", "prompt", "a = b")),
        ("asr.cores=[0, 1]", ("asr", "cores", [0, 1])),
        ("asr.prompt=", ("asr", "prompt", "")),
    ],
)
def test_an_override_is_read(text: str, override: tuple[str, str, Any]) -> None:
    assert parse_override(text) == override


@pytest.mark.parametrize("text", ["vad", "vad.x", "=1", "vad=1", "vda.threshold=1"])
def test_an_override_that_names_no_option_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_override(text)
    assert caught.value.hint


def test_the_presets_are_right_for_the_engines_that_are_installed() -> None:
    from workbench import plugins
    from workbench.engines import StageKind
    from workbench.profiles import store

    registry = plugins.load()
    for kind, name in ((StageKind.VAD, "silero"), (StageKind.ASR, "faster-whisper")):
        if name not in registry.engines(kind):
            pytest.skip(f"the {kind} engine {name} is not installed")
    for entry in store.entries():
        check_options(store.load(entry.name), registry)
    check_options(store.propose(), registry)
