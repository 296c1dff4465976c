"""What was found and planned, as people read it: the command line and the interface show the same rows."""

from __future__ import annotations

from typing import NamedTuple

from workbench.phrase import counted
from workbench.profiles.hardware import HardwareInfo
from workbench.profiles.optimizer import Plan


class Row(NamedTuple):
    label: str
    value: str
    reason: str = ""


_LABELS = {
    "batch_size": "Batch size",
    "concurrency": "Concurrency",
    "instances": "Instances",
    "memory_mapping": "Memory mapping",
    "cpu_affinity": "CPU affinity",
    "device": "Device",
    "model": "Model",
    "compute_type": "Compute type",
    "threads_per_call": "Threads per call",
    "files_at_once": "Files at once",
}


def hardware_rows(hardware: HardwareInfo) -> list[Row]:
    gpus = zip(hardware.gpu_names, hardware.gpu_memory_mb, hardware.gpu_memory_free_mb, strict=False)
    found = [Row("GPU", f"{name} ({_gb(total)} GB of memory, {_gb(free)} GB free)") for name, total, free in gpus]
    none = "Apple's, not used for recognition" if hardware.mps_available else "none"
    features = (feature.upper() for feature in hardware.cpu_features if feature in ("avx2", "avx512f"))
    about = ", ".join(filter(None, [hardware.cpu_name, *features]))
    cpu = f"{counted(hardware.cpu_cores, 'core')} / {counted(hardware.cpu_threads, 'thread')}"
    total, available = _gb(hardware.memory_total_mb), _gb(hardware.memory_available_mb)
    data, temporary = hardware.data_space_available_gb, hardware.temp_space_available_gb
    return [
        *(found or [Row("GPU", none)]),
        Row("CPU", cpu + (f" ({about})" if about else "")),
        Row("Memory", f"{total} GB in total, {available} GB available"),
        Row("Storage", f"{data} GB available, and for temporary files {temporary} GB"),
    ]


def plan_rows(plan: Plan) -> list[Row]:
    """One for each value, with its reason."""
    values = plan.values() | {
        "memory_mapping": "yes" if plan.memory_mapping else "no",
        "cpu_affinity": _cores(plan.cpu_affinity) + ("" if plan.binds_cpu else " (not bound)"),
    }
    return [Row(label, str(values[key]), plan.reasons[key]) for key, label in _LABELS.items()]


def _cores(cores: tuple[int, ...]) -> str:
    """The cores of a plan, which follow one another."""
    return f"core {cores[0]}" if len(cores) == 1 else f"cores {cores[0]}-{cores[-1]}"


def _gb(mb: int) -> str:
    return f"{mb / 1024:.0f}" if mb >= 10 * 1024 else f"{mb / 1024:.1f}"
