"""Where profiles live: the user's folder, the presets that come along, and which one is in use."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import tomli_w

from workbench import config, paths
from workbench.errors import UsageError, did_you_mean
from workbench.files import write_text as write_file
from workbench.profiles.hardware import CoreHardwareDetector, HardwareInfo
from workbench.profiles.optimizer import DEFAULT_ENGINES, CoreOptimizer, Plan
from workbench.profiles.schema import Hardware, Instances, Jobs, Profile, Stage, load_profile, parse_profile, read_text

AUTO: Final = "auto"
"""The name of no file: the profile that the optimizer makes for this machine, each time anew."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*\.|auto")
"""Names that Windows keeps for devices, or cuts, and our own."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A profile that can be chosen by name."""

    name: str
    path: Path
    is_preset: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """None: not there."""

    key: str
    left: Any
    right: Any


def user_dir() -> Path:
    return paths.config_dir() / "profiles"


def presets_dir() -> Path:
    """The repository's folder when run from it, else the one in the installed package."""
    root = Path(__file__).parents[2]
    in_repository = root / "profiles"
    if (root / "pyproject.toml").is_file() and in_repository.is_dir():
        return in_repository
    return Path(__file__).parent / "presets"


def entries() -> list[Entry]:
    """All profiles by name. The user's own hide presets of the same name."""
    found = {path.stem: Entry(path.stem, path, True) for path in presets_dir().glob("*.toml")}
    found |= {path.stem: Entry(path.stem, path, False) for path in user_dir().glob("*.toml")}
    return [found[name] for name in sorted(found)]


def find(name: str) -> Path:
    """The file of a profile, given its name or the path of a .toml file. Raises `UsageError` when there is none."""
    if _is_path(name):
        path = Path(name).expanduser()
        if not path.is_file():
            raise UsageError(f"no such file: {name!r}", hint="Profiles by name: workbench profile list")
        return path
    known = {entry.name: entry.path for entry in entries()}
    if name not in known:
        hint = f"There are: {', '.join([AUTO, *known])}. See: workbench profile list"
        raise UsageError(f"no profile is called {name!r}{did_you_mean(name, known)}", hint=hint)
    return known[name]


def load(name: str) -> Profile:
    """The profile of that name or path; "auto" makes one for this machine. Raises `UsageError`, `ProfileError`."""
    return propose() if name == AUTO else load_profile(find(name))


def current(flag: str | None = None) -> Profile:
    """The profile to run with: by `flag`, else WORKBENCH_PROFILE, else the one chosen, else one made here and now."""
    return load(current_name(flag)[0])


def current_name(flag: str | None = None) -> tuple[str, str]:
    """(name or path of the profile to run with, who says so)."""
    if flag:
        return flag, "the command line"
    if name := os.environ.get("WORKBENCH_PROFILE"):
        return name, "WORKBENCH_PROFILE"
    if name := config.read().get("profile"):
        return str(name), str(config.config_file())
    return AUTO, "no choice was made"


def use(name: str) -> None:
    """Choose the profile to run with from now on. Raises `UsageError` or `ProfileError` when it cannot be used."""
    load(name)
    choice = str(Path(name).expanduser().resolve()) if _is_path(name) else name
    config.change("profile", choice)


def write(profile: Profile, name: str, *, force: bool = False) -> Path:
    """Write `profile` to the user's folder, under `name`. Raises `UsageError` when it is there and not `force`."""
    path = user_path(name)
    if path.exists() and not force:
        raise UsageError(f"profile {name!r} is there already: {path}", hint="Overwrite it with --force.")
    write_file(path, dumps(profile.model_copy(update={"name": name})))
    return path


def write_text(name: str, text: str) -> Path:
    """Write a user's profile as it stands, comments and all. The caller has checked it."""
    path = user_path(name)
    write_file(path, text)
    return path


def user_path(name: str) -> Path:
    """Where a user's profile of that name is. Raises `UsageError` for a name that is no plain file name."""
    if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a profile",
            hint="Use up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit.",
        )
    return user_dir() / f"{name}.toml"


def draft_file(name: str) -> Path:
    """Where what was edited of a profile is kept while it cannot be saved."""
    return user_dir() / f"{Path(name).stem if _is_path(name) else name}.toml.draft"


def new_path(name: str) -> Path:
    """Where a user's profile of that name will be. Raises `UsageError` when there is one, as `user_path` does."""
    path = user_path(name)
    if path.exists():
        raise UsageError(f"profile {name!r} is there already: {path}", hint="Choose another name.")
    return path


def dumps(profile: Profile) -> str:
    """The TOML of `profile`."""
    return tomli_w.dumps(profile.to_dict())


