"""Puts what the command line says on top of a profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from workbench.engines import Settings, StageKind
from workbench.errors import UsageError
from workbench.plugins import Registry
from workbench.profiles import store
from workbench.profiles.options import parse_override
from workbench.profiles.problems import did_you_mean
from workbench.profiles.schema import STAGE_KINDS, Profile, Stage
from workbench.session import PREFERRED


def overridden(name: str | None, registry: Registry, engines: Sequence[str], options: Sequence[str]) -> Profile:
    """The profile to run with, with `STAGE=NAME` engines and `STAGE.KEY=VALUE` options put in.

    An engine that the profile does not name starts with none of its options. Raises `UsageError`.
    """
    profile = store.current(name)
    stages = profile.stages()
    for text in engines:
        kind, _, engine = text.partition("=")
        if not engine or kind not in STAGE_KINDS:
            hint = f"Write it as STAGE=NAME. Stages: {', '.join(STAGE_KINDS)}."
            raise UsageError(f"{text!r} names no stage's engine{did_you_mean(kind, STAGE_KINDS)}", hint=hint)
        if kind not in stages or stages[kind].engine != engine:
            stages[kind] = Stage(engine=engine)
    for text in options:
        kind, key, value = parse_override(text)
        stage = stages.get(kind) or Stage(engine=_usual(kind, registry))
        stages[kind] = stage.model_copy(update={"options": stage.options | {key: value}})
    return profile.model_copy(update=stages)


def _usual(kind: str, registry: Registry) -> str:
    """The engine that options are for where none is named."""
    installed = registry.engines(StageKind(kind))
    for name in (*PREFERRED.get(StageKind(kind), ()), *installed):
        if name in installed:
            return name
    raise UsageError(f"no {kind} engine is installed for that option", hint="See: workbench plugins")


def settings_of(profile: Profile, **given: Any) -> Settings:
    """The profile's settings; what is given and not None goes before."""
    settings = Settings(**profile.settings.model_dump())
    return replace(settings, **{key: value for key, value in given.items() if value is not None})
