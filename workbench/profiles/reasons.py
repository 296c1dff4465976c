"""Why the optimizer chose what it chose: one plain sentence for each value of a plan."""

from __future__ import annotations

from workbench.phrase import counted
from workbench.profiles.hardware import HardwareInfo


def batch_size(value: int, first_guess: int, vram_mb: int) -> str:
    if not vram_mb:
        return "Without a GPU a batch is not faster than one window after the other."
    return _lowered(f"{vram_mb} MB of free VRAM", value, first_guess)


def concurrency(value: int, first_guess: int, cores: int, vram_mb: int) -> str:
    beside = f" and {vram_mb} MB of free VRAM" if vram_mb else ""
    return _lowered(counted(cores, "core") + beside, value, first_guess)


def instances(value: int, hardware: HardwareInfo, device: str) -> str:
    if device == "cpu":
        return "Without a GPU one copy of the model serves all calls."
    if value == hardware.gpu_count:
        return "There is one GPU." if value == 1 else f"One for each of {value} GPUs."
    return f"{value} of {hardware.gpu_count} GPUs: the others are much smaller, or there are too few cores."


def memory_mapping(hardware: HardwareInfo, mapping_below_mb: int) -> str:
    relation = "less" if hardware.memory_total_mb < mapping_below_mb else "not less"
    return f"{hardware.memory_total_mb} MB of RAM are {relation} than {mapping_below_mb} MB."


def cpu_affinity(cores: int, device: str) -> str:
    half = f"The first half of {counted(cores, 'core')}"
    if device == "cpu":
        return f"{half}, if the profile asks to bind; by default it does not, as recognition runs on the CPU."
    return f"{half}; the others stay free for everything else."


def device(hardware: HardwareInfo, value: str) -> str:
    vram_mb = max(hardware.gpu_memory_free_mb or hardware.gpu_memory_mb, default=0)
    if value == "cuda":
        return f"CUDA can be used on {hardware.gpu_names[0] if hardware.gpu_names else 'the GPU'}."
    if hardware.gpu_count and hardware.cuda_available:
        return f"No model fits: of the GPU's memory {vram_mb} MB are free, of RAM {hardware.memory_available_mb} MB."
    if hardware.gpu_count:
        return "There is a GPU, but CUDA's driver library does not load; see: workbench doctor."
    if hardware.mps_available:
        return "The engine does not compute on Apple's GPU; the CPU does it well."
    return "No NVIDIA GPU was found."


def model(need_mb: int, budget_mb: int, cores: int, device: str, fits: bool) -> str:
    if not fits:
        return f"The smallest, yet it takes about {need_mb} MB and only {budget_mb} MB of RAM can be used."
    memory = "VRAM" if device == "cuda" else "RAM"
    keeps_up = "" if device == "cuda" else f" keeps up on {counted(cores, 'core')} and"
    return f"The best that{keeps_up} fits: it takes about {need_mb} MB of the {budget_mb} MB of {memory} for it."


def compute_type(value: str, device: str) -> str:
    if device == "cpu":
        return "On a CPU int8 is the fastest and takes the least memory."
    return {
        "float16": "The GPU computes in float16, and there is memory enough for it.",
        "int8_float16": "In float16 the model would leave too little VRAM for the work itself.",
        "int8": "The GPU is too old to compute in float16.",
        "float32": "The GPU is too old to compute in float16 or int8.",
    }[value]


def threads_per_call(cores: int, calls: int) -> str:
    return f"{counted(cores, 'core')} shared by {counted(calls, 'call')} at once."


def files_at_once(value: int, calls: int, memory_mb: int) -> str:
    if value == calls + 2:
        return f"They keep {counted(calls, 'call')} at once busy while one is decoded and one is written."
    if value > calls + 2:
        return "Short files pass a long one, which has an equal share of the engines."
    return f"More would only take more of {memory_mb} MB of RAM: each has work for {counted(calls, 'call')} at once."


def _lowered(cause: str, value: int, first_guess: int) -> str:
    if value == first_guess:
        return f"What suits {cause}."
    return f"{first_guess} would suit {cause}, but all windows in work at once must fit memory."
