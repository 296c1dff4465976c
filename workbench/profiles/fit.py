"""Whether a profile can run on a machine, as far as its lines tell before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.phrase import Phrase
from workbench.profiles.whisper_sizes import SIZES, WEIGHT_FACTORS

if TYPE_CHECKING:
    from workbench.profiles.hardware import HardwareInfo
    from workbench.profiles.schema import Profile


def obstacles(profile: Profile, hardware: HardwareInfo) -> list[Phrase]:
    """Why `profile` cannot run on `hardware`, a line for each; empty: nothing speaks against it."""
    found = (_obstacle(kind, stage.options, hardware) for kind, stage in profile.stages().items())
    return [obstacle for obstacle in found if obstacle]


def _obstacle(kind: str, options: Mapping[str, Any], hardware: HardwareInfo) -> Phrase | None:
    on_gpu = options.get("device") == "cuda"
    if on_gpu and not hardware.cuda_available:
        if hardware.gpu_count:
            return Phrase("{stage} is to run on CUDA, and its driver library does not load", stage=kind)
        return Phrase("{stage} is to run on CUDA, and this machine has no NVIDIA GPU", stage=kind)
    size = next((size for size in SIZES if size.name == options.get("model")), None)
    if size is None:
        return None
    compute_type = options.get("compute_type")
    if compute_type not in WEIGHT_FACTORS:
        compute_type = "int8"  # what takes the least
    if on_gpu:
        need, there, memory = size.vram_mb(compute_type, 1), max(hardware.gpu_memory_mb, default=0), "VRAM"
    else:
        need, there, memory = size.ram_mb(compute_type, 1), hardware.memory_total_mb, "RAM"
    if need <= there:
        return None
    words = "{stage} wants {model}, which takes about {need} MB of {memory}, and there are {there}"
    return Phrase(words, stage=kind, model=size.name, need=need, memory=memory, there=there)
