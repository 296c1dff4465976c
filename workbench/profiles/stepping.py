"""What a stage gives up, one thing after the other, when memory runs out or texts drift. Loads nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from workbench.engines import Engine, StageKind, same_language
from workbench.errors import ProfileError
from workbench.models import Model, present
from workbench.profiles.options import split_options
from workbench.profiles.schema import Profile, Stage

if TYPE_CHECKING:
    from workbench.plugins import Registry

_NARROWER: Final[Mapping[str, str]] = {
    "float32": "int8",
    "int16": "int8",
    "float16": "int8_float16",
    "bfloat16": "int8_bfloat16",
}
_NARROWER_THAN_AUTO: Final[Mapping[str, str]] = {"cuda": "int8_float16", "auto": "int8"}
"""By device; on a CPU, "auto" is int8."""
_CALLED: Final[Mapping[StageKind, str]] = {
    StageKind.VAD: "detector",
    StageKind.ASR: "recognizer",
    StageKind.TRANSLATION: "translator",
    StageKind.TTS: "synthesizer",
}


@dataclass(frozen=True, slots=True)
class Step:
    profile: Profile
    """Takes less memory than the one before."""
    said: str
    """What is different, a plain sentence."""


def step_down(
    profile: Profile,
    registry: Registry,
    kind: StageKind,
    language: str | None,
    is_here: Callable[[Model], bool] = lambda model: present(model) is not None,
) -> Step | None:
    """The next smaller profile, for a stage that ran out of memory; None: that stage cannot do with less.

    In this order, each down to its end before the next is touched: `batch_size` and `concurrency` are halved, so are
    copies of the model, the compute type becomes narrower, and a recognizer's model the next smaller one that
    recognizes `language` (BCP-47; None: all that the larger one does) and is on this machine: nothing is downloaded for
    it. `profile` is pinned: it says what "auto" was found to be.
    """
    stage = profile.stages().get(kind)
    if stage is None or kind not in _CALLED:
        return None
    engine = cast("type[Engine[Any, Any, Any]]", registry.find(kind, stage.engine))
    models = engine.models() if kind is StageKind.ASR else ()
    model = _next_model(stage.options.get("model"), models, language, is_here)
    for what, old, new, smaller in _smaller(stage, model):
        if _is_valid(kind, smaller, engine):
            said = f"memory ran out, so the {_CALLED[kind]} goes on with {what} {new} instead of {old}"
            return Step(profile.model_copy(update={str(kind): smaller}), said)
    return None


def one_by_one(profile: Profile, why: str) -> Step | None:
    """`profile` with windows recognized one by one; None: it has them so."""
    stage = profile.asr
    if stage is None or stage.options.get("batch_size", 1) == 1:
        return None
    alone = stage.model_copy(update={"options": stage.options | {"batch_size": 1}})
    return Step(profile.model_copy(update={"asr": alone}), f"{why}, so windows are recognized one by one")


def _smaller(stage: Stage, model: str | None) -> Iterator[tuple[str, Any, Any, Stage]]:
    """(What is different, what it was, what it is, the stage), the least harmful first."""
    options = stage.options

    def setting(name: str, value: Any) -> tuple[str, Any, Any, Stage]:
        return name, options[name], value, stage.model_copy(update={"options": options | {name: value}})

    for name in ("batch_size", "concurrency"):
        if options.get(name, 1) > 1:
            yield setting(name, options[name] // 2)
    if (most := stage.instances.max) > 1:
        fewer = stage.instances.model_copy(update={"min": min(stage.instances.min, most // 2), "max": most // 2})
        yield "instances", most, fewer.max, stage.model_copy(update={"instances": fewer})
    compute_type = options.get("compute_type")
    if compute_type == "auto":
        narrower = _NARROWER_THAN_AUTO.get(options.get("device", "auto"))
    else:
        narrower = _NARROWER.get(str(compute_type))
    if narrower:
        yield setting("compute_type", narrower)
    if model:
        yield setting("model", model)


def _next_model(
    name: object, models: Sequence[Model], language: str | None, is_here: Callable[[Model], bool]
) -> str | None:
    """The largest model that is smaller than the one in use, and can take its place."""
    current = next((model for model in models if model.name == name), None)
    if current is None:
        return None
    smaller = [model for model in models if model.memory_mb < current.memory_mb]
    able = [model for model in smaller if _can_replace(model, current, language) and is_here(model)]
    return max(able, key=lambda model: model.memory_mb).name if able else None


def _can_replace(model: Model, current: Model, language: str | None) -> bool:
    """Whether `model` recognizes what is spoken; where that is not known, whether it can find out as `current` can."""
    if language is not None:
        return not model.languages or any(same_language(known, language) for known in model.languages)
    return len(model.languages) != 1 or model.languages == current.languages


def _is_valid(kind: StageKind, stage: Stage, engine: type[Engine[Any, Any, Any]]) -> bool:
    """Whether the engine has such a setting."""
    try:
        split_options(kind, stage.options, engine)
    except ProfileError:
        return False
    return True
