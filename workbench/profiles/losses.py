"""What does not work any more when plugins are left out."""

from __future__ import annotations

from collections.abc import Collection

from workbench.engines import StageKind
from workbench.phrase import Phrase
from workbench.plugins import Registry
from workbench.profiles.schema import Profile


def losses(left_out: Collection[str], registry: Registry, profile: Profile) -> list[Phrase]:
    """What is missing without the plugins of these names: kinds of work, and engines that `profile` names.

    A profile that is no file is made anew, with what is there.
    """
    found = []
    stages = profile.stages() if profile.source else {}
    for kind in StageKind:
        of_kind = [r for r in registry.registrations if r.kind is kind and not r.error]
        gone = [r.name for r in of_kind if r.plugin.name in left_out]
        stage = stages.get(kind.value)
        if gone and len(gone) == len(of_kind):
            found.append(Phrase("No engine is left for {kind}.", kind=Phrase(kind.value)))
        elif stage is not None and stage.engine in gone:
            found.append(
                Phrase("Profile {name} cannot be used: it names {engine}.", name=profile.name, engine=stage.engine)
            )
    return found
