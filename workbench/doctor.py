"""Checks whether the workbench can work here. Each check says what is, what it means, and the command that mends it."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from workbench import paths
from workbench.errors import ProfileError, UsageError, WorkbenchError
from workbench.profiles import store
from workbench.profiles.hardware import CoreHardwareDetector, HardwareInfo
from workbench.profiles.optimizer import CoreOptimizer
from workbench.profiles.schema import mismatches

if TYPE_CHECKING:
    from workbench.plugins import Registry

Status = Literal["ok", "warn", "fail"]
LOW_DISK_GB: Final = 2
"""Models take most of it."""


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    status: Status
    message: str
    fix: str = ""
    """A command, or what to do."""


@dataclass(frozen=True, slots=True)
class _Machine:
    """What the checks look at, found once."""

    hardware: HardwareInfo
    registry: Registry


def examine(disabled: Collection[str] = ()) -> list[Check]:
    """Run all checks, in a second or two, without the plugins in `disabled` and those left out for good.

    Never raises: a check that breaks is a failed check.
    """
    from workbench import plugins

    with suppress(UsageError):  # it is told by the check of plugins
        disabled = [*disabled, *plugins.disabled()]
    machine = _Machine(CoreHardwareDetector().detect(), plugins.load(disabled))
    checks: list[Check] = []
    for examine_part in _PARTS:
        try:
            checks += examine_part(machine)
        except Exception as error:
            name = examine_part.__name__.strip("_")
            checks.append(Check(name, "fail", f"the check itself broke: {type(error).__name__}: {error}"))
    return [_without_home(check) for check in checks]


def _python(machine: _Machine) -> Iterator[Check]:
    version = platform.python_version()
    if sys.maxsize < 2**32:
        yield Check("python", "fail", f"Python {version} has 32 bits; models need 64", "Install a 64-bit Python.")
    else:
        yield Check("python", "ok", f"Python {version}, {platform.platform(terse=True)}")


def _plugins(machine: _Machine) -> Iterator[Check]:
    from workbench.plugins import DISABLED, disabled

    try:
        disabled()
    except UsageError as error:
        yield Check("plugins", "fail", error.message, error.hint)
    broken = [p for p in machine.registry.plugins if p.error not in ("", DISABLED)]
    for plugin in broken:
        message = f"plugin {plugin.name} ({plugin.distribution} {plugin.version}) is left out: {plugin.error}"
        yield Check("plugins", "warn", message, f"pip install --upgrade {plugin.distribution or plugin.name}")
    for registration in machine.registry.registrations:
        if registration.error:
            yield Check("plugins", "warn", registration.error, f"pip uninstall {registration.plugin.distribution}")
    if not broken:
        count = sum(not plugin.error for plugin in machine.registry.plugins)
        yield Check("plugins", "ok", "1 plugin works" if count == 1 else f"{count} plugins work")


def _engines(machine: _Machine) -> Iterator[Check]:
    from workbench.engines import StageKind
    from workbench.plugins import PACKAGES, how_to_take_up

    for kind, purpose, status in (
        (StageKind.VAD, "find speech", "fail"),
        (StageKind.ASR, "recognize speech", "fail"),
        (StageKind.TRANSLATION, "translate", "warn"),
        (StageKind.TTS, "speak", "warn"),
    ):
        fix = f"pip install {PACKAGES[kind]}"
        names = list(machine.registry.engines(kind))
        fix = how_to_take_up(p for p in machine.registry.plugins if p.distribution and p.distribution in fix) or fix
        if not names:
            yield Check(f"{kind} engines", "fail" if status == "fail" else "warn", f"nothing can {purpose}", fix)
        elif kind is StageKind.VAD and names == ["energy"]:
            message = "only energy: speech is told from silence by loudness alone"
            yield Check(f"{kind} engines", "warn", message, fix)
        else:
            yield Check(f"{kind} engines", "ok", ", ".join(names))


def _models(machine: _Machine) -> Iterator[Check]:
    """Whether engines have their weights; those that know no model by name bring their own."""
    from workbench.engines import Engine, StageKind
    from workbench.models import present

    engines = [engine for kind in StageKind for engine in machine.registry.engines(kind).values()]
    for engine in engines:
        name, models = engine.name, engine.models() if issubclass(engine, Engine) else ()
        here = [f"{model.name} ({place})" for model in models if (place := present(model))]
        if here:
            yield Check("models", "ok", f"{name}: {', '.join(here)}")
        elif models:
            smallest = min(models, key=lambda model: model.size)
            packages = [" ".join(package.requirements) for model in models for package in model.packages]
            fix = f"pip install {packages[0]}" if packages else f"workbench models --fetch {smallest.name}"
            status: Status = "fail" if engine.kind is StageKind.ASR else "warn"
            yield Check("models", status, f"{name}: none of its models is on this machine", fix)


def _profile(machine: _Machine) -> Iterator[Check]:
    from workbench.profiles.options import check_options

    name, why = store.current_name()
    try:
        profile = store.load(name)
        check_options(profile, machine.registry)
    except WorkbenchError as error:
        problems = error.problems if isinstance(error, ProfileError) else (error.hint,)
        fix = "workbench profile use auto" if name != store.AUTO else "workbench plugins"
        yield Check("profile", "fail", "; ".join(filter(None, [error.message, *problems])), fix)
        return
    warnings = mismatches(profile, machine.hardware)
    for warning in warnings:
        yield Check("profile", "warn", warning, "workbench profile diff")
    if not warnings:
        yield Check("profile", "ok", f"{name} ({why})")


def _disk(machine: _Machine) -> Iterator[Check]:
    for name, free, folder in (
        ("disk", machine.hardware.data_space_available_gb, "sessions and jobs"),
        ("temporary disk", machine.hardware.temp_space_available_gb, "temporary files"),
    ):
        message = f"{free} GB free for {folder}"
        if free >= LOW_DISK_GB:
            yield Check(name, "ok", message)
        else:
            variable = "WORKBENCH_DATA_DIR" if name == "disk" else "TMPDIR"
            fix = f"Free some, or set {variable} to a folder on another disk."
            yield Check(name, "warn" if free else "fail", message, fix)


def _memory(machine: _Machine) -> Iterator[Check]:
    plan = CoreOptimizer().plan(machine.hardware)
    message = f"{machine.hardware.memory_available_mb} of {machine.hardware.memory_total_mb} MB available"
    if plan.fits:
        yield Check("memory", "ok", f"{message}: enough for Whisper {plan.model}")
    else:
        yield Check("memory", "fail", f"{message}. {plan.reasons['model']}", "Close other programs.")


def _folders(machine: _Machine) -> Iterator[Check]:
    folders = {
        "CONFIG": paths.config_dir(),
        "DATA": paths.data_dir(),
        "STATE": paths.state_dir(),
        "CACHE": paths.cache_dir(),
    }
    refused = {name: folder for name, folder in folders.items() if not _writable(folder)}
    for name, folder in refused.items():
        fix = f"Make it writable, or set WORKBENCH_{name}_DIR to another folder."
        yield Check("folders", "fail", f"{folder} cannot be written to", fix)
    if not refused:
        yield Check("folders", "ok", ", ".join(map(str, folders.values())))


def _cuda(machine: _Machine) -> Iterator[Check]:
    hardware = machine.hardware
    for problem in hardware.problems:
        yield Check(
            "hardware",
            "warn",
            f"could not find out: {problem}",
            "Install the driver for the GPU again, then reboot." if problem.startswith("GPU:") else "",
        )
    if not hardware.gpu_count:
        yield Check("gpu", "ok", "no NVIDIA GPU was found: the CPU does the work")
    elif not hardware.cuda_available:
        message = f"{hardware.gpu_names[0]} is there, but CUDA's driver library does not load: the CPU does the work"
        yield Check("gpu", "warn", message, "Install NVIDIA's driver, not only its kernel module.")
    elif not _cublas_there():
        message = f"{hardware.gpu_names[0]} is there, but cuBLAS is not: the recognizer cannot use it"
        yield Check("gpu", "warn", message, "pip install nvidia-cublas-cu12 nvidia-cudnn-cu12")
    else:
        yield Check("gpu", "ok", f"{', '.join(hardware.gpu_names)}, driver {hardware.driver}")


def _microphone(machine: _Machine) -> Iterator[Check]:
    from workbench.audio.devices import devices

    try:
        sources = [device for device in devices() if device.kind != "output"]
    except WorkbenchError as error:
        yield Check("microphone", "warn", f"{error.message}; files still work", error.hint)
        return
    if not sources:
        fix = "Connect one; on Linux also see that PulseAudio or PipeWire runs, and libasound2-plugins is installed."
        yield Check("microphone", "warn", "there is no microphone or other source: files still work", fix)
        return
    default = next((device for device in sources if device.is_default), sources[0])
    others = f", and {len(sources) - 1} more" if len(sources) > 1 else ""
    yield Check("microphone", "ok", f"{default.name} ({default.sample_rate} Hz, {default.host}){others}")


_PARTS: Sequence[Callable[[_Machine], Iterator[Check]]] = (
    _python,
    _plugins,
    _engines,
    _models,
    _profile,
    _microphone,
    _cuda,
    _memory,
    _disk,
    _folders,
)


def _writable(folder: Path) -> bool:
    """Whether files can be made in `folder`, or it can be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _cublas_there() -> bool:
    """Where CTranslate2 finds it: on the system, or in NVIDIA's package."""
    try:
        return bool(ctypes.util.find_library("cublas") or importlib.util.find_spec("nvidia.cublas"))
    except ModuleNotFoundError:
        return False


def _without_home(check: Check) -> Check:
    home = str(Path.home())
    return check if len(home) < 2 else replace(check, message=check.message.replace(home, "~"))
