"""The machine and its profiles, as the profile screen takes them from the disk. All functions block."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ProfileError
from workbench.files import write_text
from workbench.plugins import Registry
from workbench.profiles import store
from workbench.profiles.hardware import CoreHardwareDetector, HardwareInfo
from workbench.profiles.optimizer import CoreOptimizer, Plan
from workbench.profiles.options import check_file, check_text, installed_only
from workbench.profiles.schema import Profile, read_text


@dataclass(frozen=True, slots=True)
class Machine:
    hardware: HardwareInfo
    plan: Plan
    default: Profile
    """Made for it."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A profile in the list."""

    name: str
    path: Path | None
    """None: it is made anew each time."""
    is_own: bool
    text: str = ""
    profile: Profile | None = None
    """None: it has mistakes."""
    problems: tuple[str, ...] = ()


def look_at_machine() -> Machine:
    hardware = CoreHardwareDetector().detect()
    plan = CoreOptimizer().plan(hardware)
    return Machine(hardware, plan, store.from_plan(hardware, plan, store.AUTO))


def load(name: str, default: Profile, registry: Registry) -> Chosen:
    if name == store.AUTO:
        return Chosen(name, None, False, store.dumps(default), default)
    path = store.find(name)
    is_own = path.parent != store.presets_dir()
    try:
        text = read_text(path)
        return Chosen(name, path, is_own, text, check_text(text, name, registry))
    except ProfileError as error:
        return Chosen(name, path, is_own, _raw(path), None, error.problems or (error.message,))


def _raw(path: Path) -> str:
    return path.read_text("utf-8-sig", "replace")


def choose(chosen: Chosen, default: Profile, registry: Registry) -> Profile:
    """Use it from the next start on, and give what can be used of it now."""
    profile = installed_only(default, registry) if chosen.path is None else check_file(chosen.path, registry)
    store.use(chosen.name)
    return profile


def save(path: Path, text: str, registry: Registry) -> None:
    check_text(text, path.name, registry)
    write_text(path, text)


def draft(name: str) -> str:
    """What was left of editing that profile; empty when nothing was."""
    file = store.draft_file(name)
    return read_text(file) if file.is_file() else ""


def keep_draft(name: str, text: str) -> None:
    write_text(store.draft_file(name), text)


def drop_draft(name: str) -> None:
    store.draft_file(name).unlink(missing_ok=True)
