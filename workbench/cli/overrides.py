"""Puts what the command line says on top of a profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from workbench.engines import Settings, StageKind
from workbench.errors import MissingError, ProfileError, UsageError, did_you_mean
from workbench.plugins import Registry, how_to_install, how_to_take_up
from workbench.profiles import store
from workbench.profiles.options import check_file, installed_only, parse_override, split_options
from workbench.profiles.schema import STAGE_KINDS, Profile, Stage
from workbench.session import PREFERRED


def overridden(
    name: str | None, registry: Registry, engines: Sequence[str], options: Sequence[str], model: str | None = None
) -> Profile:
    """The profile to run with, with `STAGE=NAME` engines and `STAGE.KEY=VALUE` options put in.

    An engine that the profile does not name starts with none of its options. Raises `UsageError`.
    """
    profile = installed_only(_load(name, registry), registry)
    stages = profile.stages()
    for text in engines:
        kind, engine = _named_engine(text, registry)
        if kind not in stages or stages[kind].engine != engine:
            stages[kind] = Stage(engine=engine)
    given = [(f"--option {text}", *parse_override(text)) for text in options]
    if model is not None:
        given.append((f"--model {model}", StageKind.ASR, "model", model))
    for said, kind, key, value in given:
        stage = stages.get(kind) or Stage(engine=_usual(kind, registry))
        _check_option(said, kind, key, value, stage.engine, registry)
        stages[kind] = stage.model_copy(update={"options": stage.options | {key: value}})
    return profile.model_copy(update={kind: stages.get(kind) for kind in STAGE_KINDS})


def _load(name: str | None, registry: Registry) -> Profile:
    try:
        return store.current(name)
    except ProfileError:
        check_file(store.find(store.current_name(name)[0]), registry)  # tells the mistakes in options as well
        raise


def _named_engine(text: str, registry: Registry) -> tuple[str, str]:
    """`asr=whisper` as (kind, engine)."""
    kind, _, engine = text.partition("=")
    if not engine or kind not in STAGE_KINDS:
        hint = f"Write it as STAGE=NAME. Stages: {', '.join(STAGE_KINDS)}."
        raise UsageError(f"--engine {text!r} names no stage's engine{did_you_mean(kind, STAGE_KINDS)}", hint=hint)
    registry.find(StageKind(kind), engine)
    return kind, engine


def _check_option(said: str, kind: str, key: str, value: Any, engine: str, registry: Registry) -> None:
    """Refuse a mistake in one option where it was made, not as one of the profile's."""
    try:
        split_options(kind, {key: value}, registry.find(StageKind(kind), engine))
    except ProfileError as error:
        wrong = [problem.partition(": ")[2] for problem in error.problems if problem.startswith(f"{kind}.{key}: ")]
        if wrong:  # else others are missing, which may come from the profile
            raise UsageError(f"{said}: {wrong[0]}", hint=f"It is for the {kind} engine {engine!r}.") from error


def _usual(kind: str, registry: Registry) -> str:
    """The engine that options are for where none is named."""
    installed = registry.engines(StageKind(kind))
    for name in (*PREFERRED.get(StageKind(kind), ()), *installed):
        if name in installed:
            return name
    hint = how_to_take_up(registry.plugins) or how_to_install(StageKind(kind))
    raise MissingError(f"no engine for {kind} is installed", hint=hint)


def settings_of(profile: Profile, **given: Any) -> Settings:
    """The profile's settings; what is given and not None goes before."""
    settings = Settings(**profile.settings.model_dump())
    return replace(settings, **{key: value for key, value in given.items() if value is not None})