def own_file(profile: Profile) -> Path | None:
    """The file that `profile` was read from, where it is the user's own; None for presets, and where there is none."""
    path = Path(profile.source)
    return path if profile.source and path.resolve().parent != presets_dir().resolve() else None


def with_engine(profile: Profile, kind: str, engine: str, options: Mapping[str, Any]) -> Profile:
    """`profile` with that engine and just those options for stages of `kind`. They are not checked."""
    stage = profile.stages().get(kind) or Stage(engine=engine)
    return profile.model_copy(update={kind: stage.model_copy(update={"engine": engine, "options": dict(options)})})


def save_stage(profile: Profile, path: Path, kind: str, engine: str, options: Mapping[str, Any]) -> Profile:
    """Write the TOML of `profile` with that engine and just those options for stages of `kind` to `path`.

    Comments survive. The file becomes the profile in use where it is not the one that `profile` came from. Gives the
    profile that it holds. Raises `ProfileError` or `OutputError`, and leaves all files as they were.
    """
    text = with_stage(read_text(Path(profile.source)) if profile.source else dumps(profile), kind, engine, options)
    is_new = own_file(profile) != path
    if is_new:
        text = renamed(text, path.stem)
    saved = parse_profile(text, str(path))
    write_file(path, text)
    if is_new:
        use(path.stem)
    return saved


def renamed(text: str, name: str) -> str:
    """The TOML `text` of a profile, under another name."""
    import tomlkit

    document = tomlkit.parse(text)
    document["name"] = name
    return tomlkit.dumps(document)


def with_stage(text: str, kind: str, engine: str, options: Mapping[str, Any]) -> str:
    """The TOML `text`, with that engine and just those options for stages of `kind`. Other lines stay as they are."""
    import tomlkit

    document = tomlkit.parse(text)
    stage = cast(dict[str, Any], document.setdefault(kind, tomlkit.table()))
    if stage.get("engine") != engine:
        stage["engine"] = engine
    table = stage.setdefault("options", tomlkit.table())
    old = table.unwrap()
    for key in old.keys() - options.keys():
        del table[key]
    for key, value in options.items():
        if key not in old or (type(old[key]), old[key]) != (type(value), value):
            table[key] = value
    if not options:
        del stage["options"]
    return tomlkit.dumps(document)


def propose(
    hardware: HardwareInfo | None = None, name: str = AUTO, engines: Mapping[str, str] = DEFAULT_ENGINES
) -> Profile:
    """The profile that the optimizer makes for `hardware`, or for this machine, with `engines` by stage kind."""
    hardware = hardware or CoreHardwareDetector().detect()
    return from_plan(hardware, CoreOptimizer().plan(hardware, engines), name, engines)


def from_plan(hardware: HardwareInfo, plan: Plan, name: str, engines: Mapping[str, str] = DEFAULT_ENGINES) -> Profile:
    """Write down `plan` as a profile.

    Only the recognizer depends on the hardware; other engines are written down where they are not the usual ones.
    The model stays "auto": the best that is present and fits. There is one instance, whatever the number of GPUs:
    all instances of a pool have the same options, so they would share the one GPU that these name.
    """
    unusual = dict(engines.items() - DEFAULT_ENGINES.items() - {("asr", engines["asr"])})
    stages: dict[str, Any] = {kind: Stage(engine=engine) for kind, engine in unusual.items()}
    options = {
        "model": "auto",
        "device": plan.device,
        "compute_type": plan.compute_type,
        "concurrency": plan.concurrency,
        "threads_per_call": plan.threads_per_call,
    }
    if plan.batch_size > 1:
        options["batch_size"] = plan.batch_size
    return Profile(
        schema=1,
        name=name,
        hardware=Hardware(
            cpu_threads=hardware.cpu_threads,
            memory_gib=round(hardware.memory_total_mb / 1024, 1),
            gpu_count=hardware.gpu_count,
            gpu_memory_gib=round(min(hardware.gpu_memory_mb) / 1024, 1) if plan.device == "cuda" else None,
            memory_mapping=plan.memory_mapping,
            cpu_affinity="half" if plan.binds_cpu else "none",
        ),
        **stages,
        asr=Stage(engine=engines["asr"], instances=Instances(min=1, max=1), options=options),
        jobs=Jobs(files_at_once=plan.files_at_once),
    )


def diff(left: Profile, right: Profile) -> list[Difference]:
    """Key by key, sorted, defaults filled in. Names are no difference."""
    a, b = _flat(left.effective() | {"name": ""}), _flat(right.effective() | {"name": ""})
    return [Difference(key, a.get(key), b.get(key)) for key in sorted(a | b) if a.get(key) != b.get(key)]


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def _is_path(name: str) -> bool:
    return name.endswith(".toml") or "/" in name or os.sep in name
