"""What the text of a job depends on, as it is now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import workbench
from workbench.jobs.checkpoint import Identity, content_hash
from workbench.jobs.request import Request
from workbench.models import Model
from workbench.plan import Choice, Plan
from workbench.plugins import Registry


async def identify(request: Request, plan: Plan, registry: Registry) -> Identity:
    """Reads the whole file. Raises `InputError`."""
    size, content = await content_hash(request.targets.path)
    capture = request.profile.capture
    heard = {"capture": {"engine": capture.engine, "options": capture.options}} if capture else {}
    return Identity(
        size=size,
        content=content,
        settings=asdict(request.settings),
        profile=heard | {str(choice.engine.kind): _decisive(choice) for choice in plan.choices},
        plugins=dict(_versions(plan, registry)),
        models={choice.title: found for choice in plan.choices if (found := weights_of(choice))},
    )


def _decisive(choice: Choice) -> dict[str, Any]:
    """Engine and options, but those that only change how fast it is."""
    options = choice.options.model_dump(mode="json", exclude=set(choice.engine.Options.speed_only))
    return {"engine": choice.engine.name, "options": options, "core": dict(choice.core)}


def _versions(plan: Plan, registry: Registry) -> Iterator[tuple[str, str]]:
    yield "audio-workbench", workbench.__version__
    engines = {choice.engine for choice in plan.choices}
    for registration in registry.registrations:
        if registration.engine in engines:
            yield registration.plugin.distribution, registration.plugin.version


def weights_of(choice: Choice) -> str:
    """A hash of the weights, as far as one is known without reading them; empty where an engine names none."""
    model = next((model for model in choice.engine.models() if model.name == choice.model), None)
    if model is not None:
        return _known_hash(model)
    folder = Path(choice.model) if choice.model else None
    if folder is None or not folder.is_dir():
        return ""
    files = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(folder.iterdir())]
    return hashlib.sha256(repr(files).encode()).hexdigest()


def _known_hash(model: Model) -> str:
    hashes = [file.sha256 for package in model.packages for file in package.files]
    return hashlib.sha256(" ".join([model.repository, *hashes]).encode()).hexdigest()
