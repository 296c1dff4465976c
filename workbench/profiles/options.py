"""Checks options against the engine they are for. Some options are the core's own: they stand among the engine's."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from workbench.errors import ProfileError, UnknownEngine, UsageError, did_you_mean
from workbench.profiles.problems import Problem, explain
from workbench.profiles.schema import STAGE_KINDS, Profile, Stage, failure, parse_profile, read_text, salvaged

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from workbench.engines import Options
    from workbench.hookspecs import EngineClass
    from workbench.plugins import Registry

CORE_OPTIONS: Mapping[str, str] = {
    "vad": "workbench.speech.segmenter:SegmenterOptions",
    "asr": "workbench.speech.packer:PackerOptions",
}
"""By stage kind, the model of the options that the core takes for itself, whatever the engine."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A stage of a profile whose engine is there and whose options are right."""

    stage: Stage
    engine: EngineClass
    options: Options
    core: Mapping[str, Any]
    """Those of the core: the keys that were set, checked and converted."""


def check_options(profile: Profile, registry: Registry) -> dict[str, Chosen]:
    """Check engines and options of all stages, by kind. Raises `ProfileError` with all mistakes."""
    from workbench.engines import StageKind

    chosen, problems = {}, []
    for kind, stage in profile.stages().items():
        try:
            engine = registry.find(StageKind(kind), stage.engine)
        except UnknownEngine as error:
            hint = error.hint[0].lower() + error.hint[1:].rstrip(".") if error.hint else ""
            problems.append(Problem((kind, "engine"), error.message + (f" ({hint})" if hint else "")))
            continue
        options, core, wrong = _split(kind, stage.options, engine)
        problems += [Problem((kind, "options", *problem.path), problem.text) for problem in wrong]
        if options is not None:
            chosen[kind] = Chosen(stage, engine, options, core)
    if problems:
        source = profile.source or f"profile {profile.name!r}"
        raise failure(source, list(map(profile.located, problems)))
    return chosen


def check_text(text: str, source: str, registry: Registry) -> Profile:
    """The profile in `text`. Raises `ProfileError` with all mistakes by line, those in engines and options too."""
    try:
        profile = parse_profile(text, source)
    except ProfileError as error:
        raise _with_options(error, text, source, registry) from error
    check_options(profile, registry)
    return profile


def check_file(path: Path, registry: Registry) -> Profile:
    """The profile in the file `path`. Raises `ProfileError` as `check_text` does, and when it cannot be read."""
    return check_text(read_text(path), str(path), registry)


def installed_only(profile: Profile, registry: Registry) -> Profile:
    """Of a profile made for this machine, what can be used: it names what is usual, and need not be here."""
    from workbench.engines import StageKind

    if profile.source:
        return profile
    missing = [k for k, stage in profile.stages().items() if stage.engine not in registry.engines(StageKind(k))]
    return profile.model_copy(update=dict.fromkeys(missing))


def _with_options(error: ProfileError, text: str, source: str, registry: Registry) -> ProfileError:
    """`error`, of a profile whose shape is wrong, with the mistakes in its engines and options as well."""
    try:
        check_options(salvaged(text, source), registry)
    except ProfileError as other:
        problems = sorted({*error.problems, *other.problems}, key=lambda text: _line(text, source))
        return failure(source, problems)
    return error


def _line(problem: str, source: str) -> int:
    number = problem.removeprefix(f"{source}:").partition(":")[0]
    return int(number) if number.isdecimal() else 0


def split_options(kind: str, options: Mapping[str, Any], engine: EngineClass) -> tuple[Options, dict[str, Any]]:
    """Check `options` for `engine`: its own, and those that the core takes for this kind of stage.

    A key that both know goes to the engine. Raises `ProfileError` with all mistakes.
    """
    own, core, problems = _split(kind, options, engine)
    if own is None:
        texts = tuple(f"{kind}.{problem.key}: {problem.text}" for problem in problems)
        raise ProfileError(f"the {kind} engine {engine.name!r} cannot be set so", problems=texts)
    return own, core


def mistakes(kind: str, options: Mapping[str, Any], engine: EngineClass) -> list[Problem]:
    """What is wrong with `options` for `engine`, by key; see `split_options`."""
    return _split(kind, options, engine)[2]


def option_fields(kind: str, engine: EngineClass) -> dict[str, FieldInfo]:
    """Every option that a profile can set on `engine`, by key: its own, then those of the core it does not hide."""
    own = engine.Options.model_fields
    core: Mapping[str, FieldInfo] = getattr(_core_model(kind), "model_fields", {})
    return {**own, **{key: field for key, field in core.items() if key not in own}}


def parse_override(text: str) -> tuple[str, str, Any]:
    """`vad.min_silence_ms=500` as (kind, key, value); a value that is no TOML is text. Raises `UsageError`."""
    name, equals, value = text.partition("=")
    kind, dot, key = name.strip().partition(".")
    if not (equals and dot and key):
        raise UsageError(f"{text!r} is no option", hint="Write it as STAGE.KEY=VALUE, like vad.min_silence_ms=500.")
    if kind not in STAGE_KINDS:
        stages = ", ".join(STAGE_KINDS)
        raise UsageError(f"{kind!r} is no stage{did_you_mean(kind, STAGE_KINDS)}", hint=f"Stages: {stages}.")
    return kind, key, parse_value(value)


def parse_value(text: str) -> Any:
    """The value that `text` is in TOML; what is no TOML is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _split(
    kind: str, options: Mapping[str, Any], engine: EngineClass
) -> tuple[Options | None, dict[str, Any], list[Problem]]:
    """(the engine's options, the core's, mistakes); no options of the engine when there are mistakes."""
    core_model = _core_model(kind)
    own_names, core_names = tuple(engine.Options.model_fields), _field_names(core_model)
    own = {key: value for key, value in options.items() if key in own_names}
    core = {key: value for key, value in options.items() if key in core_names and key not in own_names}
    problems = [
        Problem((key,), f"unknown option of {engine.name}" + _meant_or_known(key, option_fields(kind, engine)))
        for key in options.keys() - own.keys() - core.keys()
    ]
    checked, wrong = _validated(engine.Options, own)
    core_checked, core_wrong = _validated(core_model, core) if core else (None, [])
    problems += wrong + core_wrong
    order = list(options)
    problems.sort(key=lambda problem: order.index(str(problem.path[0])) if problem.path[0] in order else -1)
    return (None if problems else checked), {key: getattr(core_checked, key, None) for key in core}, problems


def _meant_or_known(key: str, known: Collection[str]) -> str:
    return did_you_mean(key, known) or (f" (known: {', '.join(known)})" if known else ", which has none")


def _core_model(kind: str) -> Any:
    if kind not in CORE_OPTIONS:
        return None
    module, name = CORE_OPTIONS[kind].split(":")
    return getattr(import_module(module), name)


def _field_names(model: Any) -> tuple[str, ...]:
    """Of a pydantic model, a dataclass or None."""
    return tuple(getattr(model, "model_fields", getattr(model, "__dataclass_fields__", ())))


def _validated(model: Any, values: dict[str, Any]) -> tuple[Any, list[Problem]]:
    try:
        return TypeAdapter(model).validate_python(values), []
    except ValidationError as error:
        return None, explain(error, values, {})
