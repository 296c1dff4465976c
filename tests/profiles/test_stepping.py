from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal

import pytest

import workbench
from tests import fakes
from workbench.engines import StageKind
from workbench.models import Model
from workbench.plugins import Registry
from workbench.profiles.schema import Instances, Profile, Stage
from workbench.profiles.stepping import Step, step_down


def model(name: str, memory_mb: int, *languages: str) -> Model:
    return Model(
        name=name, engine="ears", languages=languages, license="MIT", size=1, memory_mb=memory_mb, files=("model.bin",)
    )


LARGE, MEDIUM, SMALL, SMALL_EN, TINY = (
    model("large", 4500, "en", "de", "yue"),
    model("medium", 2700, "en", "de"),
    model("small", 1500, "en", "de"),
    model("small.en", 1600, "en"),
    model("tiny", 300, "en", "de"),
)


class Ears(workbench.Recognizer):
    name = "ears"
    known: ClassVar[tuple[Model, ...]] = (LARGE, MEDIUM, SMALL_EN, SMALL, TINY)

    class Options(workbench.Options):
        model: str = "large"
        device: Literal["auto", "cpu", "cuda"] = "auto"
        compute_type: Literal["auto", "int8", "int8_float16", "float16", "float32"] = "auto"
        batch_size: int = 1
        concurrency: int = 1

    @classmethod
    def models(cls) -> Sequence[Model]:
        return cls.known

    def process(self, item: workbench.Window, state: workbench.Settings) -> Iterable[workbench.Transcript]:
        return ()


class Words(workbench.Translator):
    name = "words"

    class Options(Ears.Options):
        """Its model is that of a pair of languages: no other can take its place."""

    def process(self, item: workbench.Transcript, state: workbench.Settings) -> Iterable[workbench.Translation]:
        return ()


ONE_AT_A_TIME = {"model": "large", "concurrency": 1}


class Plain(Ears):
    """Has nothing to set but how many calls it takes at once."""

    name = "plain"

    class Options(workbench.Options):
        concurrency: int = 1


@pytest.fixture
def registry() -> Registry:
    return fakes.registry(Ears, Plain)


def profile(engine: str = "ears", instances: int = 1, **options: Any) -> Profile:
    asr = {"engine": engine, "options": options, "instances": {"min": 1, "max": instances}}
    return Profile.model_validate({"schema": 1, "name": "test", "asr": asr})


def steps(
    start: Profile, registry: Registry, language: str | None = "de", here: Iterable[Model] = Ears.known
) -> list[str]:
    """What is said of each step, to the last, without what all of them say."""
    said, step = [], step_down(start, registry, StageKind.ASR, language, lambda model: model in here)
    while step is not None:
        said.append(step.said.removeprefix("memory ran out, so the recognizer goes on with "))
        step = step_down(step.profile, registry, StageKind.ASR, language, lambda model: model in here)
    return said


def test_batch_then_concurrency_then_copies_then_compute_type_then_model_are_given_up(registry: Registry) -> None:
    start = profile(
        instances=2, model="large", device="cuda", compute_type="float16", batch_size=5, concurrency=2, packing=False
    )
    assert steps(start, registry) == [
        "batch_size 2 instead of 5",
        "batch_size 1 instead of 2",
        "concurrency 1 instead of 2",
        "instances 1 instead of 2",
        "compute_type int8_float16 instead of float16",
        "model medium instead of large",
        "model small instead of medium",
        "model tiny instead of small",
    ]


def test_a_step_leaves_everything_else_as_it_was(registry: Registry) -> None:
    start = profile(model="large", batch_size=4, packing=False)
    step = step_down(start, registry, StageKind.ASR, None, lambda model: True)
    assert isinstance(step, Step)
    assert step.said == "memory ran out, so the recognizer goes on with batch_size 2 instead of 4"
    assert step.profile == profile(model="large", batch_size=2, packing=False)
    assert start == profile(model="large", batch_size=4, packing=False)


@pytest.mark.parametrize(
    ("device", "compute_type", "narrower"),
    [
        ("cpu", "auto", []),
        ("cpu", "float32", ["int8 instead of float32"]),
        ("cuda", "auto", ["int8_float16 instead of auto"]),
        ("auto", "auto", ["int8 instead of auto"]),
        ("cuda", "int8_float16", []),
        ("cpu", "int8", []),
    ],
)
def test_the_compute_type_becomes_the_narrowest_the_device_is_known_to_have(
    device: str, compute_type: str, narrower: list[str], registry: Registry
) -> None:
    start = profile(model="tiny", device=device, compute_type=compute_type)
    assert steps(start, registry) == [f"compute_type {said}" for said in narrower]


def test_a_smaller_model_recognizes_what_is_spoken(registry: Registry) -> None:
    start = profile(model="medium", compute_type="int8")
    assert steps(start, registry, "en-GB")[0] == "model small.en instead of medium"
    assert steps(start, registry, "de")[0] == "model small instead of medium"
    assert steps(profile(model="large", compute_type="int8"), registry, "yue") == []


def test_where_the_language_is_to_be_found_out_the_smaller_model_can_find_out_too(registry: Registry) -> None:
    assert steps(profile(model="medium", compute_type="int8"), registry, None)[0] == "model small instead of medium"


def test_no_model_is_downloaded_for_it(registry: Registry) -> None:
    start = profile(model="large", compute_type="int8")
    assert steps(start, registry, here=(LARGE, TINY)) == ["model tiny instead of large"]
    assert steps(start, registry, here=(LARGE,)) == []


def test_a_folder_of_weights_has_no_smaller_one(registry: Registry) -> None:
    assert steps(profile(model="./mine", compute_type="int8"), registry) == []


def test_what_the_engine_cannot_be_set_to_is_passed_over(registry: Registry) -> None:
    assert steps(profile(engine="plain", concurrency=2), registry) == ["concurrency 1 instead of 2"]


def test_without_a_recognizer_there_is_nothing_to_give_up(registry: Registry) -> None:
    assert step_down(Profile.model_validate({"schema": 1, "name": "test"}), registry, StageKind.ASR, None) is None


def test_what_has_fewer_copies_waits_for_them_no_longer_than_before(registry: Registry) -> None:
    instances = {"min": 2, "max": 2, "acquire_timeout_s": 5.0}
    start = Profile.model_validate({"schema": 1, "name": "test", "asr": {"engine": "plain", "instances": instances}})
    step = step_down(start, registry, StageKind.ASR, None)
    assert step is not None
    assert step.profile.asr is not None
    assert step.profile.asr.instances == Instances(min=1, max=1, acquire_timeout_s=5.0)


def test_each_stage_gives_up_what_is_its_own() -> None:
    words = {"engine": "words", "options": {"model": "large", "concurrency": 2}}
    start = profile(model="large", batch_size=4).model_copy(update={"translation": Stage.model_validate(words)})
    registry = fakes.registry(Ears, Words)
    step = step_down(start, registry, StageKind.TRANSLATION, "de", lambda model: True)
    assert isinstance(step, Step)
    assert step.said == "memory ran out, so the translator goes on with concurrency 1 instead of 2"
    assert (step.profile.asr, step.profile.translation) == (start.asr, Stage(engine="words", options=ONE_AT_A_TIME))
    assert step_down(step.profile, registry, StageKind.TRANSLATION, "de", lambda model: True) is None
