"""What a command line asks to be made of files, and what is to be known before that begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.cli import console
from workbench.cli.options import what_to_show
from workbench.cli.progress import Display
from workbench.engines import Settings
from workbench.errors import UsageError
from workbench.models import loading_progress
from workbench.outputs import Targets, chosen_formats, targets
from workbench.plan import Plan
from workbench.plugins import DISABLED, Registry
from workbench.profiles import affinity
from workbench.profiles.hardware import CoreHardwareDetector
from workbench.profiles.schema import Profile, mismatches
from workbench.session import Session
from workbench.subtitles import Show
from workbench.subtitles.mux import subtitled
from workbench.threads import limit_arenas


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """Options, beside the settings of the stream."""

    output: str | None
    formats: str | None
    show: Show | None
    bilingual: bool
    mux: bool
    speak: bool
    force: bool

    def check(self, *, as_json: bool, voice: str | None) -> None:
        """Raise `UsageError` for options that contradict each other, or would have no effect."""
        if as_json and self.output == "-":
            raise UsageError("--json and -o - both want standard output", hint="Leave one of them out.")
        if self.mux and self.output == "-":
            raise UsageError("--mux writes a file, and -o - none", hint="Leave one of them out.")
        if voice is not None and not self.speak:
            raise UsageError("--voice needs --speak", hint="Add --speak to get a WAV, or leave --voice out.")

    def targets(self, files: Sequence[Path], session: Session, settings: Settings) -> list[Targets]:
        """Raises `UsageError` for what cannot be written where it was asked for."""
        known = session.formats()
        formats = chosen_formats(self.formats, self.output, known)
        translator = settings.target_language or ("translated" if session.translates(settings) else None)
        hint, translated = "Say which: --translate LANGUAGE", translator is not None
        show = what_to_show(self.show, bilingual=self.bilingual, translated=translated, hint=hint)
        found = targets(
            files,
            formats,
            known,
            output=self.output,
            translation=translator if show != "source" else None,
            speech=(settings.target_language or "speech") if self.speak else None,
        )
        return [replace(one, show=show, overwrite=self.force, copy=_copy(one) if self.mux else None) for one in found]


def prepare_process(profile: Profile, registry: Registry) -> None:
    """Before engines are loaded: say what is amiss and stops nothing, and set what holds for the whole process."""
    notes = [f"plugin {p.name!r} is left out: {p.error}" for p in registry.plugins if p.error not in ("", DISABLED)]
    notes += dict.fromkeys(registration.error for registration in registry.registrations if registration.error)
    if profile.source:
        notes += mismatches(profile, CoreHardwareDetector().detect())
    for note in notes:
        console.say(f"note: {note}")
    affinity.apply(profile.hardware.cpu_affinity)
    limit_arenas()


def note_stand_ins(plan: Plan) -> None:
    """Say which engines take the place of others that are missing."""
    for choice in plan.choices:
        for reason in choice.instead_of:
            console.say(f"note: {choice.engine.kind} engine {choice.engine.name!r} stands in: {reason}")


async def have_engines(session: Session, plan: Plan, shown: Display) -> None:
    """Say which engines stand in for others, and fetch weights that are missing.

    So what cannot be had is refused once, before any file is begun. Raises as `Session.load` does.
    """
    note_stand_ins(plan)
    if any(choice.is_here() is False for choice in plan.choices):
        loading_progress.set(shown.loading())
        await session.load(plan)


def _copy(targets: Targets) -> Path:
    """Where the copy with subtitles goes: beside the subtitles."""
    return targets.paths[0].with_name(subtitled(targets.path).name)
