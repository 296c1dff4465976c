"""What was asked for when a job was made: with it, another process can go on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from workbench.engines import Settings
from workbench.errors import JobRefused
from workbench.jobs.checkpoint import Checkpoint
from workbench.outputs import Targets
from workbench.plan import Choice, Plan
from workbench.profiles.schema import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    targets: Targets
    settings: Settings
    profile: Profile
    """What "auto" was found to be is written in it, so that it is the same another day."""
    priority: int = 0
    """What has a higher one comes first."""

    def to_dict(self) -> dict[str, Any]:
        """For `Checkpoint.request`."""
        return {
            "targets": asdict(self.targets.absolute()),
            "settings": asdict(self.settings),
            "profile": self.profile.to_dict(),
            "priority": self.priority,
        }


def request_of(checkpoint: Checkpoint) -> Request:
    """Raises `JobRefused`."""
    try:
        return _adapter().validate_python(checkpoint.request)
    except ValidationError as error:
        message = f"the job of {str(checkpoint.path)!r} does not say what is to be made"
        raise JobRefused(message, hint="Start the file afresh.") from error


def stepped_down(request: Request, checkpoint: Checkpoint) -> Request:
    """`request` with the profile that its job goes on with. Raises `JobRefused`."""
    if not checkpoint.steps:
        return request
    try:
        return replace(request, profile=Profile.model_validate(checkpoint.steps[-1].profile))
    except ValidationError as error:
        message = f"the job of {str(checkpoint.path)!r} does not say what it goes on with"
        raise JobRefused(message, hint="Start the file afresh.") from error


def pinned(profile: Profile, plan: Plan) -> Profile:
    """`profile`, with the engines and options of `plan` in place of what it leaves open."""
    stages = {str(choice.engine.kind): _table(choice) for choice in plan.choices}
    return Profile.model_validate(profile.to_dict() | stages)


def _table(choice: Choice) -> dict[str, Any]:
    return {
        "engine": choice.engine.name,
        "instances": choice.instances.model_dump(),
        "options": choice.options.model_dump(mode="json", exclude_none=True) | dict(choice.core),
    }


@cache
def _adapter() -> TypeAdapter[Request]:
    return TypeAdapter(Request)
