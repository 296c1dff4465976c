"""Whether a profile can run on a machine, as far as its lines tell before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.profiles.whisper_sizes import SIZES, WEIGHT_FACTORS

if TYPE_CHECKING:
    from workbench.profiles.hardware import HardwareInfo
    from workbench.profiles.schema import Profile, Stage


def obstacles(profile: Profile, hardware: HardwareInfo) -> list[str]:
    """Why `profile` cannot run on `hardware`, a line for each; empty: nothing speaks against it."""
    found = ((kind, _obstacle(stage, hardware)) for kind, stage in profile.stages().items())
    return [f"{kind} {obstacle}" for kind, obstacle in found if obstacle]


def _obstacle(stage: Stage, hardware: HardwareInfo) -> str:
    options = stage.options
    on_gpu = options.get("device") == "cuda"
    if on_gpu and not hardware.cuda_available:
        found = "CUDA's driver library does not load" if hardware.gpu_count else "this machine has no NVIDIA GPU"
        return f"is to run on CUDA, and {found}"
    size = next((size for size in SIZES if size.name == options.get("model")), None)
    if size is None:
        return ""
    compute_type = options.get("compute_type")
    if compute_type not in WEIGHT_FACTORS:
        compute_type = "int8"  # what takes the least
    if on_gpu:
        need, there, memory = size.vram_mb(compute_type, 1), max(hardware.gpu_memory_mb, default=0), "VRAM"
    else:
        need, there, memory = size.ram_mb(compute_type, 1), hardware.memory_total_mb, "RAM"
    return f"wants {size.name}, which takes about {need} MB of {memory}, and there are {there}" if need > there else ""
